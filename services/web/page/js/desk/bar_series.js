/* Bars of one symbol and period: history by HTTP, with the newest bars of the cells merged into it.

   The cells have the last bars of 1 s and of 1 min. Merging takes the highest high, the lowest low and the latest
   close, so that merging a bar twice changes nothing. */

import { Columns } from "../columns.js";

const NS_PER_MS = 1e6;
const MINUTE_S = 60;

/** Columns of bars, sorted by time, in the layout of a chart's candles. */
export class BarSeries extends Columns {
  #newest = 0;

  /** @param {number} period_s period of the bars in seconds @param {number} kept number of bars that are kept */
  constructor(period_s, kept) {
    super(["times", "open", "high", "low", "close", "closeAt"], kept);
    this.period_ms = period_s * 1000;
    this.source = period_s < MINUTE_S ? "1s" : "1m";
  }

  /** Insert older bars before the others: rows [open_time_ns, open, high, low, close, ticks] in the order of time. */
  prepend(rows) {
    const older = rows.filter((row) => !this.length || row[0] / NS_PER_MS < this.times[0]);
    const times = older.map((row) => row[0] / NS_PER_MS);
    const prices = [1, 2, 3, 4].map((index) => older.map((row) => Number(row[index])));
    this.insertFirst([times, ...prices, times]);
    this.#newest = Math.max(this.#newest, this.times[this.length - 1] ?? 0);
  }

  /**
   * Merge the newest bars of a cell.
   * @param {Array<Array<number>>} rows bars of the period `source`
   * @returns {boolean} false if bars between these and the last ones are missing: the history must be read again
   */
  merge(rows) {
    if (!rows?.length) return true;
    const first = rows[0][0] / NS_PER_MS;
    const isJoined = !this.#newest || first <= this.#newest + this.period_ms;
    for (const row of rows) this.#mergeOne(row);
    this.#newest = Math.max(this.#newest, rows[rows.length - 1][0] / NS_PER_MS);
    return isJoined;
  }

  #mergeOne([time_ns, open, high, low, close]) {
    const time = time_ns / NS_PER_MS;
    const bucket = Math.floor(time / this.period_ms) * this.period_ms;
    const last = this.length - 1;
    if (last < 0 || bucket > this.times[last]) {
      this.append([bucket, open, high, low, close, time]);
      return;
    }
    const index = this.times.lastIndexOf(bucket);
    if (index < 0) return;
    this.high[index] = Math.max(this.high[index], high);
    this.low[index] = Math.min(this.low[index], low);
    if (time < this.closeAt[index]) return;
    this.close[index] = close;
    this.closeAt[index] = time;
  }
}

/** The ticks of one symbol: bid and ask. */
export class TickSeries extends Columns {
  /** @param {number} kept number of ticks that are kept */
  constructor(kept) {
    super(["times", "bid", "ask"], kept);
  }

  /** Add ticks {time_ns, bid, ask} in the order of time, without those that are not newer than the last one. */
  add(quotes) {
    for (const { time_ns, bid, ask } of quotes) {
      const time = time_ns / NS_PER_MS;
      if (time > (this.times[this.length - 1] ?? 0)) this.append([time, bid, ask]);
    }
  }
}
