/* A form field: a control with its label above it. */

import { el } from "./dom.js";

let fields = 0;

/**
 * Put a label above a control.
 * @param {string} label
 * @param {HTMLElement} control an input or select; it gets an id if it has none
 * @param {string} [hint] a line below the control
 * @returns {HTMLElement}
 */
export function field(label, control, hint = "") {
  if (!control.id) control.id = `field-${(fields += 1)}`;
  const parts = [el("label", { for: control.id, text: label }), control];
  return el("div.field", {}, ...parts, hint ? el("span.hint", { text: hint }) : null);
}
