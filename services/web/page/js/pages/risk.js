/* Risk: each rule with limit, current value, headroom, effect when the limit is reached, and the end of a pause. */

import { tradingStateLook } from "../desk_look.js";
import { attribute, el, setText, setTone, show } from "../dom.js";
import { duration, groupAmounts, number, percent, words } from "../format.js";
import { readQuery, writeQuery } from "../hash_query.js";
import { DetailPanel } from "../lists/detail_panel.js";
import { live } from "../live.js";
import { Meter } from "../meter.js";
import { panel } from "../panel.js";
import { DataTable } from "../table.js";
import { dateTimeText, textInZone, timeText } from "../times.js";
import { venueNow_ms } from "../venue_clock.js";

const latestText = (row) => `${timeText(row.time_ns)} ${row.symbol} ${textInZone(row.observed)}`;
const nowText = (row) => groupAmounts(textInZone(row.now)) || "–";
const limitText = (row) => groupAmounts(row.limit);

const LEVEL_TEXTS = { warn: "warns", reduce: "reduce only", halt: "halts" };
const NEAR = 0.8;
const COUNTDOWN_MS = 1_000;

const RULE = { key: "code", label: "Rule", make: () => el("div.rule"), update: updateRule };
const CONSEQUENCE = { key: "consequence", label: "When it is reached", wrap: true, wide: true };

const USED_COLUMNS = [
  RULE,
  { key: "used", label: "Used", make: () => new Meter(), update: updateUse },
  { key: "ends_ns", label: "Ends in", number: true, text: endText, tone: (row) => (isPausing(row) ? "warn" : null) },
  { key: "now", label: "Now", number: true, wrap: true, wide: true, text: nowText },
  { key: "limit", label: "Limit", number: true, wide: true, text: limitText },
  { key: "headroom", label: "Headroom", number: true, wide: true, text: (row) => groupAmounts(row.headroom) || "–" },
  CONSEQUENCE,
];

const ORDER_COLUMNS = [
  RULE,
  { key: "limit", label: "Limit", text: limitText },
  { key: "now", label: "Now", wide: true, text: nowText },
  CONSEQUENCE,
];

const DENIAL_COLUMNS = [
  { key: "code", label: "Rule", text: (row) => words(row.code) },
  { key: "count", label: "Denials", number: true, text: (row) => number(row.count) },
  { key: "last", label: "Latest", wrap: true },
];

/** The risk rules of the desk. */
export default class RiskPage extends HTMLElement {
  #state = el("p.risk-state");
  #limits = el("p.quiet");
  #warning = el("p.answer", { data: { tone: "warn" } });
  #drawdown = new Meter();
  #drawdownText = el("p.quiet");
  #used = null;
  #each = null;
  #denials = null;
  #detail = null;
  #split = null;
  #opened = null;
  #ends = [];

