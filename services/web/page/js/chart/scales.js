/* Scales of a chart: positions along time, values along height, and the round values of their marks. */

import { shifted_ms } from "../times.js";

const SECOND = 1_000;
const MINUTE = 60_000;
const HOUR = 3_600_000;
const DAY = 86_400_000;
const STEPS_MS = [
  SECOND, 2 * SECOND, 5 * SECOND, 10 * SECOND, 15 * SECOND, 30 * SECOND, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE,
  15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY, 30 * DAY,
  90 * DAY, 365 * DAY,
];

/** Index of the first time in a sorted array that is not before `time`. */
export function indexAt(times, time) {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Round values between two values, at most `count`. */
export function valueTicks(low, high, count) {
  const span = high - low;
  if (!(span > 0) || count < 1) return [];
  const raw = span / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * ([1, 2, 2.5, 5].find((factor) => factor * power >= raw) ?? 10);
  const ticks = [];
  for (let index = Math.ceil(low / step); index * step <= high; index += 1) ticks.push(index * step);
  return ticks;
}

/** The smallest round step of time, in milliseconds, that divides a span into at most `count` parts. */
export function timeStep_ms(span_ms, count) {
  return STEPS_MS.find((step) => span_ms / step <= count) ?? STEPS_MS[STEPS_MS.length - 1];
}

/** Label of a time for a step: the day at a change of day or for long steps, otherwise the time of day. */
export function timeLabel(ms, step_ms) {
  const text = new Date(shifted_ms(ms)).toISOString();
  const isMidnight = text.slice(11, 19) === "00:00:00";
  if (step_ms >= DAY || isMidnight) return text.slice(5, 10);
  return step_ms < MINUTE ? text.slice(11, 19) : text.slice(11, 16);
}

/** Move overlapping labels apart: sort by `y`, and keep `height` between neighbours within [top, bottom]. */
export function spreadLabels(labels, height, top, bottom) {
  labels.sort((a, b) => a.y - b.y);
  let least = top + height / 2;
  for (const label of labels) {
    label.y = Math.max(label.y, least);
    least = label.y + height;
  }
  let most = bottom - height / 2;
  for (let index = labels.length - 1; index >= 0 && labels[index].y > most; index -= 1) {
    labels[index].y = most;
    most -= height;
  }
  return labels;
}
