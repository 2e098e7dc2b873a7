/* Orders: open and ended, with the chain from tick to fill of the selected one. */

import { get } from "../api.js";
import { decimal, lots, toneOf, words } from "../format.js";
import { knownSymbols, knownTags } from "../lists/filter_bar.js";
import { ListPage } from "../lists/list_page.js";
import { money, moneyWithUnit, priceOf } from "../money.js";
import { orderActions } from "../order_actions.js";
import { dateTimeText } from "../times.js";
import { timeInList } from "../venue_clock.js";

const CAUSES = [
  ["", "all"], ["signal", "signal"], ["manual", "manual"], ["time exit", "time exit"], ["flatten", "flatten"],
];

const FILTERS = [
  { name: "status", label: "Status", options: [["", "all"], ["open", "open"]] },
  { name: "symbol", label: "Symbol", values: knownSymbols },
  { name: "side", label: "Side", options: [["", "all"], ["BUY", "buy"], ["SELL", "sell"]] },
  { name: "tag", label: "Tag", suggestions: knownTags },
  { name: "cause", label: "Cause", options: CAUSES },
  { name: "period" },
];

const COLUMNS = [
  { key: "number", label: "No.", number: true, sort: "number", wide: true },
  { key: "created_ns", label: "Created", sort: "created_ns", text: (row) => timeInList(row.created_ns) },
  { key: "symbol", label: "Symbol" },
  { key: "side", label: "Side", text: (row) => sideText(row.side), tone: (row) => sideTone(row.side) },
  { key: "type", label: "Type", wide: true, text: (row) => words(row.type) },
  { key: "volume", label: "Volume", unit: "lots", number: true, wide: true, text: volumeText },
  { key: "price", label: "Price", number: true, wide: true, text: priceText },
  { key: "filled_price", label: "Filled at", number: true, wide: true, text: filledText },
  { key: "status", label: "Status", text: statusText, tone: statusTone },
  { key: "profit", label: "Profit", number: true, sort: "profit", text: profitText, tone: (row) => toneOf(row.profit) },
  { key: "cause", label: "Cause", wide: true },
  { key: "tag", label: "Tag", wide: true },
];

/** The orders of the account. */
export default class OrdersPage extends HTMLElement {
  #list = null;

  connectedCallback() {
    this.#list = new ListPage({
      title: "Orders",
      filters: FILTERS,
      hasMoney: true,
      list: {
        path: "/orders", revision: "orders", caption: "Orders, newest first unless sorted otherwise", columns: COLUMNS,
        key: (row) => row.order_id, sort: "-number", empty: "The desk has made no order yet.",
      },
      detailOf: (row, refresh) => ({
        title: `Order ${row.order_id}`, facts: factsOf(row), whys: [["Chain", row.order_id]],
        actions: orderActions(row, refresh),
      }),
      mayChange: (row) => row.ended_ns === 0,
      find: (id) => get(`/orders/${encodeURIComponent(id)}`),
    });
    this.replaceChildren(...this.#list.nodes);
  }

  disconnectedCallback() {
    this.#list.close();
  }
}

function sideText(side) {
  return side === "BUY" ? "▲ buy" : side === "SELL" ? "▼ sell" : words(side);
}

function sideTone(side) {
  return side === "BUY" ? "up" : "down";
}

function statusText(row) {
  const sign = { REJECTED: "✕ ", IN_DOUBT: "? ", PRESUMED_EXPIRED: "? " }[row.status] ?? (row.ended_ns ? "" : "● ");
  return sign + words(row.status);
}

function statusTone(row) {
  if (row.status === "IN_DOUBT" || row.status === "REJECTED" || row.status === "PRESUMED_EXPIRED") return "warn";
  return row.ended_ns ? null : "ok";
}

function volumeText(row) {
  return lots(row.volume);
}

function priceText(row) {
  return priceOf(row.symbol, row.limit_price ?? row.price);
}

function filledText(row) {
  return priceOf(row.symbol, row.filled_price);
}

function profitText(row) {
  return Number(row.profit) ? money(row.profit) : "–";
}

function factsOf(row) {
  const at = (value) => priceOf(row.symbol, value);
  const optional = [
    ["Limit price", row.limit_price && at(row.limit_price)], ["Stop loss", row.stop_loss && at(row.stop_loss)],
    ["Take profit", row.take_profit && at(row.take_profit)],
    ["Expires", row.expires_ns && dateTimeText(row.expires_ns)],
    ["Ended", row.ended_ns && dateTimeText(row.ended_ns, { ms: true })],
    ["Venue's ticket", row.ticket && String(row.ticket)], ["Venue's retcode", row.retcode && String(row.retcode)],
    ["Code", row.code], ["Error", row.error], ["Rules overridden", row.past_rules], ["Key of the command", row.key],
  ];
  return [
    ["Status", statusText(row), statusTone(row)],
    ["Order", [`${sideText(row.side)} ${lots(row.volume)} lots ${row.symbol}`, words(row.type), row.time_in_force]
      .filter(Boolean).join(", ")],
    ["Quote of the decision", at(row.price)],
    ["Filled", row.filled_price ? `${lots(row.filled_volume)} lots at ${decimal(row.filled_price)}` : "nothing"],
    ["Profit", moneyWithUnit(row.profit), toneOf(row.profit)],
    ["Created", dateTimeText(row.created_ns, { ms: true })],
    ["Cause", row.cause], ["Tag", row.tag], ["Reason", row.reason],
    ...optional.filter(([, value]) => value),
  ];
}
