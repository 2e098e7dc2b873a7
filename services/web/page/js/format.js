/* Numbers, amounts, durations and ages as text. Decimals arrive as exact text and are formatted without a float. */

const NONE = "–";
const formats = new Map();

function formatter(digits, least, sign) {
  const key = `${digits} ${least} ${sign}`;
  let format = formats.get(key);
  if (!format) {
    const options = { minimumFractionDigits: least, maximumFractionDigits: digits, signDisplay: sign };
    formats.set(key, (format = new Intl.NumberFormat("en-US", options)));
  }
  return format;
}

function isMissing(value) {
  return value === null || value === undefined || value === "";
}

/** A number with a fixed number of decimals and grouped thousands; a dash for none. */
export function number(value, digits = 0) {
  return isMissing(value) ? NONE : formatter(digits, digits, "negative").format(value).replace("-", "−");
}

/** As `number`, with a plus sign for positive values. */
export function signed(value, digits = 0) {
  return isMissing(value) ? NONE : formatter(digits, digits, "exceptZero").format(value).replace("-", "−");
}

/** A decimal with all its digits, at most `most`. */
export function decimal(value, most = 8) {
  return isMissing(value) ? NONE : formatter(most, 0, "negative").format(value).replace("-", "−");
}

/** A price with the symbol's digits and without grouping, as on the venue. */
export function price(value, digits) {
  return isMissing(value) ? NONE : Number(value).toFixed(digits ?? 5);
}

/** A volume in lots: at least two decimals, more if it has them. */
export function lots(value) {
  return isMissing(value) ? NONE : formatter(8, 2, "negative").format(value).replace("-", "−");
}

/** A fraction as percent. */
export function percent(fraction, digits = 2) {
  return isMissing(fraction) ? NONE : `${number(Number(fraction) * 100, digits)} %`;
}

/** Arrow and tone of a value's sign: ["▲", "up"], ["▼", "down"] or ["", null]. */
export function direction(value) {
  const sign = Math.sign(Number(value ?? 0));
  return sign > 0 ? ["▲", "up"] : sign < 0 ? ["▼", "down"] : ["", null];
}

/** The tone of a value's sign: up, down or null. */
export function toneOf(value) {
  return direction(value)[1];
}

/** A duration from seconds: "0.4 s", "12 s", "4 min 05 s", "3 h 20 min", "2 d 4 h". */
export function duration(seconds) {
  if (isMissing(seconds)) return NONE;
  const s = Math.max(0, Number(seconds));
  if (s < 9.95) return `${s.toFixed(1)} s`;
  if (s < 60) return `${Math.floor(s)} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${String(Math.floor(s % 60)).padStart(2, "0")} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${String(Math.floor((s % 3600) / 60)).padStart(2, "0")} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

/** An age from milliseconds: "0.4 s" and so on; a negative age, from clocks that differ, is 0. */
export function age(ms) {
  return isMissing(ms) ? NONE : duration(ms / 1000);
}

/** A latency from microseconds: "850 µs", "1.25 ms", "2.10 s". */
export function latency(us) {
  if (isMissing(us)) return NONE;
  if (us < 1000) return `${number(us)} µs`;
  return us < 1e6 ? `${number(us / 1000, 2)} ms` : `${number(us / 1e6, 2)} s`;
}

/** A size in bytes: "812 B", "4.2 MB". */
export function bytes(count) {
  if (isMissing(count)) return NONE;
  const units = ["B", "kB", "MB", "GB", "TB"];
  const step = count < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(count) / 3));
  return `${number(count / 1000 ** step, step ? 1 : 0)} ${units[step]}`;
}

/** A text of the desk with grouped thousands in its amounts: "199931 USD" is "199,931 USD". */
export function groupAmounts(text) {
  return (text ?? "").replace(/(?<![\d.,])\d{4,}(?=(\.\d+)? [A-Z]{3}\b)/g, (digits) => number(digits));
}

/** A name of the protocol in lower case without underscores: "REDUCE_ONLY" is "reduce only". */
export function words(name) {
  return String(name ?? "").replaceAll("_", " ").toLowerCase();
}
