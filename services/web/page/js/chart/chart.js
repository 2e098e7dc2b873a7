/* Chart: one canvas with candles or lines, bands, markers and levels, which follows the newest data at its right edge.

   It is drawn only after a change, and at most every 2 s while it is off the screen. Colours are the theme's
   variables. */

import { el, setText, show } from "../dom.js";
import { settings } from "../settings.js";
import { dateTimeText, zoneLabel } from "../times.js";
import { readColours } from "./colours.js";
import { listen } from "./gestures.js";
import {
  drawBand, drawBeyond, drawCandles, drawCorner, drawLabel, drawLevels, drawLine, drawMarkers, foldTexts,
} from "./layers.js";
import { indexAt, spreadLabels, valueTicks } from "./scales.js";
import { IndexAxis, TimeAxis } from "./time_axis.js";

const FONT = '11px "Inter", "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif';
const BOTTOM_PX = 18;
const TOP_PX = 8;
const LABEL_PX = 15;
const GAP_PX = 8; // between labels of time
const TEXT_EVERY_MS = 2_000;
const HIDDEN_EVERY_MS = 2_000; // off the screen, so that a screenshot of the whole page is current
const LETTER_PX = 6.2; // average width of a letter in the labels of levels
const LABELS_SHARE_MAX = 0.3;
const LEAST_RANGE = 1e-5; // of the value: a constant has an axis with different labels
const REACH = 0.6; // a level extends the range of values if its distance is at most this part of the range

/** @typedef {Array<number|null>|Float64Array} Numbers null and NaN are missing values */

/**
 * @typedef {object} ChartData
 * @property {string} [note] text in place of missing values
 * @property {number} [digits] decimals of the values, instead of those of `setup`
 * @property {{times: Numbers, open: Numbers, high: Numbers, low: Numbers, close: Numbers}} [candles] times in ms
 * @property {Array<{name: string, times: Numbers, values: Numbers, colour?: string, width?: number, dash?: number[],
 *   step?: boolean}>} [lines]
 * @property {Array<{times: Numbers, upper: Numbers, lower: Numbers, colour?: string}>} [bands]
 * @property {Array<{time_ms: number, value: number, shape: "up"|"down"|"cross", colour?: string}>} [markers]
 * @property {Array<{value: number, text: string, colour?: string, dash?: number[], isSolid?: boolean,
 *   isFar?: boolean}>} [levels] `isFar`: never extends the range of values
 */

/** A chart in an element; call `set` after each change of the data. */
export class Chart extends HTMLElement {
  #canvas = el("canvas", { tabindex: "0", role: "img" });
  #toNow = el("button.button.small.to-now", { type: "button", text: "to now ⇥", hidden: true });
  #note = el("p.empty", { text: "loading …" });
  #alternative = el("p.visually-hidden");
  #options = { label: "Chart", digits: 2, span: null };
  #data = {};
  #axis = new TimeAxis();
  #view = { from: 0, to: 0 };
  #labelShare = 0;
  #drawn = { low: -Infinity, high: Infinity };
  #isFollowing = true;
  #pointer = null;
  #isDirty = true;
  #isVisible = false;
  #frame = 0;
  #textAt_ms = -Infinity;
  #drawnAt_ms = -Infinity;
  #colours = null;
  #endSettings = null;
  #size = { width: 0, height: 0 };
  #resize = new ResizeObserver(() => this.#onResize());
  #sight = new IntersectionObserver((entries) => this.#onSight(entries[entries.length - 1].isIntersecting));

