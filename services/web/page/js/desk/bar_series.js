/* Bars of one symbol and period: history by HTTP, with the newest bars of the cells merged into it.

   The cells have the last bars of 1 s and of 1 min. Merging takes the highest high, the lowest low and the latest
   close, so that merging a bar twice changes nothing. */

const NS_PER_MS = 1e6;
const MINUTE_S = 60;

/** Columns of bars, sorted by time, in the layout of a chart's candles. */
export class BarSeries {
  times = [];
  open = [];
  high = [];
  low = [];
  close = [];
  #closeAt = [];
  #newest = 0;

  /** @param {number} period_s period of the bars in seconds */
  constructor(period_s) {
    this.period_ms = period_s * 1000;
    this.source = period_s < MINUTE_S ? "1s" : "1m";
    this.source_ms = period_s < MINUTE_S ? 1000 : MINUTE_S * 1000;
  }

  /** Insert older bars before the others: rows [open_time_ns, open, high, low, close, ticks] in the order of time. */
  prepend(rows) {
    const older = rows.filter((row) => !this.times.length || row[0] / NS_PER_MS < this.times[0]);
    const times = older.map((row) => row[0] / NS_PER_MS);
    this.times.unshift(...times);
    this.#closeAt.unshift(...times);
    ["open", "high", "low", "close"].forEach((name, index) => {
      this[name].unshift(...older.map((row) => Number(row[index + 1])));
    });
    this.#newest = Math.max(this.#newest, this.times[this.times.length - 1] ?? 0);
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

  /** Drop the oldest bars so that at most `most` are kept. */
  trim(most) {
    const surplus = this.times.length - most;
    if (surplus <= 0) return;
    const columns = [this.times, this.open, this.high, this.low, this.close, this.#closeAt];
    for (const column of columns) column.splice(0, surplus);
  }

  #mergeOne([time_ns, open, high, low, close]) {
    const time = time_ns / NS_PER_MS;
    const bucket = Math.floor(time / this.period_ms) * this.period_ms;
    const last = this.times.length - 1;
    if (last < 0 || bucket > this.times[last]) {
      this.times.push(bucket);
      this.open.push(open);
      this.high.push(high);
      this.low.push(low);
      this.close.push(close);
      this.#closeAt.push(time);
      return;
    }
    const index = this.times.lastIndexOf(bucket);
    if (index < 0) return;
    this.high[index] = Math.max(this.high[index], high);
    this.low[index] = Math.min(this.low[index], low);
    if (time < this.#closeAt[index]) return;
    this.close[index] = close;
    this.#closeAt[index] = time;
  }
}

/** The ticks of one symbol: bid and ask. */
export class TickSeries {
  times = [];
  bid = [];
  ask = [];
  #kept;

  /** @param {number} kept number of ticks that are kept */
  constructor(kept) {
    this.#kept = kept;
  }

  /** Add ticks {time_ns, bid, ask} in the order of time, without those that are not newer than the last one. */
  add(quotes) {
    for (const { time_ns, bid, ask } of quotes) {
      const time = time_ns / NS_PER_MS;
      if (time <= (this.times[this.times.length - 1] ?? 0)) continue;
      this.times.push(time);
      this.bid.push(bid);
      this.ask.push(ask);
    }
    const surplus = this.times.length - this.#kept;
    if (surplus > 0) for (const column of [this.times, this.bid, this.ask]) column.splice(0, surplus);
  }
}
