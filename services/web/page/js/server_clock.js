/* Estimate of the server's clock from the times in its messages; the shortest delay counts as none. */

const DRIFT_PER_MS = 1e-4; // assumed drift of the two clocks, so that a newer message can correct an old estimate

/** The server's clock, in milliseconds since 1970. */
export class ServerClock {
  #offset_ms = null;
  #at_ms = 0;

  /** Drop the estimate, because the server or its clock may have changed. */
  reset() {
    this.#offset_ms = null;
  }

  /** Use the server's time of a message that was just received. */
  note(server_ms) {
    const now = performance.now();
    const delay = now - server_ms;
    if (this.#offset_ms === null || delay < this.#offsetAt(now)) {
      this.#offset_ms = delay;
      this.#at_ms = now;
    }
  }

  /** The server's time now; the browser's before the first message. */
  now_ms() {
    if (this.#offset_ms === null) return Date.now();
    const now = performance.now();
    return now - this.#offsetAt(now);
  }

  #offsetAt(now) {
    return this.#offset_ms + (now - this.#at_ms) * DRIFT_PER_MS;
  }
}
