/* Exact steps of volumes and prices: values on a decimal grid, as text for the API. */

/** Number of decimals of a decimal text: "0.01" has 2. */
export function decimalsOf(text) {
  const normal = Number(text).toString();
  if (normal.includes("e-")) return Number(normal.split("e-")[1]);
  return (normal.split(".")[1] ?? "").length;
}

/** The nearest value on a grid, as text, moved by `count` steps and kept within [least, most]. */
export function stepped(value, step, count = 0, least = -Infinity, most = Infinity) {
  const size = Number(step) || 1;
  const moved = (Math.round(Number(value) / size) + count) * size;
  return Math.min(Math.max(moved, Number(least)), Number(most)).toFixed(decimalsOf(step));
}

/**
 * Read the decimal of an input that a person may have changed.
 * @param {HTMLInputElement} input its attribute `value` has the initial text
 * @returns {string|null|undefined} undefined, which JSON leaves out, for the initial text; else as `readDecimal`
 */
export function changedDecimal(input, name, isOptional = false) {
  const value = readDecimal(input.value, name, isOptional);
  const before = input.defaultValue === "" ? null : Number(input.defaultValue);
  return (value === null ? null : Number(value)) === before ? undefined : value;
}

/**
 * Read a decimal that a person entered.
 * @param {string} text the input, where a comma is read as the decimal point
 * @param {string} name name of the value, for the error
 * @param {boolean} isOptional whether an empty text is null
 * @returns {string|null} exact text; raises Error with one line
 */
export function readDecimal(text, name, isOptional = false) {
  const plain = text.trim().replace(",", ".");
  if (!plain && isOptional) return null;
  if (/^\d+(\.\d+)?$/.test(plain)) return plain;
  throw new Error(`${name} is ${text.trim() || "empty"}, expected a positive decimal`);
}
