/* Denials: their number by rule, and the latest ones with the observed value and the limit. */

import { el, keyed, setText, show } from "../dom.js";
import { number } from "../format.js";
import { live } from "../live.js";
import { panel } from "../panel.js";
import { textInZone } from "../times.js";
import { timeInList } from "../venue_clock.js";

/** The panel; it follows the cell `denials`. */
export class DenialsPanel extends HTMLElement {
  #counts = el("ul.counts", { "aria-label": "Denials by rule" });
  #latest = el("ul.denials", { role: "log", "aria-label": "Latest denials" });
  #none = el("p.empty", { text: "No denials" });
  #panel = panel("Denials", { source: "ledger" }, this.#counts, this.#latest, this.#none);
  #end = null;

  connectedCallback() {
    this.replaceChildren(this.#panel);
    this.#end = live.watch(["denials"], () => this.#draw());
  }

  disconnectedCallback() {
    this.#end();
  }

  #draw() {
    const denials = live.get("denials");
    const counts = Object.entries(denials?.counts ?? {}).sort(([, a], [, b]) => b - a);
    const latest = denials?.latest ?? [];
    const total = counts.reduce((sum, [, count]) => sum + count, 0);
    setText(this.#panel.heading, total ? `Denials · ${number(total)}` : "Denials");
    keyed(this.#counts, counts, ([code]) => code, makeCount, drawCount);
    keyed(this.#latest, latest, (row) => String(row.number), makeDenial, drawDenial);
    show(this.#counts, counts.length > 0);
    show(this.#latest, latest.length > 0);
    show(this.#none, counts.length === 0 && latest.length === 0);
  }
}

function makeCount() {
  return el("li", {}, el("span"), el("b"));
}

function drawCount(node, [code, count]) {
  setText(node.firstChild, code);
  setText(node.lastChild, number(count));
}

function makeDenial() {
  return el("li", {}, el("span.faint"), el("b"), el("span"), el("p.quiet"));
}

function drawDenial(node, row) {
  const [time, symbol, code, text] = node.children;
  setText(time, timeInList(row.time_ns));
  setText(symbol, ` ${row.symbol} ${row.direction} `);
  setText(code, row.code);
  setText(text, textInZone(`${row.observed}, limit ${row.limit}`));
}

customElements.define("desk-denials", DenialsPanel);
