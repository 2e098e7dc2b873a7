/* Panels: titled parts of a page with tools in the head; a panel whose source is silent is marked. */

import { el } from "./dom.js";
import { duration } from "./format.js";
import { live } from "./live.js";

const SOURCES = {
  portfolio: { name: "portfolio", time: "answered_ns", patience_ms: 2_000 },
  gateway: { name: "feed", time: "heard_ns", patience_ms: 2_000 },
  strategy: { name: "strategy", time: "heard_ns", patience_ms: 2_500 },
  ledger: { name: "ledger", time: "read_ns", patience_ms: 3_000 },
};

/**
 * Make a panel.
 * @param {string} title its heading, which also names it for screen readers
 * @param {{source?: "portfolio"|"gateway"|"strategy"|"ledger", tools?: Node[], className?: string, padded?: boolean}}
 *   [options] `source` is the part of the desk from which the values come
 * @param {...(Node|string)} children the content
 * @returns {HTMLElement & {body: HTMLElement, tools: HTMLElement, heading: HTMLElement}}
 */
export function panel(title, { source, tools = [], className = "", padded = false } = {}, ...children) {
  const heading = el("h2", { text: title });
  const toolBox = el("div.tools", {}, ...tools);
  const body = el(padded ? "div.body.padded" : "div.body", {}, ...children);
  const head = el("header", {}, heading, el("span.silent"), el("span.visually-hidden", { role: "status" }), toolBox);
  const section = el("section", { class: `panel ${className}`.trim(), "aria-label": title });
  if (source) section.dataset.source = source;
  section.append(head, body);
  return Object.assign(section, { body, tools: toolBox, heading });
}

/**
 * Why a source's values may be outdated, in one line; empty if they are current. The age is that at the time of the
 * drawn message: without a connection, the sources are not known, and the whole page is marked as stale.
 */
export function silenceOf(source) {
  const { name, time, patience_ms } = SOURCES[source];
  const state = live.get("sources")?.[source];
  if (!state) return "";
  if (!state[time]) return state.problem || `no message from ${name} yet`;
  const age_ms = live.drawnAt_ms - state[time] / 1e6;
  const since = age_ms > patience_ms ? duration(age_ms / 1000) : "";
  if (state.problem) return since ? `${state.problem}, last heard ${since} ago` : state.problem;
  return since && `${name} silent for ${since}`;
}

/** Mark the panels of the document whose source is silent; called by the frame several times a second. */
export function markSilentPanels() {
  const silences = new Map(Object.keys(SOURCES).map((source) => [source, silenceOf(source)]));
  for (const section of document.querySelectorAll(".panel[data-source]")) {
    const text = silences.get(section.dataset.source) ?? "";
    section.classList.toggle("is-silent", text !== "");
    const mark = section.querySelector(":scope > header > .silent");
    const shown = text && `⚠ ${text}`;
    if (mark.textContent !== shown) mark.textContent = shown;
    // The age in the mark changes all the time, and a screen reader would read each change.
    const spoken = mark.nextElementSibling;
    const sentence = text && "The values may be outdated.";
    if (spoken.textContent !== sentence) spoken.textContent = sentence;
  }
}
