/* System: processes with their heartbeats, the feed, reconciliation, ledger, versions and the sources of the page. */

import { el, setText, show } from "../dom.js";
import { age, bytes, duration, number, words } from "../format.js";
import { live } from "../live.js";
import { panel, silenceOf } from "../panel.js";
import { DataTable } from "../table.js";
import { dateTimeText } from "../times.js";

const LATE_MS = 2_000;
const REDRAW_MS = 1_000;

const PROCESS_COLUMNS = [
  { key: "name", label: "Process" },
  { key: "state", label: "State", text: stateText, tone: stateTone },
  { key: "phase", label: "Phase", text: (row) => (row.phase ? words(row.phase) : "–") },
  { key: "beat_age_ms", label: "Heartbeat", number: true, text: beatText, tone: beatTone },
  { key: "done", label: "Work done", number: true, wide: true, text: (row) => number(row.done) },
  { key: "up_s", label: "Up for", number: true, text: (row) => (row.since_ns ? duration(row.up_s) : "–") },
  { key: "since_ns", label: "Since", wide: true, text: (row) => dateTimeText(row.since_ns) },
  { key: "pid", label: "PID", number: true, wide: true, text: (row) => (row.pid ? String(row.pid) : "–") },
  { key: "exit_text", label: "Last end", wrap: true, wide: true, text: (row) => row.exit_text || "–" },
];

const DIFFERENCE_COLUMNS = [
  { key: "kind", label: "Kind", text: (row) => words(row.kind), tone: () => "warn" },
  { key: "subject", label: "Subject" },
  { key: "ledger", label: "Ledger", wrap: true },
  { key: "venue", label: "Venue", wrap: true },
  { key: "remedy", label: "Remedy", wrap: true, wide: true },
];

const SOURCE_TEXTS = [
  ["portfolio", "Portfolio answered", "answered_ns"], ["gateway", "Market feed heard", "heard_ns"],
  ["strategy", "Strategy heard", "heard_ns"], ["ledger", "Ledger read", "read_ns"],
];

