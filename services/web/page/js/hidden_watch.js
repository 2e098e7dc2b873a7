/* State and profit of a hidden tab, for its title, icon and sound: the live connection rests while the tab is hidden.

   Browsers may slow the timers of a tab that has been hidden for minutes to one call a minute. */

import { get } from "./api.js";

const EVERY_MS = 5_000;

/** Reads state and profit every few seconds while the tab is hidden. */
export class HiddenWatch {
  #show;
  #timer = 0;
  #follow = () => this.#onVisibility();

  /** @param {(found: {state: object, pnl: object}|null) => void} show gets null when the server does not answer */
  constructor(show) {
    this.#show = show;
  }

  /** Begin to follow the tab. */
  start() {
    document.addEventListener("visibilitychange", this.#follow);
    this.#onVisibility();
  }

  /** Read no more. */
  stop() {
    document.removeEventListener("visibilitychange", this.#follow);
    clearInterval(this.#timer);
  }

  #onVisibility() {
    clearInterval(this.#timer);
    if (!document.hidden) return;
    this.#timer = setInterval(() => this.#read(), EVERY_MS);
    this.#read();
  }

  async #read() {
    let found = null;
    try {
      const [state, pnl] = await Promise.all([get("/state"), get("/pnl")]);
      found = { state, pnl };
    } catch {
      // The title says that it is stale, and the next reading tries again.
    }
    if (document.hidden) this.#show(found);
  }
}