  /**
   * Define the chart.
   * @param {{label: string, text?: (value: number) => string, digits?: number, isCandles?: boolean, span?: number,
   *   isFromZero?: boolean, onPast?: () => void}} options `text` formats a value, by default with `digits` decimals;
   *   `span` is the initial width of the view in candles or ms, all data by default; `isFromZero`: the range begins at
   *   0; `onPast`: the view is at the oldest data @returns {Chart} itself
   */
  setup(options) {
    this.#options = options;
    this.#axis = options.isCandles ? new IndexAxis() : new TimeAxis();
    this.#isFollowing = true;
    show(this.#toNow, false);
    this.#view = { from: 0, to: 0 };
    this.#canvas.setAttribute("aria-label", `${options.label}. Keys: arrows move, plus and minus zoom, End follows.`);
    return this;
  }

  connectedCallback() {
    if (!this.firstChild) this.#build();
    this.#resize.observe(this);
    this.#sight.observe(this);
    this.#endSettings = settings.onChange(() => this.#onSettings());
  }

  disconnectedCallback() {
    this.#resize.disconnect();
    this.#sight.disconnect();
    this.#endSettings();
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
  }

  /** @param {ChartData} data arrays sorted by time; call `set` again after a change of them */
  set(data) {
    const kept = this.#isFollowing ? null : this.#axis.timeOf(this.#view.to);
    this.#data = data;
    const main = data.candles ?? data.lines?.[0];
    this.#axis.times = main?.times ?? [];
    setText(this.#note, data.note ?? "no data yet");
    show(this.#note, this.#axis.times.length === 0);
    if (kept !== null && this.#options.isCandles) this.#keepTime(kept);
    this.#measureLabels();
    if (this.#isFollowing) this.#follow();
    this.#drawIfDue();
  }

  /** Width of the view, in candles or milliseconds, if it follows the newest data; null if it is scrolled back. */
  get followedSpan() {
    return this.#isFollowing ? this.#view.to - this.#view.from : null;
  }

  #build() {
    this.#toNow.addEventListener("click", () => this.#toEnd());
    this.append(this.#canvas, this.#toNow, this.#note, this.#alternative);
    this.#alternative.id = `chart-${Math.random().toString(36).slice(2)}`;
    this.#canvas.setAttribute("aria-describedby", this.#alternative.id);
    listen(this.#canvas, {
      zoom: (factor, x) => this.#zoom(factor, x),
      pan: (pixels) => this.#pan(pixels),
      toEnd: () => this.#toEnd(),
      point: (place) => this.#point(place),
      width: () => this.#size.width,
    });
  }

  // ---- view

  #follow() {
    const { end, leastShown } = this.#axis;
    const span = Math.min(this.#options.span ?? Infinity, Math.max(this.#all, leastShown));
    const to = end + this.#margin(span);
    this.#view = { from: to - span, to };
  }

  /* Width of a view with all data. */
  get #all() {
    const { start, end, margin } = this.#axis;
    return Math.max(end - start + margin, (end - start) / (1 - this.#labelShare));
  }

  /* Free width at the right edge of a view, for the labels of the levels, so that they cover no data. */
  #margin(span) {
    return Math.max(this.#axis.margin, span * this.#labelShare);
  }

  #measureLabels() {
    const { low, high } = this.#drawn;
    const shown = (this.#data.levels ?? []).filter(({ text, value }) => text && value >= low && value <= high);
    const widths = shown.map(({ text }) => text.length * LETTER_PX + LABEL_PX);
    const width = this.#size.width || 1;
    this.#labelShare = Math.min(LABELS_SHARE_MAX, Math.max(0, ...widths) / width);
  }

  #keepTime(time_ms) {
    const shift = this.#axis.positionOf(time_ms) - this.#view.to;
    if (Math.abs(shift) >= 1) this.#view = { from: this.#view.from + shift, to: this.#view.to + shift };
  }

  #zoom(factor, x) {
    const { from, to } = this.#view;
    const width = this.#size.width || 1;
    const most = Math.max(this.#all, this.#axis.leastSpan);
    const span = Math.min(Math.max((to - from) * factor, this.#axis.leastSpan), most);
    const part = this.#isFollowing ? 1 : Math.min(1, x / width);
    const fixed = from + (to - from) * part;
    this.#options.span = span;
    this.#setView(fixed - span * part, fixed + span * (1 - part));
  }

  #pan(pixels) {
    const shift = (-pixels * (this.#view.to - this.#view.from)) / (this.#size.width || 1);
    this.#setView(this.#view.from + shift, this.#view.to + shift);
  }

  #setView(from, to) {
    const { start, end } = this.#axis;
    const span = to - from;
    const margin = this.#margin(span);
    const first = Math.max(Math.min(from, end + margin - span), Math.min(start, end + margin - span));
    this.#view = { from: first, to: first + span };
    this.#isFollowing = first + span >= end + margin - span * 1e-6;
    show(this.#toNow, !this.#isFollowing);
    if (first <= start) this.#options.onPast?.();
    this.#invalidate();
  }

  #toEnd() {
    this.#isFollowing = true;
    show(this.#toNow, false);
    this.#follow();
    this.#invalidate();
  }

  #point(place) {
    this.#pointer = place;
    this.#invalidate();
  }

  // ---- when to draw

  #drawIfDue() {
    this.#isDirty = true;
    if (this.#isVisible || performance.now() - this.#drawnAt_ms > HIDDEN_EVERY_MS) this.#draw();
  }

  #invalidate() {
    this.#isDirty = true;
    if (!this.#frame && this.#isVisible) {
      this.#frame = requestAnimationFrame(() => {
        this.#frame = 0;
        this.#draw();
      });
    }
  }

  #onResize() {
    const ratio = devicePixelRatio || 1;
    const { clientWidth, clientHeight } = this;
    this.#canvas.width = Math.round(clientWidth * ratio);
    this.#canvas.height = Math.round(clientHeight * ratio);
    this.#size = { clientWidth, clientHeight, ratio, width: clientWidth };
    this.#drawnAt_ms = -Infinity; // a canvas of another size is empty
    this.#drawIfDue();
  }

  #onSight(isVisible) {
    this.#isVisible = isVisible;
    if (isVisible && this.#isDirty) this.#invalidate();
  }

  #onSettings() {
    this.#colours = null;
    this.#invalidate();
  }

  // ---- drawing

  #draw() {
    if (!this.#isDirty || !this.#size.clientWidth) return;
    this.#isDirty = false;
    const context = this.#canvas.getContext("2d");
    context.setTransform(this.#size.ratio, 0, 0, this.#size.ratio, 0, 0);
    context.clearRect(0, 0, this.#size.clientWidth, this.#size.clientHeight);
    if (!this.#axis.times.length) return;
    this.#drawnAt_ms = performance.now();
    context.font = FONT;
    context.textBaseline = "middle";
    const plot = this.#plot(context);
    const labels = this.#levelLabels(plot);
    this.#drawGrid(context, plot, labels);
    this.#drawLayers(context, plot);
    this.#drawLabels(context, plot, labels);
    drawBeyond(context, plot);
    if (this.#pointer) this.#drawCross(context, plot);
    this.#describe();
  }

  #plot(context) {
    const range = this.#range();
    const axisWidth = Math.ceil(Math.max(...range.map((v) => context.measureText(this.#text(v)).width))) + 10;
    const { clientWidth, clientHeight } = this.#size;
    const [left, right, top, bottom] = [0, clientWidth - axisWidth, TOP_PX, clientHeight - BOTTOM_PX];
    const { from, to } = this.#view;
    this.#size.width = right;
    const beyond = this.#beyond(context, right - left, ...range);
    const perPixel = (range[1] - range[0]) / Math.max(1, bottom - top - LABEL_PX * beyond.flat().length);
    const low = range[0] - LABEL_PX * beyond[1].length * perPixel;
    const high = range[1] + LABEL_PX * beyond[0].length * perPixel;
    this.#drawn = { low, high };
    const perUnit = (right - left) / (to - from || 1);
    const perValue = (bottom - top) / (high - low);
    this.#colours ??= readColours(this);
    return {
      left, right, top, bottom, from, to, low, high, range, beyond, colours: this.#colours,
      x: (position) => left + (position - from) * perUnit,
      y: (value) => bottom - (value - low) * perValue,
      positionOf: (ms) => this.#axis.positionOf(ms),
      positionAt: (times, index) => this.#axis.positionOf(times[index]),
      indexes: (times) => this.#indexes(times),
    };
  }

  #indexes(times) {
    const first = indexAt(times, this.#axis.timeOf(this.#view.from)) - 1;
    const last = indexAt(times, this.#axis.timeOf(this.#view.to));
    return [Math.max(0, first), Math.min(times.length - 1, last)];
  }

  #range() {
    let [low, high] = [Infinity, -Infinity];
    const take = (values, first, last) => {
      for (let index = first; index <= last; index += 1) {
        const value = values[index];
        if (value === null) continue;
        if (value < low) low = value;
        if (value > high) high = value;
      }
    };
    const { candles, lines = [], levels = [] } = this.#data;
    if (candles) for (const values of [candles.high, candles.low]) take(values, ...this.#indexes(candles.times));
    for (const line of lines) take(line.values, ...this.#indexes(line.times));
    if (low > high) [low, high] = [0, 1];
    const reach = (high - low || Math.abs(high) * 1e-4 || 1) * REACH;
    const marked = this.#markersInView().map((marker) => marker.value);
    take(marked, 0, marked.length - 1);
    const near = levels.filter(({ value, isFar }) => !isFar && value > low - reach && value < high + reach);
    take(near.map((level) => level.value), 0, near.length - 1);
    const pad = Math.max((high - low) * 0.06, Math.abs(high) * LEAST_RANGE) || 1;
    if (this.#options.isFromZero) return [0, high * 1.06 || 1];
    return [low - pad, high + pad];
  }

  /* The markers in the view; one before the first data has no place on the axis. */
  #markersInView() {
    const { from, to } = this.#view;
    return (this.#data.markers ?? []).filter(({ time_ms }) => {
      const position = this.#axis.positionOf(time_ms);
      return time_ms >= this.#axis.times[0] && position >= from && position <= to;
    });
  }

  #drawGrid(context, plot, labels) {
    context.fillStyle = plot.colours["ink-3"];
    context.strokeStyle = plot.colours.grid;
    context.lineWidth = 1;
    context.textAlign = "left";
    context.beginPath();
    for (const value of valueTicks(...plot.range, Math.floor((plot.bottom - plot.top) / 34))) {
      const y = Math.round(plot.y(value)) + 0.5;
      context.moveTo(plot.left, y);
      context.lineTo(plot.right, y);
      const isFree = y < plot.bottom - 5 && labels.every((label) => Math.abs(label.y - y) > LABEL_PX - 2);
      if (isFree) context.fillText(this.#text(value), plot.right + 5, y);
    }
    const zone = zoneLabel(this.#axis.timeOf(plot.to) * 1e6).replace(/^\w+ (?=UTC)/, "");
    const zoneLeft = this.#size.clientWidth - 2 - context.measureText(zone).width;
    context.textAlign = "center";
    let taken = plot.left + GAP_PX / 2;
    for (const [position, label] of this.#axis.ticks(plot.from, plot.to, Math.floor(plot.right / 76))) {
      const x = Math.round(plot.x(position)) + 0.5;
      context.moveTo(x, plot.top);
      context.lineTo(x, plot.bottom);
      const half = context.measureText(label).width / 2;
      if (x - half < taken || x + half > zoneLeft - GAP_PX) continue;
      context.fillText(label, x, plot.bottom + 10);
      taken = x + half + GAP_PX;
    }
    context.stroke();
    context.textAlign = "right";
    context.fillText(zone, this.#size.clientWidth - 2, plot.bottom + 10);
  }

  #drawLayers(context, plot) {
    const { candles, lines = [], bands = [], levels = [] } = this.#data;
    context.save();
    context.beginPath();
    context.rect(plot.left, 0, plot.right - plot.left, plot.bottom + 1);
    context.clip();
    for (const band of bands) drawBand(context, plot, band);
    drawLevels(context, plot, levels);
    if (candles) drawCandles(context, plot, candles);
    for (const line of lines) drawLine(context, plot, line);
    drawMarkers(context, plot, this.#markersInView());
    context.restore();
  }

  #levelLabels(plot) {
    const [low, high] = plot.range;
    const shown = (this.#data.levels ?? []).filter(({ value }) => value >= low && value <= high);
    const labels = shown.map((level) => ({ ...level, y: plot.y(level.value), label: this.#text(level.value) }));
    return spreadLabels(labels, LABEL_PX, plot.y(high), plot.y(low));
  }

  #drawLabels(context, plot, labels) {
    for (const level of labels) {
      drawLabel(context, plot, { ...level, text: level.label });
      if (level.text) drawLabel(context, plot, { ...level, isInside: true, isSolid: false });
    }
  }

  /* Lines of text for the levels above and below a range; they stand at the edge beyond which the levels lie. */
  #beyond(context, width, low, high) {
    const named = (this.#data.levels ?? []).filter(({ text }) => text);
    const lines = (arrow, levels) => {
      const texts = levels.map(({ text, value }) => `${text} ${this.#text(value)}`);
      return foldTexts(context, texts, width - LABEL_PX).map((line) => `${arrow} ${line}`);
    };
    const above = lines("↑", named.filter(({ value }) => value > high));
    return [above, lines("↓", named.filter(({ value }) => value < low))];
  }

  #drawCross(context, plot) {
    const { x, y } = this.#pointer;
    if (x > plot.right || y > plot.bottom) return;
    const position = plot.from + ((x - plot.left) / (plot.right - plot.left)) * (plot.to - plot.from);
    const time_ms = this.#axis.timeOf(position);
    const at = this.#options.isCandles ? Math.round(plot.x(this.#axis.positionOf(time_ms))) : x;
    context.strokeStyle = plot.colours.cross;
    context.setLineDash([3, 3]);
    context.beginPath();
    context.moveTo(at + 0.5, plot.top);
    context.lineTo(at + 0.5, plot.bottom);
    context.moveTo(plot.left, y + 0.5);
    context.lineTo(plot.right, y + 0.5);
    context.stroke();
    context.setLineDash([]);
    const value = plot.low + ((plot.bottom - y) / (plot.bottom - plot.top)) * (plot.high - plot.low);
    drawLabel(context, plot, { y, text: this.#text(value), colour: "cross", isSolid: true });
    drawCorner(context, plot, `${dateTimeText(time_ms * 1e6)}  ${this.#valuesAt(time_ms)}`, LABEL_PX / 2, "ink");
  }

  #valuesAt(time_ms) {
    const { candles, lines = [] } = this.#data;
    const at = (times) => Math.max(0, indexAt(times, time_ms + 1) - 1);
    const texts = lines.map((line) => `${line.name} ${this.#text(line.values[at(line.times)])}`);
    if (candles) {
      const index = at(candles.times);
      for (const name of ["open", "high", "low", "close"]) {
        texts.push(`${name[0].toUpperCase()} ${this.#text(candles[name][index])}`);
      }
    }
    return texts.join("  ");
  }

  #describe() {
    const now = performance.now();
    if (now - this.#textAt_ms < TEXT_EVERY_MS) return;
    this.#textAt_ms = now;
    const last_ms = this.#axis.times[this.#axis.times.length - 1];
    const levels = (this.#data.levels ?? []).map(({ text, value }) => `${text} ${this.#text(value)}`);
    const marks = this.#data.markers?.length ? [`${this.#data.markers.length} fills`] : [];
    const values = [this.#valuesAt(last_ms), ...levels, ...marks].join(", ");
    setText(this.#alternative, `${this.#options.label}, last at ${dateTimeText(last_ms * 1e6)}: ${values}`);
  }

  #text(value) {
    if (value === null || value === undefined) return "–";
    return this.#options.text?.(value) ?? value.toFixed(this.#data.digits ?? this.#options.digits);
  }
}

customElements.define("desk-chart", Chart);
