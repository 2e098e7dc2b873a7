/* Estimate of the server's clock from the times in its messages: of all delays seen, the least is nearest to none. */

const DRIFT_PER_MS = 1e-4; // so that an estimate made long ago cannot hide that the clocks drift apart

/** The server's clock, in milliseconds since 1970. */
export class ServerClock {
  #offset_ms = null;
  #at_ms = 0;

  /** Forget the estimate, since the server or its clock may be another one. */
  reset() {
    this.#offset_ms = null;
  }

  /** Take the time that a message just received carries. */
  note(server_ms) {
    const now = performance.now();
    const delay = now - server_ms;
    if (this.#offset_ms === null || delay < this.#offsetAt(now)) {
      this.#offset_ms = delay;
      this.#at_ms = now;
    }
  }

  /** The server's time now; the browser's as long as no message came. */
  now_ms() {
    if (this.#offset_ms === null) return Date.now();
    const now = performance.now();
    return now - this.#offsetAt(now);
  }

  #offsetAt(now) {
    return this.#offset_ms + (now - this.#at_ms) * DRIFT_PER_MS;
  }
}
