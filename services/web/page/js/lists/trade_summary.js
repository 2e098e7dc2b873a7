/* The sums of the filtered trades and the curve of their cumulative net profit. */

import { ApiError, get } from "../api.js";
import { Chart } from "../chart/chart.js";
import { el, keyed, setText, setTone, show } from "../dom.js";
import { number, percent, toneOf } from "../format.js";
import { live } from "../live.js";
import { currency, money } from "../money.js";
import { panel } from "../panel.js";

const PAUSE_MS = 5_000;
const PAUSE_SHARE = 20; // the pause is at least so many times the duration of the last request

/** The figures and the chart, which are read again after a pause when trades are added. */
export class TradeSummary {
  #figures = el("div.figures");
  #error = el("p.error-line", { role: "alert", hidden: true });
  #chart = new Chart();
  #parameters = null;
  #shown = null;
  #box = el("div.trade-sum", {}, this.#figures, this.#chart);
  #asked = { revision: undefined, at_ms: 0, pause_ms: PAUSE_MS, request: null };
  #timer = 0;
  #stopWatching;

  constructor() {
    const options = { source: "ledger", padded: true };
    this.element = panel("Sum of the filtered trades", options, this.#error, this.#box);
    this.#chart.setup({ label: "Cumulative net of the filtered trades", text: money });
    this.#stopWatching = live.watch(["revisions"], () => this.#onRevision());
  }

  /** Show the trades that match the parameters of /trades. */
  show(parameters) {
    this.#parameters = parameters;
    this.#load();
  }

  /** End the requests and the watch. */
  close() {
    this.#stopWatching();
    clearTimeout(this.#timer);
    this.#asked.request?.abort();
  }

  #onRevision() {
    if (!this.#parameters || this.#asked.request || live.get("revisions")?.trades === this.#asked.revision) return;
    clearTimeout(this.#timer);
    const delay_ms = this.#asked.at_ms + this.#asked.pause_ms - performance.now();
    this.#timer = setTimeout(() => this.#load(), Math.max(0, delay_ms));
  }

  async #load() {
    clearTimeout(this.#timer);
    this.#asked.request?.abort();
    const request = new AbortController();
    this.#asked = { revision: live.get("revisions")?.trades, at_ms: performance.now(), pause_ms: PAUSE_MS, request };
    const parameters = this.#parameters;
    const width = Math.max(100, this.#chart.clientWidth);
    try {
      this.#draw(await get("/trades/summary", { ...parameters, width }, request.signal));
      this.#shown = parameters;
    } catch (error) {
      if (!(error instanceof ApiError)) return;
      this.#fail(error);
    }
    this.#asked.pause_ms = Math.max(PAUSE_MS, PAUSE_SHARE * (performance.now() - this.#asked.at_ms));
    this.#asked.request = null;
    this.#onRevision();
  }

  #fail(error) {
    setText(this.#error, `${error.message}; trying again`);
    show(this.#error, true);
    show(this.#box, this.#shown === this.#parameters); // otherwise the sums are those of other filters
    this.#asked.revision = undefined;
  }

  #draw(summary) {
    show(this.#error, false);
    show(this.#box, true);
    keyed(this.#figures, figuresOf(summary), ([label]) => label, makeFigure, (node, [, value, unit, tone]) => {
      setText(node.children[1], value);
      setText(node.children[2], unit);
      setTone(node.children[1], tone);
    });
    const times = summary.points.map(([time_ns]) => time_ns / 1e6);
    const values = summary.points.map(([, net]) => Number(net));
    const note = "No trade was closed yet.";
    const levels = times.length ? [{ value: 0, text: "", colour: "ink-3", dash: [2, 3] }] : [];
    this.#chart.set({ lines: [{ name: "net", times, values, colour: "series", step: true }], levels, note });
  }
}

function figuresOf(summary) {
  const { trades, wins, net, gross_profit, gross_loss, commission, swap } = summary;
  const unit = currency();
  const loss = Math.abs(Number(gross_loss));
  return [
    ["Trades", number(trades), "", null], ["Net", money(net), unit, toneOf(net)],
    ["Gross profit", money(gross_profit), unit, null], ["Gross loss", money(gross_loss), unit, null],
    ["Commission", money(commission), unit, null], ["Swap", money(swap), unit, null],
    ["Win rate", trades ? percent(wins / trades, 1) : "–", "", null],
    ["Profit factor", loss ? number(Number(gross_profit) / loss, 2) : "–", "", null],
    ["Average trade", trades ? money(Number(net) / trades) : "–", unit, null],
  ];
}

function makeFigure([label]) {
  return el("div.figure", {}, el("span.label", { text: label }), el("span.value"), el("span.unit"));
}
