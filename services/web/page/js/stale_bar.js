/* The mark of stale data: a bar with a sign and the cause, hatched panels, and a line for screen readers. */

import { el, setText, show } from "./dom.js";
import { age, duration } from "./format.js";
import { live } from "./live.js";

/** The bar over the page; `update` shows a LiveStatus. */
export class StaleBar extends HTMLElement {
  #cause = el("span.stale-cause");
  #more = el("span.more");
  #retry = el("button.button.small", { type: "button", text: "Connect now", on: { click: () => live.retry() } });
  #spoken = el("span.visually-hidden", { role: "status", "aria-live": "assertive" });
  #bar = el("div.stale-bar", { hidden: true }, el("span.sign", { "aria-hidden": "true", text: "!" }), this.#cause,
    this.#more, this.#retry);

  connectedCallback() {
    this.replaceChildren(this.#bar, this.#spoken);
  }

  /** @param {import("./live.js").LiveStatus} status */
  update(status) {
    document.documentElement.classList.toggle("is-stale", status.isStale);
    show(this.#bar, status.isStale);
    setText(this.#spoken, status.isStale ? `Stale data: ${status.cause}` : "");
    if (!status.isStale) return;
    setText(this.#cause, `STALE: ${status.cause}`);
    const drawn = status.age_ms === null ? "nothing drawn yet" : `the drawn data are ${age(status.age_ms)} old`;
    const next = status.retry_ms > 0 ? `, next attempt in ${duration(Math.ceil(status.retry_ms / 1000))}` : "";
    setText(this.#more, drawn + next);
    show(this.#retry, status.phase === "lost");
  }
}

customElements.define("stale-bar", StaleBar);
