/* A field for a time in the chosen zone, to the second. */

import { el } from "./dom.js";
import { field } from "./field.js";
import { dateTimeText, shifted_ms, zoneLabel } from "./times.js";

/**
 * Make a field for a time.
 * @param {string} label
 * @param {string|number} [value_ns] the initial time
 * @returns {{field: HTMLElement, input: HTMLInputElement, read: () => string}} `read` gives UTC nanoseconds as exact
 *   digits, empty for no time
 */
export function timeInput(label, value_ns) {
  const input = el("input", { type: "datetime-local", step: "1" });
  if (Number(value_ns)) input.value = dateTimeText(value_ns).replace(" ", "T");
  const shown = input.value;
  const read = () => (input.value === shown ? String(value_ns || "") : timeOf(input.value));
  return { field: field(`${label} (${zoneLabel()})`, input), input, read };
}

/** Nanoseconds since 1970 as exact digits, from milliseconds. */
export function exactNs(ms) {
  return `${Math.floor(ms)}000000`;
}

function timeOf(text) {
  if (!text) return "";
  const shown_ms = Date.parse(`${text}Z`);
  const guess_ms = 2 * shown_ms - shifted_ms(shown_ms);
  return exactNs(shown_ms - (shifted_ms(guess_ms) - guess_ms));
}
