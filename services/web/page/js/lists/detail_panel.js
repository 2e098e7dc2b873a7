/* The panel beside a list, with one row in full and its explanation. Escape closes it. On small screens it covers the
   list. */

import { get } from "../api.js";
import { el, setText, setTone, show } from "../dom.js";
import { live } from "../live.js";
import { panel } from "../panel.js";
import { whyView } from "./why_view.js";

/**
 * @typedef {object} Detail
 * @property {string} title
 * @property {Array<[string, string, (string|null)?]>} facts label, value and tone of each field
 * @property {Array<[string, string]>} whys title and id of each explanation; the first one is shown initially
 * @property {Node[]} [actions] buttons
 * @property {Node[]} [parts] further content below the facts
 */

/** The panel; it is hidden until `show`. */
export class DetailPanel {
  #close = el("button.button.small", { type: "button", text: "Close", "aria-label": "Close the details" });
  #facts = el("dl.facts");
  #actions = el("div.buttons");
  #parts = el("div.stack");
  #choice = el("div.choice", { role: "group", "aria-label": "Explanation" });
  #why = el("div.why-place", { "aria-live": "polite" });
  #onClose;
  #request = null;
  #reply = null;
  #stopWatching;
  #onKey = (event) => {
    if (event.key === "Escape" && !this.element.hidden && !document.querySelector("dialog[open]")) this.#leave();
  };

  /** @param {() => void} onClose called when the person closes the panel */
  constructor(onClose) {
    this.#onClose = onClose;
    this.element = panel("Details", { tools: [this.#close], className: "detail", padded: true });
    this.element.body.append(this.#actions, this.#facts, this.#parts, this.#choice, this.#why);
    this.element.heading.tabIndex = -1;
    this.element.hidden = true;
    this.#close.addEventListener("click", () => this.#leave());
    document.addEventListener("keydown", this.#onKey);
    this.#stopWatching = live.watch([], () => this.#reply && this.#draw());
  }

  /** Show a row. @param {Detail} detail @param {boolean} takesFocus whether a person has just opened it */
  show(detail, takesFocus) {
    const isOther = this.element.hidden || this.element.heading.textContent !== detail.title;
    this.#fill(detail);
    this.element.hidden = false;
    if (isOther) {
      this.element.body.scrollTop = 0;
      this.#reply = null;
      this.#why.replaceChildren();
    }
    if (detail.whys.length) this.#ask(detail.whys[0][1]);
    if (takesFocus) this.element.heading.focus({ preventScroll: true });
  }

  /** Hide the panel. */
  hide() {
    this.#request?.abort();
    this.element.hidden = true;
  }

  /** End the requests and the watches. */
  close() {
    this.#request?.abort();
    this.#stopWatching();
    document.removeEventListener("keydown", this.#onKey);
  }

  #fill({ title, facts, whys, actions = [], parts = [] }) {
    setText(this.element.heading, title);
    this.#facts.replaceChildren(...facts.flatMap(factNodes));
    this.#actions.replaceChildren(...actions);
    show(this.#actions, actions.length > 0);
    this.#parts.replaceChildren(...parts);
    show(this.#parts, parts.length > 0);
    this.#choice.replaceChildren(...whys.map(([name, id]) => this.#whyButton(name, id)));
    show(this.#choice, whys.length > 1);
  }

  #leave() {
    this.hide();
    this.#onClose();
  }

  #whyButton(title, id) {
    return el("button", { type: "button", text: title, value: id, on: { click: () => this.#ask(id) } });
  }

  async #ask(id) {
    for (const button of this.#choice.children) button.setAttribute("aria-pressed", String(button.value === id));
    this.#request?.abort();
    const request = (this.#request = new AbortController());
    if (!this.#reply) this.#why.replaceChildren(el("p.loading", { text: "Loading the explanation" }));
    try {
      this.#reply = await get(`/why/${encodeURIComponent(id)}`, {}, request.signal);
      this.#draw();
    } catch (error) {
      if (request.signal.aborted) return;
      this.#reply = null;
      const on = { click: () => this.#ask(id) };
      const again = el("button.button.small", { type: "button", text: "Ask again", on });
      this.#why.replaceChildren(el("p.error-line", { text: error.message }), again);
    }
  }

  #draw() {
    this.#why.replaceChildren(whyView(this.#reply));
  }
}

function factNodes([label, value, tone]) {
  const shown = el("dd", { text: value });
  if (tone) setTone(shown, tone);
  return [el("dt", { text: label }), shown];
}
