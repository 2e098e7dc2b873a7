/* Times as text in the chosen zone: the server's clock, UTC, or the browser's zone. All times are UTC ns. */

import { settings } from "./settings.js";

const QUARTER_MS = 900_000;
const HOUR_MS = 3_600_000;
const UTC_TIME = /\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?Z/g;
const serverZone = { clock: "", offset_s: 0 };
const offsets = new Map();

/** Set the server's clock: the name in the cell `state` and the current offset from UTC in seconds. */
export function setServerClock(clock, offset_s) {
  if (clock === serverZone.clock && offset_s === serverZone.offset_s) return;
  Object.assign(serverZone, { clock, offset_s });
  offsets.clear();
}

/** Text of the chosen zone at a time: "server UTC+2", "UTC" or "local UTC+1". */
export function zoneLabel(ns = Date.now() * 1e6) {
  const zone = settings.get("zone");
  return zone === "utc" ? "UTC" : `${zone} ${offsetText(offset_ms(ns / 1e6, zone))}`;
}

/** Time of day "14:03:21", with milliseconds if `ms`; a dash for no time. */
export function timeText(ns, { ms = false } = {}) {
  return ns ? iso(ns).slice(11, ms ? 23 : 19) : "–";
}

/** Day and time "2025-03-04 14:03:21", with milliseconds if `ms`; a dash for no time. */
export function dateTimeText(ns, { ms = false } = {}) {
  return ns ? iso(ns).slice(0, ms ? 23 : 19).replace("T", " ") : "–";
}

/** Time of day if the time is on the same day as `now_ns`, otherwise day and time. */
export function shortTimeText(ns, now_ns) {
  if (!ns) return "–";
  const text = iso(ns);
  return text.slice(0, 10) === iso(now_ns).slice(0, 10) ? text.slice(11, 19) : text.slice(5, 19).replace("T", " ");
}

/** Day "2025-03-04" in the chosen zone. */
export function dayText(ns) {
  return ns ? iso(ns).slice(0, 10) : "–";
}

/** A text of the desk with its UTC times ("2025-03-04 14:03:21.5Z") in the chosen zone, which is named. */
export function textInZone(text) {
  return (text ?? "").replace(UTC_TIME, (found) => {
    const ns = Date.parse(found.replace(" ", "T").replace(/(\.\d{3})\d*/, "$1")) * 1e6;
    return Number.isNaN(ns) ? found : `${dateTimeText(ns)} ${zoneLabel(ns)}`;
  });
}

/** UTC milliseconds moved to the chosen zone, so that a Date's UTC parts are the zone's parts. */
export function shifted_ms(ms) {
  return ms + offset_ms(ms, settings.get("zone"));
}

function iso(ns) {
  return new Date(shifted_ms(Number(ns) / 1e6)).toISOString();
}

function offset_ms(ms, zone) {
  if (zone === "utc") return 0;
  const key = `${zone}${Math.floor(ms / QUARTER_MS)}`;
  let offset = offsets.get(key);
  if (offset === undefined) {
    if (offsets.size > 5_000) offsets.clear();
    offset = zone === "local" ? -new Date(ms).getTimezoneOffset() * 60_000 : serverOffset_ms(ms);
    offsets.set(key, offset);
  }
  return offset;
}

function serverOffset_ms(ms) {
  if (serverZone.clock === "new_york_close") return zoneOffset_ms(ms, "America/New_York") + 7 * HOUR_MS;
  try {
    return serverZone.clock ? zoneOffset_ms(ms, serverZone.clock) : serverZone.offset_s * 1000;
  } catch {
    return serverZone.offset_s * 1000; // the browser does not know the zone's name
  }
}

function zoneOffset_ms(ms, timeZone) {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric",
    second: "numeric",
  });
  const part = Object.fromEntries(format.formatToParts(ms).map(({ type, value }) => [type, Number(value)]));
  const local = Date.UTC(part.year, part.month - 1, part.day, part.hour, part.minute, part.second);
  return local - Math.floor(ms / 1000) * 1000;
}

function offsetText(ms) {
  const minutes = Math.abs(Math.round(ms / 60_000));
  const rest = minutes % 60 ? `:${String(minutes % 60).padStart(2, "0")}` : "";
  return `UTC${ms < 0 ? "−" : "+"}${Math.floor(minutes / 60)}${rest}`;
}
