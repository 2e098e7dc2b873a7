/* Card of one symbol: quote with its age, session, chart with own fills, orders and stops, and the latest signal. */

import { get } from "../api.js";
import "../chart/chart.js";
import { attribute, choice, el, setText, setTone } from "../dom.js";
import { age, decimal, duration, number, price } from "../format.js";
import { live } from "../live.js";
import "../meter.js";
import { panel, silenceOf } from "../panel.js";
import { settings } from "../settings.js";
import { dateTimeText } from "../times.js";
import { venueNow_ms } from "../venue_clock.js";
import { BarSeries, TickSeries } from "./bar_series.js";
import { chartLevels, chartMarkers } from "./chart_marks.js";
import { quoteAge } from "./quote_age.js";

const PERIODS = [
  ["0", "ticks"], ["1", "1 s"], ["5", "5 s"], ["15", "15 s"], ["60", "1 m"], ["300", "5 m"], ["900", "15 m"],
  ["3600", "1 h"],
];
const BARS = 500;
const BARS_SHOWN = 90;
const BAR_PX = 6; // least width of a candle at first, so that its body is seen
const TICKS = 2_000;
const TICKS_SHOWN_MS = 120_000;
const FILLS = 200;
const BARS_KEPT = 3_000; // and all that are in view
const BARS_MAX = 10_000; // also for a person who looks at the past
const FEW_BARS = 20;

/** The card; set `symbol` before it is connected. */
export class SymbolCard extends HTMLElement {
  symbol = "";
  #quote = { bid: el("span.bid"), ask: el("span.ask"), spread: el("span.spread"), age: el("span.age") };
  #oldSign = el("span.old-sign", { "aria-hidden": "true" });
  #age = el("span.quote-age", {}, this.#oldSign, this.#quote.age);
  #session = el("span.session");
  #chart = document.createElement("desk-chart");
  #error = el("span.chart-error", { role: "status" });
  #signal = new SignalLine();
  #panel = null;
  #period_s = 60;
  #periods = null;
  #series = null;
  #wanted = null;
  #isReading = false;
  #oldest_ms = null; // time of the first bar that the server has, once it is known
  #fills = new Map();
  #markers = [];
  #ends = [];

