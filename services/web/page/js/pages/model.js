/* Model: for each symbol the strategy's model, probabilities and features at the newest tick, and counts of signals. */

import { attribute, el, keyed, setText, setTone, show } from "../dom.js";
import { number, percent, toneOf, words } from "../format.js";
import { live } from "../live.js";
import { Meter } from "../meter.js";
import { panel } from "../panel.js";
import { DataTable } from "../table.js";
import { timeText } from "../times.js";

const DIRECTIONS = { 1: "▲ buy", 0: "● hold", [-1]: "▼ sell" };
const TONES = { buy: "up", sell: "down" };

/** The models of the strategies. */
export default class ModelPage extends HTMLElement {
  #box = el("div.models");
  #empty = el("p.empty", { text: "No strategy has reported yet." });
  #end = null;

  connectedCallback() {
    this.replaceChildren(el("h1.visually-hidden", { text: "Model" }), this.#empty, this.#box);
    this.#end = live.watch(["model:"], () => this.#draw());
  }

  disconnectedCallback() {
    this.#end();
  }

  #draw() {
    const reports = live.keys("model:").map((key) => live.get(key));
    show(this.#empty, reports.length === 0);
    keyed(this.#box, reports, (one) => one.symbol, () => new ModelCard(), (card, report) => card.update(report));
  }
}

/** One symbol's model. */
class ModelCard extends HTMLElement {
  #title = null;
  #identity = el("dl.facts");
  #signal = el("p.signal-now");
  #reason = el("p.quiet");
  #probabilities = el("div.probabilities");
  #noProbabilities = el("p.faint", { text: "The strategy reports no probabilities." });
  #counts = el("div.figures");
  #features = new DataTable().setup({
    caption: "Features of the newest tick", empty: "The strategy reports no features.", key: (row) => row.name,
    columns: [
      { key: "name", label: "Feature" },
      { key: "value", label: "Value", number: true, text: (row) => featureText(row.value) },
    ],
  });

  connectedCallback() {
    if (this.#title) return;
    this.#title = panel("Model", { source: "strategy", padded: true });
    const left = el("div.stack", {},
      this.#signal, this.#reason, this.#probabilities, this.#noProbabilities, this.#counts, this.#identity);
    this.#title.body.append(el("div.model-parts", {}, left, this.#features));
    this.append(this.#title);
  }

  /** Show a report of the strategy. */
  update(report) {
    setText(this.#title.heading, `${report.symbol}: ${report.strategy}`);
    attribute(this.#title, "aria-label", `Model of ${report.symbol}`);
    this.#drawSignal(report);
    this.#drawProbabilities(report);
    this.#drawCounts(report.counts);
    this.#drawIdentity(report);
    this.#features.rows = Object.entries(report.features).map(([name, value]) => ({ name, value }));
  }

  #drawSignal({ direction, confidence, threshold, reason }) {
    const limit = threshold === null ? "" : `, threshold ${number(threshold, 2)}`;
    setText(this.#signal, `${DIRECTIONS[direction] ?? "?"} with confidence ${number(confidence, 3)}${limit}`);
    setTone(this.#signal, toneOf(direction));
    setText(this.#reason, reason);
  }

  #drawProbabilities({ probabilities, thresholds }) {
    const rows = Object.entries(probabilities);
    show(this.#noProbabilities, rows.length === 0);
    keyed(this.#probabilities, rows, ([name]) => name, makeProbability, (node, [name, value]) => {
      const threshold = thresholds[name];
      const tone = threshold !== undefined && value >= threshold ? TONES[name] : null;
      node.lastChild.update(value, percent(value, 1), tone, threshold === undefined ? [] : [threshold]);
    });
  }

  #drawCounts(counts) {
    const decided = counts.buy + counts.sell + counts.hold;
    const share = (count) => (decided ? percent(count / decided, 1) : "–");
    const figures = [
      ["Hold rate", share(counts.hold), `${number(counts.hold)} ticks`],
      ["Buy", number(counts.buy), share(counts.buy)], ["Sell", number(counts.sell), share(counts.sell)],
      ["Warm-up", number(counts.warming_up), "ticks"], ["Total", number(counts.ticks), "ticks"],
    ];
    keyed(this.#counts, figures, ([label]) => label, makeFigure, (node, [, value, more]) => {
      setText(node.querySelector(".value"), value);
      setText(node.querySelector(".unit"), more);
    });
  }

  #drawIdentity(report) {
    const hash = report.model_sha256;
    const facts = [
      ["Model", report.model || "a rule without a model", ""], ["SHA-256", hash ? `${hash.slice(0, 12)}…` : "–", hash],
      ["Thresholds", pairsText(report.thresholds), ""],
      ["Highest confidence, last 1 s", pairsText(report.peaks), ""],
      ["Tick", `no. ${number(report.ordinal)} at ${timeText(report.time_ns, { ms: true })}`, ""],
    ];
    const pairs = facts.flatMap(([name, value, title]) => [[`${name} name`, name, ""], [name, value, title]]);
    const make = ([key]) => el(key.endsWith(" name") ? "dt" : "dd");
    keyed(this.#identity, pairs, ([key]) => key, make, (node, [, text, title]) => {
      setText(node, text);
      attribute(node, "title", title || null);
    });
  }
}

function pairsText(values) {
  return Object.entries(values).map(([name, value]) => `${name} ${number(value, 3)}`).join(", ") || "none";
}

function makeProbability([name]) {
  return el("div.probability", {}, el("span", { text: words(name) }), new Meter());
}

function makeFigure([label]) {
  return el("div.figure", {}, el("span.label", { text: label }), el("span.value"), el("span.unit"));
}

function featureText(value) {
  const size = Math.abs(value);
  if (value !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(3).replaceAll("-", "−");
  return number(value, 4);
}

customElements.define("model-card", ModelCard);
