/* Colours of the charts: the variables of the theme. */

const NAMES = [
  "panel", "ink", "ink-2", "ink-3", "up", "down", "warn", "halt", "grid", "cross", "series", "series-2", "band", "ok",
];

/** The colours of an element's theme by name, such as {"ink-2": "#a3afbd"}. */
export function readColours(node) {
  const style = getComputedStyle(node);
  return Object.fromEntries(NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}
