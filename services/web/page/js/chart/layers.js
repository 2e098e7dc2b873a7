/* Layers of a chart, each drawn on a canvas by its own function. `plot` maps: x(position), y(value), and has the edges
   left, right, top and bottom, the view's first and last position, and the colours of the theme. */

const MARKER = 5;
const LABEL_HEIGHT = 15;

/** Candles: {times, open, high, low, close} as arrays; hollow when rising, filled when falling, by shape and colour. */
export function drawCandles(context, plot, candles) {
  const first = Math.max(0, Math.floor(plot.from));
  const last = Math.min(candles.times.length - 1, Math.ceil(plot.to));
  const room = Math.min(13, Math.floor((plot.x(1) - plot.x(0)) * 0.75));
  const width = room % 2 ? room : room - 1; // odd, so that the wick is in the middle
  for (let index = first; index <= last; index += 1) drawCandle(context, plot, candles, index, width);
}

function drawCandle(context, plot, candles, index, width) {
  const isUp = candles.close[index] >= candles.open[index];
  const x = Math.round(plot.x(index));
  const top = Math.round(plot.y(isUp ? candles.close[index] : candles.open[index]));
  const height = Math.max(1, Math.round(plot.y(isUp ? candles.open[index] : candles.close[index])) - top);
  const high = Math.round(plot.y(candles.high[index]));
  const low = Math.round(plot.y(candles.low[index]));
  context.fillStyle = isUp ? plot.colours.up : plot.colours.down;
  context.fillRect(x, high, 1, Math.max(1, low - high));
  if (width < 3) return;
  const left = x - Math.floor(width / 2);
  context.fillRect(left, top, width, height);
  if (!isUp || height < 3) return;
  context.fillStyle = plot.colours.panel;
  context.fillRect(left + 1, top + 1, width - 2, height - 2);
}

/** First, lowest, highest and last value of each pixel column, so that a thinned line keeps its extremes. */
export function thin(plot, times, values, first, last) {
  const columns = [];
  let column = null;
  for (let index = first; index <= last; index += 1) {
    const value = values[index];
    if (value === null || Number.isNaN(value)) {
      column = null;
      columns.push(null);
      continue;
    }
    const x = Math.round(plot.x(plot.positionAt(times, index)));
    if (column && column.x === x) {
      column.low = Math.min(column.low, value);
      column.high = Math.max(column.high, value);
      column.end = value;
    } else columns.push((column = { x, begin: value, low: value, high: value, end: value }));
  }
  return columns;
}

/** A line {times, values, colour, width, dash, step}: at most one vertical stroke and one connection for each pixel. */
export function drawLine(context, plot, line) {
  const columns = thin(plot, line.times, line.values, ...plot.indexes(line.times));
  context.beginPath();
  let before = null;
  for (const column of columns) {
    if (column) connect(context, plot, before, column, line.step);
    before = column;
  }
  context.strokeStyle = plot.colours[line.colour] ?? plot.colours.series;
  context.lineWidth = line.width ?? 1.25;
  context.lineJoin = "round";
  context.setLineDash(line.dash ?? []);
  context.stroke();
  context.setLineDash([]);
}

function connect(context, plot, before, column, isStep) {
  const x = column.x;
  if (!before) context.moveTo(x, plot.y(column.begin));
  else {
    if (isStep) context.lineTo(x, plot.y(before.end));
    context.lineTo(x, plot.y(column.begin));
  }
  if (column.low === column.high) return;
  context.lineTo(x, plot.y(column.low));
  context.lineTo(x, plot.y(column.high));
  context.lineTo(x, plot.y(column.end));
}

/** The area between two step lines of the same times {times, upper, lower, colour}, such as a drawdown. */
export function drawBand(context, plot, band) {
  const range = plot.indexes(band.times);
  const upper = thin(plot, band.times, band.upper, ...range).filter(Boolean);
  const lower = thin(plot, band.times, band.lower, ...range).filter(Boolean);
  if (!upper.length || !lower.length) return;
  context.beginPath();
  context.moveTo(upper[0].x, plot.y(upper[0].high));
  for (const column of upper) context.lineTo(column.x, plot.y(column.high));
  for (const column of lower.reverse()) context.lineTo(column.x, plot.y(column.low));
  context.closePath();
  context.fillStyle = plot.colours[band.colour] ?? plot.colours.band;
  context.fill();
}