  connectedCallback() {
    this.#period_s = Number(settings.get(`period.${this.symbol}`, "60"));
    this.#periods = choice("Period", PERIODS, String(this.#period_s), (period) => this.#onPeriod(period));
    const { bid, ask, spread } = this.#quote;
    const quote = el("div.quote-line", {}, bid, ask, spread, this.#age, this.#session);
    const options = { source: "gateway", tools: [this.#error, this.#periods] };
    this.#panel = panel(this.symbol, options, quote, this.#chart, this.#signal.node);
    this.replaceChildren(this.#panel);
    const s = this.symbol;
    const onStatus = () => this.#drawAge();
    live.addEventListener("status", onStatus);
    this.#ends = [
      live.watch([`quote:${s}`, `market:${s}`], () => this.#drawQuote()),
      live.watch([`signal:${s}`], () => this.#signal.update(live.get(`signal:${s}`))),
      live.watch(["fills"], () => this.#takeFills(live.get("fills") ?? [])),
      live.watch([`quote:${s}`, `bars:${s}`, `position:${s}`, "order:", "fills"], () => this.#drawChart()),
      () => live.removeEventListener("status", onStatus),
    ];
    this.#choose(this.#period_s);
    this.#readFills();
  }

  disconnectedCallback() {
    this.#ends.forEach((end) => end());
  }

  get #digits() {
    return live.get(`market:${this.symbol}`)?.digits ?? live.get(`quote:${this.symbol}`)?.digits ?? 5;
  }

  // ---- quote and session

  #drawQuote() {
    const quote = live.get(`quote:${this.symbol}`);
    const market = live.get(`market:${this.symbol}`);
    setText(this.#panel.heading, market?.description ? `${this.symbol} · ${market.description}` : this.symbol);
    setText(this.#quote.bid, quote ? price(quote.bid, this.#digits) : "–");
    setText(this.#quote.ask, quote ? price(quote.ask, this.#digits) : "–");
    setText(this.#quote.spread, quote?.spread_points !== null && quote ? `${decimal(quote.spread_points, 1)} pts` : "");
    setText(this.#session, sessionText(market));
    this.#drawAge();
  }

  #drawAge() {
    const quote = live.get(`quote:${this.symbol}`);
    const { age_ms, isOld } = quoteAge(this.symbol);
    setText(this.#oldSign, isOld ? "⚠" : "");
    setText(this.#quote.age, quote ? `${age(age_ms)} old` : "no quote yet");
    setTone(this.#age, isOld || !quote ? "warn" : null);
    attribute(this.#age, "title", quote ? `venue's time ${dateTimeText(quote.time_ns, { ms: true })}` : null);
    this.#panel.classList.toggle("is-old", isOld);
    this.#signal.markSilent(silenceOf("strategy"));
  }

  // ---- chart

  #onPeriod(period) {
    settings.set(`period.${this.symbol}`, period);
    this.#choose(Number(period));
  }

  #choose(period_s) {
    this.#period_s = period_s;
    this.#series = this.#wanted = this.#newSeries();
    this.#oldest_ms = null;
    const width = this.#chart.clientWidth || BARS_SHOWN * BAR_PX;
    const span = period_s ? Math.min(BARS_SHOWN, Math.floor(width / BAR_PX)) : TICKS_SHOWN_MS;
    const label = `${this.symbol}, ${period_s ? `candles of ${duration(period_s)}` : "ticks"}`;
    this.#chart.setup({ label, digits: this.#digits, isCandles: period_s > 0, span, onPast: () => this.#readPast() });
    this.#read(this.#series, null);
  }

  #newSeries() {
    return this.#period_s ? new BarSeries(this.#period_s, BARS_KEPT) : new TickSeries(TICKS);
  }

  async #read(series, to_ns) {
    this.#isReading = true;
    try {
      if (this.#period_s) this.#takeBars(series, await this.#getBars(to_ns));
      else series.add((await get(`/ticks/${encodeURIComponent(this.symbol)}`, { limit: 500 })).ticks);
      setText(this.#error, "");
    } catch (error) {
      setText(this.#error, error.message);
    }
    if (series !== this.#wanted || !this.isConnected) return; // another period was chosen while this one was read
    this.#isReading = false;
    this.#series = series;
    if (this.#isTooCoarse()) this.#chooseFinest();
    else this.#drawChart();
  }

  /* Whether a market that has just begun has too few candles of a period that the person did not choose. */
  #isTooCoarse() {
    const isChosen = settings.get(`period.${this.symbol}`, null) !== null;
    return !isChosen && this.#period_s > 1 && this.#series.times.length < FEW_BARS;
  }

  #chooseFinest() {
    this.#periods.choose("1");
    this.#choose(1);
  }

  #getBars(to_ns) {
    const query = { period_s: this.#period_s, limit: BARS, to_ns };
    return get(`/bars/${encodeURIComponent(this.symbol)}`, query);
  }

  #takeBars(series, { bars }) {
    const count = series.times.length;
    series.prepend(bars);
    if (count && series.times.length === count) this.#oldest_ms = series.times[0];
  }

  #readPast() {
    const { length, times } = this.#series;
    if (this.#isReading || !this.#period_s || !length || times[0] === this.#oldest_ms) return;
    if (length <= BARS_MAX - BARS) this.#read(this.#series, `${times[0]}000000`);
  }

  #drawChart() {
    this.#extend();
    const series = this.#series;
    const data = this.#period_s
      ? { candles: series }
      : {
        lines: [
          { name: "bid", times: series.times, values: series.bid, colour: "series", step: true },
          { name: "ask", times: series.times, values: series.ask, colour: "ink-3", step: true },
        ],
      };
    const note = this.#isReading ? "loading …" : "no data yet";
    this.#chart.set({ ...data, note, digits: this.#digits, levels: chartLevels(this.symbol), markers: this.#markers });
  }

  #extend() {
    if (this.#isReading) return; // the history has the begin of the current bar: the cells are merged after it
    if (!this.#period_s) {
      const quote = live.get(`quote:${this.symbol}`);
      if (quote) this.#series.add([quote]);
      return;
    }
    const span = this.#chart.followedSpan;
    if (span === null && this.#series.length >= BARS_MAX) return; // once the chart follows, the newest bars are read
    this.#series.keep(span === null ? BARS_MAX : Math.max(BARS_KEPT, Math.ceil(span) + BARS));
    if (this.#series.merge(live.get(`bars:${this.symbol}`)?.[this.#series.source])) return;
    this.#wanted = this.#newSeries(); // bars are missing after an interruption
    this.#read(this.#wanted, null);
  }

  // ---- fills

  async #readFills() {
    try {
      this.#takeFills((await get("/fills", { symbol: this.symbol, limit: FILLS })).rows);
    } catch (error) {
      setText(this.#error, error.message);
    }
  }

  #takeFills(rows) {
    const before = this.#fills.size;
    for (const fill of rows) if (fill.symbol === this.symbol) this.#fills.set(fill.deal, fill);
    if (this.#fills.size === before) return;
    const newest = [...this.#fills.values()].sort((a, b) => b.deal - a.deal).slice(0, FILLS);
    this.#fills = new Map(newest.map((fill) => [fill.deal, fill]));
    this.#markers = chartMarkers(newest);
  }
}

/** The latest signal: direction, confidence against its threshold as a bar, and the reason. */
class SignalLine {
  #direction = el("b");
  #meter = el("value-meter", { title: "Confidence and threshold" });
  #reason = el("span.signal-reason");
  #text = "";
  node = el("div.signal-line", { "aria-label": "Latest signal", role: "group" }, el("span.quiet", { text: "Signal" }),
    this.#direction, this.#meter, this.#reason);

  markSilent(silence) {
    setText(this.#reason, silence ? `⚠ ${silence}` : this.#text);
    setTone(this.#reason, silence ? "warn" : null);
  }

  update(signal) {
    const looks = { "1": ["▲ BUY", "up"], "-1": ["▼ SELL", "down"], "0": ["● HOLD", null] };
    const [look, tone] = signal ? looks[String(signal.direction)] : ["none yet", "faint"];
    setText(this.#direction, look);
    setTone(this.#direction, tone);
    const threshold = signal?.threshold ?? null;
    const least = threshold === null ? "" : `, threshold ${number(threshold, 2)}`;
    const confidence = signal?.confidence ?? null;
    const text = signal ? `${number(confidence, 3)}${least}` : "";
    this.#meter.update(confidence, text, null, threshold === null ? [] : [threshold]);
    this.#text = signal?.reason ?? "";
  }
}

function sessionText(market) {
  if (!market) return "";
  const until = (ns) => duration((ns / 1e6 - venueNow_ms()) / 1000);
  const parts = [];
  if (market.is_open === true) parts.push(market.closes_ns ? `closes ${until(market.closes_ns)}` : "open");
  if (market.is_open === false) parts.push("■ closed", market.opens_ns ? `opens ${until(market.opens_ns)}` : "");
  if (market.next_rollover_ns) parts.push(`rollover ${until(market.next_rollover_ns)}`);
  return parts.filter(Boolean).join(" · ");
}

customElements.define("symbol-card", SymbolCard);