/** The processes and the ledger of the desk. */
export default class SystemPage extends HTMLElement {
  #processes = new DataTable().setup({
    caption: "Processes", columns: PROCESS_COLUMNS, key: (row) => row.name, empty: "No process is known.",
  });
  #differences = new DataTable().setup({
    caption: "Differences between ledger and venue", columns: DIFFERENCE_COLUMNS, empty: "Ledger and venue agree.",
    key: (row) => `${row.kind} ${row.subject}`,
  });
  #compared = el("p.compared.quiet");
  #sources = el("dl.facts");
  #feed = el("dl.facts");
  #ledger = el("dl.facts");
  #versions = el("dl.facts");
  #web = el("dl.facts");
  #ends = [];

  connectedCallback() {
    const facts = (title, source, node) => panel(title, { source, padded: true }, node);
    this.replaceChildren(
      el("h1.visually-hidden", { text: "System" }),
      panel("Processes", {}, this.#processes),
      el("div.thirds", {},
        facts("Stream and orders", "portfolio", this.#feed), facts("Ledger", "ledger", this.#ledger),
        facts("Sources of this page", undefined, this.#sources), facts("Web server", undefined, this.#web),
        facts("Versions", undefined, this.#versions)),
      panel("Last reconciliation of ledger and venue", { source: "portfolio" }, this.#compared, this.#differences));
    this.#ends = [
      live.watch(["processes"], () => this.#drawProcesses()),
      live.watch(["system", "state"], () => this.#drawSystem()),
      live.watch(["sources"], () => this.#drawSources()),
    ];
    const timer = setInterval(() => this.#drawSources(), REDRAW_MS);
    this.#ends.push(() => clearInterval(timer));
  }

  disconnectedCallback() {
    this.#ends.forEach((end) => end());
  }

  #drawProcesses() {
    const processes = live.get("processes");
    if (processes) this.#processes.rows = processes;
  }

  #drawSystem() {
    const system = live.get("system");
    if (!system) return;
    this.#drawFeed(system);
    this.#drawLedger(system);
    this.#drawReconciliation(system.reconciliation);
    fill(this.#versions, Object.entries(system.versions).map(([name, text]) => [name, text || "–"]));
    const { clients, started_ns } = system.web;
    fill(this.#web, [
      ["Connected pages", number(clients)], ["Started", dateTimeText(started_ns)],
      ["Up for", duration(live.now_ms() / 1e3 - started_ns / 1e9)],
    ]);
  }

  #drawFeed(system) {
    const state = live.get("state");
    const fault = (label, count) => (count ? [label, `▲ ${number(count)}`, "warn"] : [label, "0"]);
    const facts = [fault("Orders in doubt", system.in_doubt), fault("Gaps in the stream", system.gaps)];
    if (state) {
      facts.push(
        fault("Malformed messages", state.malformed), ["Duplicates", number(state.duplicates)],
        ["Ticks decided", number(state.processed)], ["Orders open", number(state.orders_open)],
        ["Gateway's heartbeat", age(state.heartbeat_age_ms)],
        ["Feed", state.feed_stale ? "▲ stale" : "fresh", state.feed_stale ? "warn" : "ok"],
      );
    }
    fill(this.#feed, facts);
  }

  #drawLedger({ ledger, data_dir_free_bytes }) {
    const signed = { true: "signed", false: "▲ not signed" }[String(ledger.signed)] ?? "not known";
    fill(this.#ledger, [
      ["Size", bytes(ledger.bytes)], ["Events", number(ledger.events)],
      ["Head", signed, ledger.signed === false ? "warn" : null],
      ["Audit", ledger.audit ? `■ ${ledger.audit}` : "no fault reported", ledger.audit ? "halt" : null],
      ["Free on the disk", bytes(data_dir_free_bytes)],
    ]);
  }

  #drawReconciliation(reconciliation) {
    show(this.#differences, reconciliation !== null);
    if (reconciliation === null) {
      setText(this.#compared, "Ledger and venue have not been compared yet.");
      return;
    }
    const count = `number of differences: ${number(reconciliation.differences.length)}`;
    setText(this.#compared, `Recorded after tick ${number(reconciliation.ordinal)}, ${count}.`);
    this.#differences.rows = reconciliation.differences;
  }

  #drawSources() {
    const sources = live.get("sources");
    if (!sources) return;
    const rows = SOURCE_TEXTS.map(([name, label, field]) => {
      const heard_ns = sources[name][field];
      const silence = silenceOf(name);
      const text = heard_ns ? `${age(live.now_ms() - heard_ns / 1e6)} ago` : "not yet";
      const problem = sources[name].problem ? `, ${sources[name].problem}` : "";
      return silence ? [label, `▲ ${text}${problem}`, "warn"] : [label, text];
    });
    fill(this.#sources, [...rows, ["Last event read", number(sources.ledger.event)]]);
  }
}

function fill(list, facts) {
  const wanted = facts.flatMap(([label, value, tone]) => [["dt", label, null], ["dd", value, tone]]);
  while (list.children.length > wanted.length) list.lastChild.remove();
  wanted.forEach(([tag, text, tone], index) => {
    const node = list.children[index] ?? list.appendChild(el(tag));
    setText(node, text);
    if (tone) node.dataset.tone = tone;
    else delete node.dataset.tone;
  });
}

function stateText({ state }) {
  if (!state) return "? not known"; // no supervisor
  return `${state === "RUNNING" ? "●" : "■"} ${words(state)}`;
}

function stateTone({ state }) {
  if (!state) return "faint";
  return state === "RUNNING" ? "ok" : "halt";
}

function isLate(row) {
  return row.beat_age_ms !== null && row.beat_age_ms > LATE_MS;
}

function beatTone(row) {
  return row.beat_age_ms === null ? "faint" : isLate(row) ? "warn" : null;
}

function beatText(row) {
  return row.beat_age_ms === null ? "none" : `${isLate(row) ? "▲ " : ""}${age(row.beat_age_ms)} ago`;
}
