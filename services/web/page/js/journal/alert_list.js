/* The alerts of the desk: what happened, who was told, and who has acknowledged it. */

import { get } from "../api.js";
import { attribute, el, keyed, setText, setTone, show } from "../dom.js";
import { number } from "../format.js";
import { knownSymbols } from "../lists/filter_bar.js";
import { ListPage } from "../lists/list_page.js";
import { live } from "../live.js";
import { dateTimeText, textInZone } from "../times.js";
import { AcknowledgeAll, acknowledge, canAcknowledge } from "./acknowledge.js";
import {
  alertTime, lastedText, messageText, messageTone, sentParts, severityLook, severityText, stateText, stateTone,
} from "./alert_texts.js";

const codes = new Set();

const FILTERS = [
  { name: "status", label: "State", options: [["", "all"], ["open", "open"], ["acknowledged", "acknowledged"]] },
  {
    name: "severity", label: "Severity",
    options: [["", "all"], ["CRITICAL", "critical"], ["WARNING", "warning"], ["INFO", "info"]],
  },
  { name: "code", label: "Code", suggestions: () => [...codes].sort() },
  { name: "subject", label: "Subject", suggestions: knownSymbols },
  { name: "text", label: "Text", suggestions: () => [] },
];

const NOT_SET_UP = "No alerts are sent: NOTIFY_FILE is not set, so the desk has no process notify.";

/** The list of alerts; `nodes` are its content, `close` ends its requests and watches. */
export class AlertList {
  #all = new AcknowledgeAll(() => this.#page.refresh());
  #problem = el("p.answer", { role: "status", hidden: true });
  #page = null;
  #place = el("div.stack");
  #stopWatching;

  constructor() {
    this.nodes = [this.#problem, this.#place];
    this.#stopWatching = live.watch(["alerts"], () => this.#draw());
  }

  /** End everything. */
  close() {
    this.#stopWatching();
    this.#page?.close();
  }

  #draw() {
    const alerts = live.get("alerts");
    if (!alerts) return;
    const isWrong = alerts.set_up && alerts.problem !== "";
    setText(this.#problem, isWrong ? `⚠ ${alerts.problem}` : NOT_SET_UP);
    setTone(this.#problem, isWrong ? "warn" : null);
    show(this.#problem, isWrong || !alerts.set_up);
    if (!alerts.set_up || this.#page) return;
    this.#page = new ListPage(this.#definition());
    this.#place.replaceChildren(...this.#page.nodes);
  }

  #onRows(rows) {
    rows.forEach((row) => codes.add(row.code));
    this.#all.update(rows);
  }

  #definition() {
    return {
      title: "Alerts",
      source: "",
      selection: "alert",
      filters: FILTERS,
      tools: [this.#all.element],
      onRows: (rows) => this.#onRows(rows),
      list: {
        path: "/alerts", cell: "alerts", revision: "revision", caption: "Alerts, newest first",
        columns: columns(() => this.#page.refresh()), key: (row) => String(row.number),
        empty: "There has been no alert yet.",
      },
      detailOf: (row, refresh) => ({
        title: `Alert ${row.number}`, facts: factsOf(row), whys: [], parts: [messagesOf(row)],
        actions: canAcknowledge(row) ? [acknowledgeButton(row, "button.button.primary", refresh)] : [],
      }),
      mayChange: () => true,
      find: (id) => get(`/alerts/${encodeURIComponent(id)}`),
    };
  }
}

function columns(refresh) {
  return [
    { key: "number", label: "No.", number: true, wide: true },
    { key: "time_ns", label: "Time", text: (row) => alertTime(row.time_ns) },
    { key: "severity", label: "Severity", wide: true, text: severityText, tone: (row) => severityLook(row.severity)[1] },
    { key: "code", label: "Code", wide: true },
    { key: "subject", label: "Subject", wide: true },
    { key: "text", label: "Alert", wrap: true, text: alertText },
    { key: "sent", label: "Sent to", wide: true, make: () => el("ul"), update: updateSent },
    { key: "state", label: "State", make: () => stateCell(refresh), update: updateState },
  ];
}

function alertText(row) {
  const repeats = row.repeats ? ` (${number(row.repeats)} more times)` : "";
  return textInZone(row.text) + repeats;
}

function updateSent(list, row) {
  const draw = (item, [text, tone]) => {
    setText(item, text);
    setTone(item, tone);
  };
  keyed(list, sentParts(row), ([text]) => text, () => el("li"), draw);
}

function stateCell(refresh) {
  const cell = el("div.alert-state", {}, el("span"));
  cell.button = el("button.button.small", { type: "button", text: "Acknowledge" });
  cell.button.addEventListener("click", () => run(cell.button, cell.row, refresh));
  cell.append(cell.button);
  return cell;
}

function updateState(cell, row) {
  cell.row = row;
  setText(cell.firstChild, stateText(row));
  setTone(cell.firstChild, stateTone(row));
  attribute(cell.button, "aria-label", `Acknowledge alert ${row.number}`);
  show(cell.button, canAcknowledge(row));
}

function acknowledgeButton(row, tag, refresh) {
  const button = el(tag, { type: "button", text: "Acknowledge" });
  button.addEventListener("click", () => run(button, row, refresh));
  return button;
}

async function run(button, row, refresh) {
  button.disabled = true;
  const isDone = await acknowledge([row.number]);
  button.disabled = false;
  if (isDone) refresh();
}

function factsOf(row) {
  const acknowledged = row.acknowledged_ns
    ? `${row.acknowledged_by}, ${dateTimeText(row.acknowledged_ns)}` : "by nobody";
  return [
    ["Alert", alertText(row)],
    ["Severity", severityText(row), severityLook(row.severity)[1]],
    ["State", stateText(row), stateTone(row)],
    ["Time", dateTimeText(row.time_ns, { ms: true })],
    ["Ended", row.ended_ns && dateTimeText(row.ended_ns, { ms: true })],
    ["Lasted", lastedText(row)],
    ["Acknowledged", acknowledged, row.acknowledged_ns ? "ok" : null],
    ["Escalated", row.escalated_ns && dateTimeText(row.escalated_ns)],
    ["Code", row.code], ["Subject", row.subject], ["Mode", row.mode.toUpperCase()], ["Origin", row.origin],
  ].filter(([, value]) => value);
}

function messagesOf(row) {
  const heading = el("h3", { text: "Messages" });
  if (!row.deliveries.length) return el("section.alert-messages", {}, heading, el("p.quiet", { text: row.unsent }));
  const items = row.deliveries.map((message) => {
    const text = el("p", { text: messageText(message) });
    setTone(text, messageTone(message));
    const name = el("p", {}, el("b", { text: message.target }), ` message ${message.message}, rule ${message.rule}`);
    return el("li", {}, name, text);
  });
  return el("section.alert-messages", {}, heading, el("ul", {}, ...items));
}
