/* The account's money, and the profit of the day, week and month by symbol and tag. */

import { attribute, el, keyed, setText, setTone, show } from "../dom.js";
import { direction, number, percent } from "../format.js";
import { live } from "../live.js";
import { money, moneyDigits } from "../money.js";
import { panel } from "../panel.js";

const WIDE_ONLY = [2, 3, 6]; // columns of the periods that are left out at small widths
const OTHER_CHARGES = "Charges of open positions or of no trade, less charges of the trades that were paid earlier";
const PERIODS = [["today", "Today"], ["week", "Week"], ["month", "Month"]];

function showAmount(node, value) {
  const [arrow, tone] = direction(value);
  setText(node, `${arrow} ${money(value)}`.trim());
  setTone(node, tone);
}

/** Balance, equity, margin, free margin, margin level, open profit and drawdown. */
export class AccountPanel extends HTMLElement {
  #panel = panel("Account", { source: "portfolio", padded: true });
  #value = {};
  #end = null;

  connectedCallback() {
    const figures = [["equity", "Equity"], ["balance", "Balance"], ["open", "Open P&L"]];
    const facts = [
      ["margin", "Margin"], ["free", "Free margin"], ["level", "Margin level"], ["drawdown", "Drawdown"],
      ["headroom", "To the halt level"],
    ];
    const big = figures.map(([key, label]) => {
      return el("div.figure", {}, el("span.label", { text: label }), this.#make("span.value", key));
    });
    const small = facts.flatMap(([key, label]) => [el("dt", { text: label }), this.#make("dd.number", key)]);
    this.#panel.body.replaceChildren(el("div.figures", {}, ...big), el("dl.facts.two", {}, ...small));
    this.replaceChildren(this.#panel);
    this.#end = live.watch(["account", "state"], () => this.#draw());
  }

  disconnectedCallback() {
    this.#end();
  }

  #make(tag, key) {
    this.#value[key] = el(tag, { text: "–" });
    return this.#value[key];
  }

  #draw() {
    const account = live.get("account");
    if (!account) return;
    const digits = moneyDigits();
    const value = this.#value;
    setText(this.#panel.heading, `Account ${account.account ?? ""} · ${account.currency ?? ""}`);
    setText(value.equity, number(account.equity, digits));
    setText(value.balance, number(account.balance, digits));
    showAmount(value.open, account.unrealized_pnl);
    setText(value.margin, number(account.margin, digits));
    setText(value.free, number(account.free_margin, digits));
    setText(value.level, account.margin_level_pct === null ? "–" : `${number(account.margin_level_pct, 0)} %`);
    setText(value.drawdown, percent(account.drawdown));
    const headroom = account.drawdown_headroom?.halt;
    setText(value.headroom, headroom === undefined ? "–" : percent(headroom));
    setTone(value.headroom, headroom !== undefined && headroom <= 0 ? "halt" : null);
  }
}

/** Change of the balance by trading in each period, and the profit of each period's trades by symbol and tag. */
export class PnlPanel extends HTMLElement {
  #rows = el("tbody");
  #parts = el("tbody");
  #none = el("p.empty", { text: "No closed trades and no charges this month", hidden: true });
  #partHead = head(["By symbol and tag", "Today", "Week", "Month"]);
  #partTable = el("table.data.tight", { hidden: true }, this.#partHead, this.#parts);
  #end = null;

  connectedCallback() {
    const main = el("table.data.tight", {},
      head(["Realized", "Change", "Gross +", "Gross −", "Commission", "Swap", "Other", "Trades"], WIDE_ONLY), this.#rows);
    const periods = scrolling("Profit by period", main);
    const parts = scrolling("Profit by symbol and tag", this.#partTable);
    parts.classList.add("parts");
    this.replaceChildren(panel("Profit and loss", { source: "ledger" }, periods, parts, this.#none));
    this.#end = live.watch(["pnl", "state"], () => this.#draw());
  }

  disconnectedCallback() {
    this.#end();
  }

  #draw() {
    const pnl = live.get("pnl");
    if (!pnl) return;
    const draw = (row, [key, label]) => drawPeriod(row, label, pnl[key]);
    keyed(this.#rows, PERIODS, ([key]) => key, () => makeRow(8, WIDE_ONLY), draw);
    const parts = partsOf(pnl);
    keyed(this.#parts, parts, (part) => part.key, () => makeRow(4), drawPart);
    show(this.#partTable, parts.length > 0);
    show(this.#none, parts.length === 0);
  }
}

function scrolling(label, table) {
  return el("div.table-scroll", { role: "region", "aria-label": label, tabindex: "0" }, table);
}

function head(labels, wide = []) {
  const tag = (index) => (index ? `th.number${wide.includes(index) ? ".wide-only" : ""}` : "th");
  const cells = labels.map((text, index) => el(tag(index), { scope: "col", text }));
  return el("thead", {}, el("tr", {}, ...cells));
}

function makeRow(width, wide = []) {
  const tag = (index) => (wide.includes(index + 1) ? "td.number.wide-only" : "td.number");
  const cells = Array.from({ length: width - 1 }, (_, index) => el(tag(index)));
  return el("tr", {}, el("th", { scope: "row" }), ...cells);
}

function drawPeriod(row, label, period) {
  const [name, net, ...others] = row.children;
  setText(name, label);
  showAmount(net, period.balance_change);
  net.classList.add("strong");
  const values = [period.gross_profit, period.gross_loss, period.commission, period.swap, period.other_charges];
  values.forEach((value, index) => setText(others[index], money(value)));
  attribute(others[4], "title", OTHER_CHARGES);
  setText(others[5], number(period.trades));
}

function partsOf(pnl) {
  const kinds = [["by_symbol", ""], ["by_tag", "tag "]];
  const parts = kinds.flatMap(([kind, prefix]) => {
    const names = [...new Set(PERIODS.flatMap(([period]) => Object.keys(pnl[period][kind] ?? {})))].sort();
    return names.map((name) => ({
      key: kind + name, label: prefix + (name || "none"), values: PERIODS.map(([period]) => pnl[period][kind]?.[name]),
    }));
  });
  const others = PERIODS.map(([period]) => pnl[period].other_charges);
  const hasOthers = others.some((value) => Number(value) !== 0);
  return hasOthers ? [...parts, { key: "other", label: "other charges", title: OTHER_CHARGES, values: others }] : parts;
}

function drawPart(row, part) {
  setText(row.firstChild, part.label);
  attribute(row, "title", part.title);
  part.values.forEach((value, index) => showAmount(row.children[index + 1], value));
}

customElements.define("desk-account", AccountPanel);
customElements.define("desk-pnl", PnlPanel);
