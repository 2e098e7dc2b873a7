/* A meter: a value from 0 to 1 with a text beside it and optional marks, for limits, probabilities and levels. */

import { attribute, el, setText, setTone } from "./dom.js";

/** A meter; a value above 1 is drawn as 1 with the tone "halt". */
export class Meter extends HTMLElement {
  #fill = el("span");
  #bar = el("div.bar", { "aria-hidden": "true" }, this.#fill);
  #text = el("span.meter-text");

  connectedCallback() {
    if (!this.firstChild) this.append(this.#bar, this.#text);
  }

  /**
   * Show a value.
   * @param {number|null} fraction the value; null draws none
   * @param {string} text the value as text, beside the meter
   * @param {string|null} [tone]
   * @param {number[]} [marks] positions of the marks, from 0 to 1
   */
  update(fraction, text, tone = null, marks = []) {
    const isKnown = fraction !== null && fraction !== undefined;
    this.#bar.hidden = !isKnown;
    const width = `${(isKnown ? Math.min(1, Math.max(0, fraction)) * 100 : 0).toFixed(1)}%`;
    if (this.#fill.style.width !== width) this.#fill.style.width = width;
    setTone(this.#bar, tone);
    setTone(this.#text, tone);
    setText(this.#text, text);
    this.#mark(marks);
  }

  #mark(marks) {
    const key = marks.join(" ");
    if (this.dataset.marks === key) return;
    attribute(this, "data-marks", key || null);
    for (const old of this.#bar.querySelectorAll("i")) old.remove();
    for (const mark of marks) {
      const line = el("i");
      line.style.left = `${(Math.min(1, Math.max(0, mark)) * 100).toFixed(1)}%`;
      this.#bar.append(line);
    }
  }
}

customElements.define("value-meter", Meter);
