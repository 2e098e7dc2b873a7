/* The period of a filter: a length up to now, or two times in the chosen zone. */

import { el } from "../dom.js";
import { field } from "../field.js";
import { exactNs, timeInput } from "../time_input.js";
import { venueNow_ms } from "../venue_clock.js";

const HOUR_MS = 3_600_000;
const LENGTHS_MS = { "1h": HOUR_MS, "24h": 24 * HOUR_MS, "7d": 168 * HOUR_MS, "30d": 720 * HOUR_MS };
const CUSTOM = "custom";
const CHOICES = [
  ["", "any"], ["1h", "last hour"], ["24h", "last 24 h"], ["7d", "last 7 days"], ["30d", "last 30 days"],
  [CUSTOM, "from … to"],
];

/** The parameters of the API for the values `period`, `from_ns` and `to_ns` of a filter, as of now. */
export function periodParameters({ period, from_ns, to_ns }) {
  if (period in LENGTHS_MS) return { from_ns: exactNs(venueNow_ms() - LENGTHS_MS[period]) };
  return { from_ns, to_ns };
}

/**
 * A field for the period.
 * @param {Object<string, string>} values with `period`, or `from_ns` and `to_ns`
 * @param {(values: Object<string, string>) => void} onChange gets all three, empty when not set
 * @returns {HTMLElement}
 */
export function periodField(values, onChange) {
  const select = el("select", {}, ...CHOICES.map(([value, text]) => el("option", { value, text })));
  const isCustom = Boolean(values.from_ns || values.to_ns);
  select.value = isCustom ? CUSTOM : values.period ?? "";
  const from = timeInput("From", values.from_ns);
  const to = timeInput("To", values.to_ns);
  const times = el("div.times", { hidden: !isCustom }, from.field, to.field);
  times.addEventListener("change", () => onChange({ period: "", from_ns: from.read(), to_ns: to.read() }));
  select.addEventListener("change", () => {
    times.hidden = select.value !== CUSTOM;
    if (select.value !== CUSTOM) onChange({ period: select.value, from_ns: "", to_ns: "" });
    else from.input.focus();
  });
  return el("div.period", {}, field("Period", select), times);
}
