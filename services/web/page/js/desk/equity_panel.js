/* Equity over time with a band below the highest equity shown, and the drawdown rule's peak and levels as lines. */

import { get } from "../api.js";
import "../chart/chart.js";
import { Columns } from "../columns.js";
import { choice, el, setText, show } from "../dom.js";
import { number } from "../format.js";
import { live } from "../live.js";
import { moneyDigits } from "../money.js";
import { panel } from "../panel.js";
import { settings } from "../settings.js";
import { venueNow_ms } from "../venue_clock.js";

const SPANS = [["1", "Day"], ["7", "Week"], ["31", "Month"], ["0", "All"]];
const WIDTH = 2_000; // the server keeps the extremes when it thins the points
const DAY_MS = 86_400_000;
const READ_EVERY_MS = 5_000;
const POINTS_MAX = 4 * WIDTH + 3_600; // the points of a reading, and one a second until the next reading, for 1 h
const NOTE = "Grey line: balance. Shaded: below the highest equity of the time shown. Dashed: drawdown rule.";

/** The panel; it reads the history by HTTP and adds the equity of the cell `account`. */
export class EquityPanel extends HTMLElement {
  #chart = document.createElement("desk-chart");
  #span = settings.get("equity-span", "7");
  #points = new Columns(["times", "equity", "balance", "highest"], POINTS_MAX);
  #revision = -1;
  #readAt_ms = -Infinity;
  #error = el("p.error-line", { hidden: true });
  #ends = [];

  connectedCallback() {
    const spans = choice("Time shown", SPANS, this.#span, (span) => this.#choose(span));
    this.#chart.setup({ label: "Equity", text: (value) => number(value, moneyDigits()) });
    this.#chart.className = "chart-equity";
    const note = el("p.chart-note", { text: NOTE });
    const options = { source: "portfolio", tools: [spans] };
    this.replaceChildren(panel("Equity and drawdown", options, this.#chart, note, this.#error));
    this.#ends = [live.watch(["account", "revisions"], () => this.#draw())];
  }

  disconnectedCallback() {
    this.#ends.forEach((end) => end());
  }

  #choose(span) {
    this.#span = span;
    settings.set("equity-span", span);
    this.#readAt_ms = -Infinity;
    this.#revision = -1;
    this.#draw();
  }

  #draw() {
    const account = live.get("account");
    const revision = live.get("revisions")?.equity;
    if (revision === undefined || !live.get("state")) return; // the venue's time is not known yet
    if (revision !== this.#revision && performance.now() - this.#readAt_ms > READ_EVERY_MS) this.#read(revision);
    if (account && account.equity !== null) this.#add(account);
    this.#show(account);
  }

  async #read(revision) {
    this.#revision = revision;
    this.#readAt_ms = performance.now();
    const span = this.#span;
    const from_ms = Math.round(venueNow_ms() - Number(span) * DAY_MS);
    const from_ns = span === "0" ? null : `${from_ms}000000`;
    try {
      const { points } = await get("/equity", { from_ns, width: WIDTH });
      if (span !== this.#span) return; // another one was chosen meanwhile
      this.#take(points);
      show(this.#error, false);
    } catch (error) {
      setText(this.#error, `The equity curve could not be read: ${error.message}`);
      show(this.#error, true);
      this.#revision = -1;
    }
    this.#draw();
  }

  #take(points) {
    const known = points.filter(([, , equity]) => equity !== null);
    const times = known.map(([time_ns]) => time_ns / 1e6);
    const balance = known.map(([, value]) => Number(value));
    const equity = known.map(([, , value]) => Number(value));
    let most = -Infinity;
    const highest = equity.map((value) => (most = Math.max(most, value)));
    this.#points.replace([times, equity, balance, highest]);
  }

  #add(account) {
    const time = account.time_ns / 1e6;
    const points = this.#points;
    if (time <= points.times[points.length - 1]) return;
    if (time - points.times[points.length - 2] < 1000) points.removeLast();
    const equity = Number(account.equity);
    const highest = Math.max(equity, points.highest[points.length - 1] ?? -Infinity);
    points.append([time, equity, Number(account.balance), highest]);
  }

  #show(account) {
    const { times, equity, balance, highest } = this.#points;
    const levels = levelsOf(account);
    if (times.length) {
      const text = "equity";
      levels.push({ value: equity[equity.length - 1], text, colour: "series", isSolid: true, dash: [1, 3] });
    }
    this.#chart.set({
      lines: [
        { name: "equity", times, values: equity, colour: "series", width: 1.5 },
        { name: "balance", times, values: balance, colour: "ink-3", step: true },
      ],
      bands: [{ times, upper: highest, lower: equity, colour: "band" }],
      levels,
    });
  }
}

function levelsOf(account) {
  if (!account) return [];
  const { warn, reduce, halt } = account.limits;
  const known = [
    [account.peak_equity, "ink-3", "peak"], [warn, "warn", "warning"], [reduce, "down", "reduce only"],
    [halt, "halt", "halt"],
  ];
  return known
    .filter(([value]) => value !== null)
    .map(([value, colour, text]) => ({ value: Number(value), text, colour, dash: [6, 4] }));
}

customElements.define("desk-equity", EquityPanel);
