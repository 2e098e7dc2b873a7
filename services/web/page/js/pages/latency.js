/* Latency: each hop from tick to fill, now and over time. */

import { ApiError, get } from "../api.js";
import { Chart } from "../chart/chart.js";
import { choice, el, keyed, setText, show } from "../dom.js";
import { decimal, latency, number } from "../format.js";
import { readQuery, writeQuery } from "../hash_query.js";
import { live } from "../live.js";
import { panel } from "../panel.js";
import { DataTable } from "../table.js";
import { exactNs } from "../time_input.js";

const MINUTE_MS = 60_000;
const WINDOWS = { "15m": ["15 min", 15], "1h": ["1 h", 60], "6h": ["6 h", 360], "24h": ["24 h", 1440] };
const WINDOW_FIRST = "15m";
const ASK_MS = 10_000;
const STEP_MS = 10_000;
const GAP_STEPS = 3; // a line is interrupted where more intervals or pixels than this have no point

const HOPS = {
  tick_to_signal: "Tick to signal", signal_to_order: "Signal to order", tick_to_order: "Tick to order",
  order_to_fill: "Order to fill", tick_to_fill: "Tick to fill",
};

const COLUMNS = [
  { key: "hop", label: "Hop", text: (row) => hopText(row.hop) },
  { key: "count", label: "Observations", number: true, wide: true, text: (row) => number(row.count) },
  { key: "p50_us", label: "p50", number: true, text: (row) => measured(row, row.p50_us) },
  { key: "p99_us", label: "p99", number: true, text: (row) => measured(row, row.p99_us) },
  { key: "p999_us", label: "p99.9", number: true, text: (row) => measured(row, row.p999_us) },
];

/** The latencies of the desk. */
export default class LatencyPage extends HTMLElement {
  #table = new DataTable().setup({
    caption: "Latency of each hop since the start of portfolio", columns: COLUMNS, key: (row) => row.hop,
    empty: "No latency was measured yet.",
  });
  #window = WINDOW_FIRST;
  #error = el("p.error-line", { role: "alert", hidden: true });
  #charts = el("div.charts");
  #request = null;
  #hops = "";
  #ends = [];

  connectedCallback() {
    const asked = readQuery().window;
    this.#window = asked in WINDOWS ? asked : WINDOW_FIRST;
    const options = Object.entries(WINDOWS).map(([value, [text]]) => [value, text]);
    const windows = choice("Time shown", options, this.#window, (value) => this.#setWindow(value));
    this.replaceChildren(
      el("h1.visually-hidden", { text: "Latency" }),
      panel("Since the start of portfolio", { source: "portfolio" }, this.#table),
      el("div.row", {}, el("h2", { text: "Over time, by the server's wall clock" }), windows), this.#error,
      this.#charts);
    const timer = setInterval(() => document.hidden || this.#load(), ASK_MS);
    this.#ends = [live.watch(["latency"], () => this.#draw()), () => clearInterval(timer)];
  }

  disconnectedCallback() {
    this.#ends.forEach((end) => end());
    this.#request?.abort();
  }

  #setWindow(value) {
    this.#window = value;
    writeQuery({ window: value === WINDOW_FIRST ? "" : value });
    this.#load();
  }

  #draw() {
    const cell = live.get("latency");
    if (!cell) return;
    this.#table.rows = Object.entries(cell).map(([hop, values]) => ({ hop, ...values }));
    const hops = Object.keys(cell);
    keyed(this.#charts, hops, (hop) => hop, makeChart, () => {});
    if (hops.join() === this.#hops) return;
    this.#hops = hops.join();
    this.#load();
  }

  async #load() {
    this.#request?.abort();
    const request = (this.#request = new AbortController());
    const span_ms = WINDOWS[this.#window][1] * MINUTE_MS;
    const from_ms = live.now_ms() - span_ms;
    try {
      await Promise.all([...this.#charts.children].map((part) => loadChart(part, from_ms, span_ms, request.signal)));
      show(this.#error, false);
    } catch (error) {
      if (!(error instanceof ApiError)) return;
      setText(this.#error, `${error.message}; trying again`);
      show(this.#error, true);
    }
  }
}

function hopText(hop) {
  return HOPS[hop] ?? hop.replaceAll("_", " ");
}

function measured({ count }, value_us) {
  return latency(count ? value_us : null);
}

function makeChart(hop) {
  const text = (value_ms) => `${decimal(value_ms, 2)} ms`;
  const chart = new Chart().setup({ label: `Latency ${hopText(hop)}`, text, isFromZero: true });
  const names = [el("span.key-line.solid", { text: "p50" }), el("span.key-line.dashed", { text: "p99" })];
  const key = el("p.chart-key", {}, ...names);
  const worst = el("span.chart-key");
  return Object.assign(panel(hopText(hop), { source: "portfolio", tools: [worst, key] }, chart), { chart, worst, hop });
}

async function loadChart({ chart, worst, hop }, from_ms, span_ms, signal) {
  const width = Math.max(100, chart.clientWidth);
  const { points } = await get("/latency/history", { hop, from_ns: exactNs(from_ms), width }, signal);
  const { times, p50, p99 } = linesOf(points, from_ms, GAP_STEPS * Math.max(STEP_MS, span_ms / width));
  chart.set({
    lines: [
      { name: "p50", times, values: p50, colour: "series", width: 2 },
      { name: "p99", times, values: p99, colour: "down", width: 2, dash: [4, 3] },
    ],
  });
  const most = Math.max(...points.map((point) => point[3]));
  setText(worst, points.length ? `worst p99 ${latency(most)}` : "");
}

function linesOf(points, from_ms, gap_ms) {
  const [times, p50, p99] = [[], [], []];
  const add = (time_ms, half_us, most_us) => {
    times.push(time_ms);
    p50.push(half_us === null ? null : half_us / 1000);
    p99.push(most_us === null ? null : most_us / 1000);
  };
  let last_ms = -Infinity;
  for (const [time_ns, , half_us, most_us] of points) {
    const time_ms = time_ns / 1e6;
    if (time_ms - last_ms > gap_ms) {
      add(Math.max(last_ms + 1, from_ms - STEP_MS), null, null); // so that all charts begin at the same time
      add(time_ms - STEP_MS, half_us, most_us); // the interval that ends at the point's time
    }
    add(time_ms, half_us, most_us);
    last_ms = time_ms;
  }
  if (points.length) add(Math.max(live.now_ms(), last_ms), null, null);
  return { times, p50, p99 };
}