/** Markers {time_ms, value, shape: "up"|"down"|"cross", colour}, drawn as triangles or crosses. */
export function drawMarkers(context, plot, markers) {
  context.lineWidth = 1.5;
  for (const marker of markers) {
    const x = plot.x(plot.positionOf(marker.time_ms));
    const y = plot.y(marker.value);
    context.beginPath();
    if (marker.shape === "cross") addCross(context, x, y);
    else addTriangle(context, x, y, marker.shape === "up" ? 1 : -1);
    context.strokeStyle = plot.colours.panel;
    context.fillStyle = plot.colours[marker.colour] ?? plot.colours.ink;
    if (marker.shape === "cross") context.strokeStyle = context.fillStyle;
    context.stroke();
    context.fill();
  }
}

function addTriangle(context, x, y, sign) {
  context.moveTo(x, y);
  context.lineTo(x - MARKER, y + sign * MARKER * 1.7);
  context.lineTo(x + MARKER, y + sign * MARKER * 1.7);
  context.closePath();
}

function addCross(context, x, y) {
  context.moveTo(x - 4, y - 4);
  context.lineTo(x + 4, y + 4);
  context.moveTo(x + 4, y - 4);
  context.lineTo(x - 4, y + 4);
}

/** Lines of the levels {value, text, colour, dash} within the plot. */
export function drawLevels(context, plot, levels) {
  context.lineWidth = 1;
  for (const level of levels) {
    const y = Math.round(plot.y(level.value)) + 0.5;
    if (y < plot.top || y > plot.bottom) continue;
    context.beginPath();
    context.setLineDash(level.dash ?? []);
    context.moveTo(plot.left, y);
    context.lineTo(plot.right, y);
    context.strokeStyle = plot.colours[level.colour] ?? plot.colours.ink;
    context.stroke();
  }
  context.setLineDash([]);
}

/** A label with a background on the value axis, or with `isInside` at the right end of the plot. */
export function drawLabel(context, plot, { y, text, colour, isSolid, isInside }) {
  const width = context.measureText(text).width + 8;
  const x = isInside ? plot.right - width : plot.right + 1;
  context.fillStyle = isSolid ? plot.colours[colour] : plot.colours.panel;
  context.fillRect(x, y - LABEL_HEIGHT / 2 + 1, width, LABEL_HEIGHT - 2);
  context.fillStyle = isSolid ? plot.colours.panel : plot.colours[colour] ?? plot.colours.ink;
  context.textAlign = "left";
  context.fillText(text, x + 4, y + 0.5);
}

/** Join texts to lines that are not wider than `width` in CSS pixels, as far as a single text is not. */
export function foldTexts(context, texts, width) {
  const lines = [];
  for (const text of texts) {
    const joined = lines.length ? `${lines[lines.length - 1]} · ${text}` : text;
    if (lines.length && context.measureText(joined).width <= width) lines[lines.length - 1] = joined;
    else lines.push(text);
  }
  return lines;
}

/** Lines of text for the levels beyond the range of values, `plot.beyond`: [those above, those below]. */
export function drawBeyond(context, plot) {
  const [above, below] = plot.beyond;
  const first = plot.bottom - LABEL_HEIGHT * (below.length - 0.5);
  above.forEach((text, index) => drawCorner(context, plot, text, LABEL_HEIGHT * (index + 0.5), "ink-2"));
  below.forEach((text, index) => drawCorner(context, plot, text, first + LABEL_HEIGHT * index, "ink-2"));
}

/** A line of text with a background at the left edge. */
export function drawCorner(context, plot, text, y, colour) {
  context.fillStyle = plot.colours.panel;
  context.fillRect(plot.left, y - LABEL_HEIGHT / 2, context.measureText(text).width + 10, LABEL_HEIGHT);
  context.fillStyle = plot.colours[colour];
  context.textAlign = "left";
  context.fillText(text, plot.left + 5, y + 0.5);
}
