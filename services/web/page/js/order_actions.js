/* Buttons and dialogs for a resting order: cancel and modify. */

import { session } from "./api.js";
import { commandDialog } from "./dialog.js";
import { changedDecimal } from "./desk/steps.js";
import { el } from "./dom.js";
import { field } from "./field.js";
import { lots } from "./format.js";
import { priceOf } from "./money.js";
import { timeInput } from "./time_input.js";

const RESTING = new Set(["ACCEPTED", "PARTIALLY_FILLED"]);

/** Whether an order rests at the venue, so that it can be canceled and changed. */
export function isResting(order) {
  return RESTING.has(order.status) && order.limit_price !== null;
}

/**
 * Buttons for an order: none unless it rests and the person may trade.
 * @param {any} order a row of /orders
 * @param {() => void} onDone called after the desk's reply to a command
 * @returns {HTMLElement[]}
 */
export function orderActions(order, onDone) {
  if (!session.canTrade || !isResting(order)) return [];
  const button = (text, tone, run) => {
    const act = async () => (await run(order)) && onDone();
    return el(`button.button${tone}`, { type: "button", text, on: { click: act } });
  };
  return [button("Modify …", "", modifyOrder), button("Cancel order …", ".danger", cancelOrder)];
}

/** Confirm and cancel a resting order. @returns {Promise<any>} the desk's reply, null without one */
export function cancelOrder(order) {
  return commandDialog({
    title: "Cancel the order?", text: orderText(order), path: "/cancel", confirm: "Cancel the order", tone: "danger",
    body: () => ({ order_id: order.order_id }),
  });
}

/** Change a resting order; only changed values are sent. @returns {Promise<any>} as `cancelOrder` */
export function modifyOrder(order) {
  const limit = decimalField("Price", order.limit_price, "");
  const stop = decimalField("Stop loss", order.stop_loss, "empty removes it");
  const target = decimalField("Take profit", order.take_profit, "empty removes it");
  const expiry = order.expires_ns ? timeInput("Expires", order.expires_ns) : null;
  const body = () => ({
    symbol: order.symbol,
    order_id: order.order_id,
    price: changedDecimal(limit.input, "Price"),
    stop_loss: changedDecimal(stop.input, "Stop loss", true),
    take_profit: changedDecimal(target.input, "Take profit", true),
    expires_ns: changedTime(expiry, order.expires_ns),
  });
  return commandDialog({
    title: "Modify the order", text: orderText(order), path: "/modify", confirm: "Modify the order", body,
    fields: [el("div.field-row", {}, limit.field, stop.field, target.field), ...(expiry ? [expiry.field] : [])],
  });
}

function orderText(order) {
  const what = `${order.side} ${lots(order.volume)} lots ${order.symbol}`;
  return `${what}, ${order.type} at ${priceOf(order.symbol, order.limit_price)}, order ${order.order_id}`;
}

function decimalField(label, value, hint) {
  const input = el("input", { inputmode: "decimal", autocomplete: "off", value: value ?? "" });
  return { field: field(label, input, hint), input };
}

function changedTime(expiry, before_ns) {
  const text = expiry?.read() ?? "";
  return text && text !== String(before_ns) ? Number(text) : undefined;
}
