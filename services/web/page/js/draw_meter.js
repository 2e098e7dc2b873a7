/* Duration of the drawings, from the start of the frame to the end of its painting. */

const KEPT = 3;
const SLOW_MS = 200; // the server sends at most one message in this time
const PATIENCE_MS = 1_000;

/** The last durations of drawing, and whether drawing is slower than the updates. */
export class DrawMeter {
  #draws = [];
  #slowSince_ms = null;

  /** Add one drawing: its start on the clock of performance.now() and its duration. */
  note(start_ms, duration_ms) {
    this.#draws.push({ start_ms, duration_ms });
    if (this.#draws.length > KEPT) this.#draws.shift();
    if (this.median_ms <= SLOW_MS) this.#slowSince_ms = null;
    else this.#slowSince_ms ??= this.#draws.find((draw) => draw.duration_ms > SLOW_MS).start_ms;
  }

  /** Drop the drawings, after a pause. */
  reset() {
    this.#draws = [];
    this.#slowSince_ms = null;
  }

  /** Median of the last durations in milliseconds, 0 without any. */
  get median_ms() {
    if (!this.#draws.length) return 0;
    const sorted = this.#draws.map((draw) => draw.duration_ms).sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)];
  }

  /** Whether drawing has been slower than the updates for 1 s or more. */
  get isSlow() {
    return this.#slowSince_ms !== null && performance.now() - this.#slowSince_ms >= PATIENCE_MS;
  }
}
