/* An explanation of the desk as a line of steps in time: from tick and signal over the decision to the fill. */

import { el } from "../dom.js";
import { words } from "../format.js";
import { dateTimeText, textInZone, timeText } from "../times.js";

/**
 * Draw an explanation.
 * @param {{summary: string, steps: Array<{name: string, time_ns: number, facts: Object<string, string>,
 *   lines: Array<{time_ns: number, words: string}>}>}} reply the answer of /why
 * @returns {HTMLElement}
 */
export function whyView(reply) {
  const first_ns = reply.steps.find((step) => step.time_ns)?.time_ns ?? 0;
  const steps = reply.steps.map((step) => stepItem(step, first_ns));
  return el("div.why", {}, el("p.summary", { text: textInZone(reply.summary) }), el("ol.steps", {}, ...steps));
}

function stepItem(step, first_ns) {
  const head = el("header", {}, el("h3", { text: words(step.name) }));
  if (step.time_ns) {
    head.append(el("time", { text: dateTimeText(step.time_ns, { ms: true }) }));
    const after = afterText(step.time_ns - first_ns);
    if (after) head.append(el("span.after", { text: after, title: "after the first step" }));
  }
  const pair = ([name, value]) => [el("dt", { text: name }), el("dd", { text: textInZone(value) })];
  const facts = Object.entries(step.facts).flatMap(pair);
  const lines = step.lines.map((line) => lineItem(line, first_ns));
  const item = el("li.step", {}, head);
  if (facts.length) item.append(el("dl.facts", {}, ...facts));
  if (lines.length) item.append(el("ul.lines", {}, ...lines));
  return item;
}

function lineItem(line, first_ns) {
  const time = line.time_ns ? timeText(line.time_ns, { ms: true }) : "";
  const after = line.time_ns ? afterText(line.time_ns - first_ns) : "";
  return el("li", {}, el("time", { text: time, title: after }), el("span", { text: textInZone(line.words) }));
}

function afterText(span_ns) {
  if (span_ns <= 0) return "";
  const ms = span_ns / 1e6;
  if (ms < 10_000) return `+${ms.toFixed(ms < 10 ? 1 : 0)} ms`;
  return ms < 86_400_000 ? `+${(ms / 1000).toFixed(1)} s` : "";
}
