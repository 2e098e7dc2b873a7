/* Marks of a symbol's chart: quote, position, stops, targets and resting orders as lines, fills as markers. */

import { lots } from "../format.js";
import { live } from "../live.js";

/** Levels of a symbol's chart from its cells. */
export function chartLevels(symbol) {
  const quote = live.get(`quote:${symbol}`);
  const position = live.get(`position:${symbol}`);
  const levels = [];
  if (quote) {
    levels.push({ value: quote.ask, text: "", colour: "ink-3", dash: [1, 3] });
    levels.push({ value: quote.bid, text: "", colour: "series", isSolid: true, dash: [1, 3] });
  }
  for (const leg of position?.legs ?? []) levels.push(...legLevels(leg));
  for (const key of live.keys("order:")) {
    const order = live.get(key);
    if (order.symbol === symbol && order.limit_price !== null) levels.push(...orderLevels(order));
  }
  return levels;
}

function legLevels(leg) {
  const text = `${leg.side === "BUY" ? "▲" : "▼"} ${lots(leg.volume)}`;
  const colour = leg.side === "BUY" ? "up" : "down";
  const levels = [
    { value: leg.open_price, text, colour, dash: [8, 3] },
    { value: leg.stop_loss, text: "stop", colour: "halt", dash: [4, 3] },
    { value: leg.take_profit, text: "target", colour: "ok", dash: [4, 3] },
  ];
  return levels.filter(({ value }) => value !== null).map((level) => ({ ...level, value: Number(level.value) }));
}

function orderLevels(order) {
  const text = `${order.side} ${order.type} ${lots(order.volume)}`.toLowerCase();
  return [{ value: Number(order.limit_price), text, colour: order.side === "BUY" ? "up" : "down", dash: [2, 2] }];
}

/** Markers of fills: a triangle up for a buy and down for a sell. */
export function chartMarkers(fills) {
  return fills
    .filter(({ kind }) => kind === "BUY" || kind === "SELL")
    .map(({ time_ns, price, kind }) => ({
      time_ms: time_ns / 1e6,
      value: Number(price),
      shape: kind === "BUY" ? "up" : "down",
      colour: kind === "BUY" ? "up" : "down",
    }));
}
