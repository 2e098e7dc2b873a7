/* Axes along time. The position of a candle is its index, so that closed markets have no width; of a line its time. */

import { indexAt, timeStep_ms, timeLabel } from "./scales.js";
import { shifted_ms } from "../times.js";

/** Axis whose unit is the index of a candle; `times` are the candles' open times in ms, sorted. */
export class IndexAxis {
  margin = 3; // candles of free width at the right edge
  leastSpan = 8;
  leastShown = 30; // the smallest width of a view in candles, also with less data
  times = [];

  /** The last position with data. */
  get end() {
    return this.times.length - 1;
  }

  /** The first position with data: the left edge of the first candle. */
  get start() {
    return -0.5;
  }

  /** Position of a time: that of the candle that contains it. */
  positionOf(ms) {
    return Math.max(0, indexAt(this.times, ms + 1) - 1);
  }

  /** Time of a position; beyond the ends extrapolated by the distance of the last two candles. */
  timeOf(position) {
    const index = Math.round(position);
    return this.times[Math.min(Math.max(index, 0), this.end)] ?? 0;
  }

  /** Marks as [position, label] for a view, at most `count`. */
  ticks(from, to, count) {
    const first = Math.max(0, Math.ceil(from));
    const last = Math.min(this.end, Math.floor(to));
    if (last <= first) return [];
    const share = (last - first) / (to - from); // of the width has candles
    const step = timeStep_ms(this.times[last] - this.times[first], Math.max(1, Math.floor(count * share)));
    const ticks = [];
    for (let index = Math.max(first, 1); index <= last; index += 1) {
      const past = shifted_ms(this.times[index]) % step; // the round time may have no candle
      const isNew = this.times[index] - past > this.times[index - 1];
      if (isNew) ticks.push([index, timeLabel(this.times[index] - past, step)]);
    }
    return ticks;
  }
}

/** Axis whose unit is the millisecond; `times` are the points' times, sorted. */
export class TimeAxis {
  margin = 0;
  leastSpan = 2_000;
  leastShown = 20_000;
  times = [];

  /** The last position with data. */
  get end() {
    return this.times[this.times.length - 1] ?? 0;
  }

  /** The first position with data. */
  get start() {
    return this.times[0] ?? 0;
  }

  /** Position of a time: the time itself. */
  positionOf(ms) {
    return ms;
  }

  /** Time of a position: the position itself. */
  timeOf(position) {
    return position;
  }

  /** Marks as [position, label] for a view, at most `count`. */
  ticks(from, to, count) {
    const step = timeStep_ms(to - from, count);
    const shift = shifted_ms(from) - from;
    const ticks = [];
    for (let at = Math.ceil((from + shift) / step) * step; at <= to + shift; at += step) {
      ticks.push([at - shift, timeLabel(at - shift, step)]);
    }
    return ticks;
  }
}
