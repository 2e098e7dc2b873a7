/* Trades: round trips with exit, result, costs, MAE and MFE, and the sums of the filtered ones. */

import { decimal, duration, lots, number, toneOf, words } from "../format.js";
import { knownSymbols, knownTags } from "../lists/filter_bar.js";
import { ListPage } from "../lists/list_page.js";
import { TradeSummary } from "../lists/trade_summary.js";
import { currency, money, moneyWithUnit, priceOf } from "../money.js";
import { dateTimeText } from "../times.js";
import { timeInList } from "../venue_clock.js";

const EXITS = {
  CLIENT: "order", STOP_LOSS: "stop loss", TAKE_PROFIT: "take profit", STOP_OUT: "stop out", ROLLOVER: "rollover",
};

const FILTERS = [
  { name: "symbol", label: "Symbol", values: knownSymbols },
  { name: "side", label: "Side", options: [["", "all"], ["BUY", "long"], ["SELL", "short"]] },
  { name: "tag", label: "Tag", suggestions: knownTags },
  { name: "period" },
];

const COLUMNS = [
  { key: "trade", label: "No.", number: true, sort: "number", wide: true },
  { key: "close_time_ns", label: "Closed", text: (row) => timeInList(row.close_time_ns) },
  { key: "symbol", label: "Symbol" },
  { key: "direction", label: "Side", text: (row) => sideText(row), tone: (row) => sideTone(row) },
  { key: "volume", label: "Volume", unit: "lots", number: true, wide: true, text: (row) => lots(row.volume) },
  { key: "open_price", label: "Open", number: true, wide: true, text: (row) => priceOf(row.symbol, row.open_price) },
  { key: "close_price", label: "Close", number: true, wide: true, text: (row) => priceOf(row.symbol, row.close_price) },
  { key: "why", label: "Exit", wide: true, text: (row) => exitText(row) },
  { key: "net", label: "Net", number: true, sort: "net", text: (row) => money(row.net), tone: netTone },
  { key: "profit", label: "Profit", number: true, sort: "profit", wide: true, text: (row) => money(row.profit) },
  { key: "costs", label: "Costs", number: true, wide: true, text: (row) => money(costsOf(row)) },
  { key: "mae", label: "MAE", number: true, sort: "mae", wide: true, text: (row) => money(row.mae) },
  { key: "mfe", label: "MFE", number: true, sort: "mfe", wide: true, text: (row) => money(row.mfe) },
  { key: "duration_s", label: "Duration", number: true, sort: "duration", text: (row) => duration(row.duration_s) },
  { key: "tag", label: "Tag", wide: true },
];

/** The closed trades of the account. */
export default class TradesPage extends HTMLElement {
  #list = null;
  #summary = null;

  connectedCallback() {
    this.#summary = new TradeSummary();
    this.#list = new ListPage({
      title: "Trades",
      filters: FILTERS,
      hasMoney: true,
      above: [this.#summary.element],
      onFilters: (parameters) => this.#summary.show(parameters),
      list: {
        path: "/trades", revision: "trades", columns: COLUMNS,
        caption: "Closed trades, newest first unless sorted otherwise",
        key: (row) => String(row.trade), sort: "-number", empty: "No trade was closed yet.",
      },
      detailOf: (row) => ({
        title: `Trade ${row.trade}, ${row.symbol}`, facts: factsOf(row),
        whys: [["Close", `deal ${row.close_deal}`], ["Open", `deal ${row.open_deal}`]],
      }),
    });
    this.replaceChildren(...this.#list.nodes);
  }

  disconnectedCallback() {
    this.#list.close();
    this.#summary.close();
  }
}

function sideText({ direction }) {
  return direction === "LONG" ? "▲ long" : "▼ short";
}

function sideTone({ direction }) {
  return direction === "LONG" ? "up" : "down";
}

function netTone({ net }) {
  return toneOf(net);
}

function exitText({ why }) {
  return EXITS[why] ?? words(why);
}

function costsOf(row) {
  return Number(row.commission) + Number(row.swap);
}

function factsOf(row) {
  const at = (value) => priceOf(row.symbol, value);
  const costs = currency() ? ` (${currency()})` : "";
  return [
    ["Net", moneyWithUnit(row.net), toneOf(row.net)],
    ["Trade", `${sideText(row)} ${lots(row.volume)} lots ${row.symbol}`],
    ["Opened", `${at(row.open_price)} at ${dateTimeText(row.open_time_ns, { ms: true })}`],
    ["Closed", `${at(row.close_price)} at ${dateTimeText(row.close_time_ns, { ms: true })}`],
    ["Duration", duration(row.duration_s)], ["Exit", exitText(row)],
    ["Profit of the prices", moneyWithUnit(row.profit), toneOf(row.profit)],
    [`Commission, swap${costs}`, `${money(row.commission)}, ${money(row.swap)}`],
    [`Spread, slippage paid${costs}`, `${decimal(row.spread)}, ${decimal(row.slippage)}`],
    ["Largest loss while open (MAE)", row.mae === null ? "not covered by the bars" : moneyWithUnit(row.mae)],
    ["Largest profit while open (MFE)", row.mfe === null ? "not covered by the bars" : moneyWithUnit(row.mfe)],
    ["Slippage of the entry", decimal(row.entry_slippage)],
    ["Tag", row.tag], ["Position", row.position ? number(row.position) : "netting"],
    ["Orders", `${row.open_order_id || "–"} and ${row.close_order_id || "–"}`],
  ];
}