  connectedCallback() {
    const open = (row) => this.#open(row.code, true);
    const table = (caption, columns, empty, key) =>
      new DataTable().setup({ caption, columns, empty, key, onRow: open });
    const keyOf = (row) => `${row.code} ${row.subject} ${row.limit}`;
    this.#used = table("Limits with a present value", USED_COLUMNS, "No limit has a present value.", keyOf);
    this.#each = table("Limits on each order", ORDER_COLUMNS, "No limit on a single order is set.", keyOf);
    this.#denials = table("Denials by rule", DENIAL_COLUMNS, "No signal or order was denied.", (row) => row.code);
    this.#detail = new DetailPanel(() => this.#closeDetail());
    this.#build();
    this.#ends = [
      live.watch(["risk", "state"], () => this.#drawRules()),
      live.watch(["account"], () => this.#drawDrawdown()),
      live.watch(["denials"], () => this.#drawDenials()),
    ];
    const timer = setInterval(() => this.#drawRules(), COUNTDOWN_MS);
    this.#ends.push(() => clearInterval(timer), () => this.#detail.close());
    const code = readQuery().id;
    if (code) this.#open(code, false);
  }

  disconnectedCallback() {
    this.#ends.forEach((end) => end());
  }

  #build() {
    const lines = [this.#state, this.#limits, this.#warning];
    const state = panel("Trading state", { source: "portfolio", padded: true }, ...lines);
    const drawdown = panel("Drawdown from the peak", { source: "portfolio", padded: true });
    drawdown.body.append(this.#drawdown, this.#drawdownText);
    const limits = panel("Limits", { source: "portfolio", className: "risk-limits" }, this.#used);
    const each = panel("Limits on each order", { source: "portfolio" }, this.#each);
    const denials = panel("Denials by rule, in the whole ledger", { source: "ledger" }, this.#denials);
    const main = el("div.stack", {}, el("div.halves", {}, state, drawdown), limits, each, denials);
    this.#split = el("div.split", {}, main, this.#detail.element);
    this.replaceChildren(el("h1.visually-hidden", { text: "Risk" }), this.#split);
  }

  #drawRules() {
    const risk = live.get("risk");
    if (!risk) return;
    const [sign, tone] = tradingStateLook(risk.trading_state);
    const verb = risk.trading_state === "ACTIVE" ? ", resumed" : "";
    const reason = risk.trading_reason ? `${verb}: ${risk.trading_reason}` : "";
    setText(this.#state, `${sign} ${words(risk.trading_state)}${reason}`);
    setText(this.#limits, `Set of limits: ${risk.limits}`);
    setTone(this.#state, tone);
    setText(this.#warning, risk.warning);
    show(this.#warning, Boolean(risk.warning));
    const measured = risk.rows.filter((row) => isMeasured(row));
    this.#used.rows = measured;
    this.#used.classList.toggle("has-pause", measured.some(isPausing));
    this.#each.rows = risk.rows.filter((row) => !measured.includes(row));
  }

  #drawDrawdown() {
    const account = live.get("account");
    if (!account) return;
    const { drawdown, drawdown_headroom: headroom } = account;
    const names = Object.keys(LEVEL_TEXTS).filter((name) => name in headroom);
    const levels = names.map((name) => [name, drawdown + headroom[name]]);
    const top = levels.at(-1)?.[1];
    show(this.#drawdown, Boolean(top) && drawdown !== null);
    if (drawdown !== null && top) {
      const reached = levels.filter(([, level]) => drawdown >= level).at(-1)?.[0];
      const tone = reached ? (reached === "warn" ? "warn" : "halt") : null;
      this.#drawdown.update(drawdown / top, percent(drawdown), tone, levels.map(([, level]) => level / top));
    }
    const texts = levels.map(([name, level]) => {
      return `${LEVEL_TEXTS[name]} at ${percent(level)} (${percent(headroom[name])} left)`;
    });
    setText(this.#drawdownText, drawdown === null ? "not known" : texts.join(", ") || "no level is set");
  }

  #drawDenials() {
    const denials = live.get("denials");
    if (!denials) return;
    const rows = Object.entries(denials.counts).map(([code, count]) => {
      const latest = denials.latest.find((row) => row.code === code);
      return { code, count, last: latest ? latestText(latest) : "–" };
    });
    this.#denials.rows = rows.sort((a, b) => b.count - a.count);
  }

  #open(code, takesFocus) {
    this.#opened = code;
    writeQuery({ id: code });
    this.#split.classList.add("is-open");
    const rows = (live.get("risk")?.rows ?? []).filter((row) => row.code === code);
    const used = (row) => groupAmounts(textInZone([row.now, row.limit].filter(Boolean).join(" of ")));
    const facts = rows.map((row) => [row.subject || "limit", used(row)]);
    if (rows[0]?.consequence) facts.push(["when it is reached", rows[0].consequence]);
    this.#detail.show({ title: words(code), facts, whys: [["Why", code]] }, takesFocus);
  }

  #closeDetail() {
    writeQuery({ id: "" });
    this.#split.classList.remove("is-open");
    this.#opened = null;
  }
}

function isMeasured(row) {
  return (row.used_fraction !== null && row.used_fraction !== undefined) || row.headroom !== "";
}

function isPausing(row) {
  return row.ends_ns / 1e6 > venueNow_ms();
}

function updateRule(node, row) {
  if (!node.firstChild) node.append(el("span.strong"), el("span.subject"));
  setText(node.firstChild, words(row.code));
  setText(node.lastChild, row.subject);
  attribute(node, "title", row.code);
}

function updateUse(meter, row) {
  const used = row.used_fraction;
  const tone = used >= 1 || isPausing(row) ? "halt" : used >= NEAR ? "warn" : null;
  const text = used === null || used === undefined ? "–" : percent(used, 0);
  meter.update(used ?? null, tone === "halt" ? `■ ${text}` : tone === "warn" ? `▲ ${text}` : text, tone);
}

function endText(row) {
  if (!isPausing(row)) return "–";
  return `${duration(Math.ceil(row.ends_ns / 1e9 - venueNow_ms() / 1e3))} (${dateTimeText(row.ends_ns).slice(11)})`;
}
