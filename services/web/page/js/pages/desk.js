/* Desk: state, money, symbols, positions and orders of the running desk. */

import "../desk/denials_panel.js";
import "../desk/equity_panel.js";
import "../desk/money_panels.js";
import "../desk/positions_panel.js";
import "../desk/state_panel.js";
import "../desk/symbol_card.js";
import "../desk/ticket.js";
import { el, keyed, show } from "../dom.js";
import { live } from "../live.js";

/** Trading state, money, a card of each symbol, positions, order ticket and denials. */
export default class DeskPage extends HTMLElement {
  #cards = el("div.cards");
  #none = el("p.empty", { text: "No symbol yet" });
  #end = null;

  connectedCallback() {
    const top = el("div.desk-top", {}, el("desk-state"), el("desk-account"), el("desk-pnl"));
    const main = el("div.desk-main", {}, this.#cards, this.#none, el("desk-positions"));
    const side = el("div.desk-side", {}, el("order-ticket"), el("desk-equity"), el("desk-denials"));
    this.replaceChildren(el("h1.visually-hidden", { text: "Desk" }), top, el("div.desk-columns", {}, main, side));
    this.#end = live.watch(["state"], () => this.#draw());
  }

  disconnectedCallback() {
    this.#end();
  }

  #draw() {
    const symbols = live.get("state")?.symbols ?? [];
    keyed(this.#cards, symbols, (symbol) => symbol, makeCard, () => {});
    this.#cards.dataset.count = String(Math.min(symbols.length, 4));
    show(this.#none, symbols.length === 0);
  }
}

function makeCard(symbol) {
  return el("symbol-card", { props: { symbol } });
}
