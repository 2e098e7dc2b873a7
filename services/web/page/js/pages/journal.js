/* Journal: every event of the ledger, newest first, with its explanation, and the alerts with their messages. */

import { el } from "../dom.js";
import { words } from "../format.js";
import { readQuery, writeQuery } from "../hash_query.js";
import { AlertList } from "../journal/alert_list.js";
import { knownCodes, knownSymbols, knownTags } from "../lists/filter_bar.js";
import { ListPage } from "../lists/list_page.js";
import { dateTimeText, textInZone } from "../times.js";
import { timeInList } from "../venue_clock.js";

const TYPES = {
  order_created: "order created", order_updated: "order updated", order_denied: "order denied",
  order_modify_requested: "change requested", order_modify_answered: "change answered",
  cancel_requested: "cancel requested", deal_booked: "deal booked", protection_set: "stops set",
  protection_answered: "stops answered", trading_state_changed: "trading state", risk_reset: "risk reset",
  reconciled: "reconciled", stream_opened: "stream opened", stream_ended: "stream ended",
  instrument_learned: "terms of a symbol", leverage_changed: "leverage", incarnation_taken: "new order ids",
  epoch_taken: "new epoch", journal_changed: "gateway's journal", foreign_orders_found: "foreign orders",
};

const SIGNS = {
  order_denied: "✕", trading_state_changed: "■", risk_reset: "↺", deal_booked: "◆", foreign_orders_found: "!",
};

const TONES = { order_denied: "warn", trading_state_changed: "halt", foreign_orders_found: "warn", deal_booked: "ok" };

const FILTERS = [
  { name: "symbol", label: "Symbol", values: knownSymbols },
  { name: "tag", label: "Tag", suggestions: knownTags },
  { name: "code", label: "Code", suggestions: knownCodes },
  { name: "type", label: "Type", options: [["", "all"], ...Object.entries(TYPES)] },
];

const COLUMNS = [
  { key: "number", label: "No.", number: true, wide: true },
  { key: "time_ns", label: "Time", text: (row) => timeInList(row.time_ns) },
  { key: "type", label: "Type", wide: true, text: typeText, tone: (row) => TONES[row.type] ?? null },
  { key: "symbol", label: "Symbol", wide: true },
  { key: "tag", label: "Tag", wide: true },
  { key: "code", label: "Code", wide: true },
  { key: "text", label: "Event", wrap: true, text: (row) => textInZone(row.text) },
];

const VIEWS = [["", "Events", "#/journal"], ["alerts", "Alerts", "#/journal?view=alerts"]];

/** The events of the ledger, or with `view=alerts` or the number of an alert in the address the alerts. */
export default class JournalPage extends HTMLElement {
  #list = null;

  connectedCallback() {
    const { view, alert } = readQuery();
    const shown = view === "alerts" || alert ? "alerts" : "";
    writeQuery({ view: shown });
    this.#list = shown ? new AlertList() : eventList();
    this.replaceChildren(viewLinks(shown), ...this.#list.nodes);
  }

  disconnectedCallback() {
    this.#list.close();
  }
}

function viewLinks(shown) {
  const links = VIEWS.map(([view, text, href]) => {
    return el("a", { href, text, "aria-current": view === shown ? "page" : null });
  });
  return el("nav.views", { "aria-label": "Views of the journal" }, ...links);
}

function eventList() {
  return new ListPage({
    title: "Journal",
    filters: FILTERS,
    list: {
      path: "/events", revision: "events", caption: "Events of the ledger, newest first", columns: COLUMNS,
      key: (row) => String(row.number), empty: "The ledger has no event yet.",
    },
    detailOf: (row) => ({
      title: `Event ${row.number}`, facts: factsOf(row), whys: row.why_id ? [["Why", row.why_id]] : [],
    }),
  });
}

function typeText(row) {
  return `${SIGNS[row.type] ?? "·"} ${TYPES[row.type] ?? words(row.type)}`;
}

function factsOf(row) {
  return [
    ["Event", textInZone(row.text)], ["Type", typeText(row), TONES[row.type]],
    ["Time", dateTimeText(row.time_ns, { ms: true })],
    ["Symbol", row.symbol], ["Tag", row.tag], ["Code", row.code], ["Order", row.order_id],
  ].filter(([, value]) => value);
}
