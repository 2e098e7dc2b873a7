/* Dialog for the stop and target of a position, with their distance from the market in points and their money. */

import { commandDialog } from "../dialog.js";
import { el, setText } from "../dom.js";
import { decimal, lots, price } from "../format.js";
import { live } from "../live.js";
import { money } from "../money.js";
import { changedDecimal } from "./steps.js";

/** Open the dialog for a row of the positions table. It sends only changed fields: the desk may have moved the stop. */
export function editStops(row) {
  const market = live.get(`market:${row.symbol}`);
  const fields = {
    stop_loss: stopField("stop-loss", "Stop loss", row.stop_loss, row, market),
    take_profit: stopField("take-profit", "Take profit", row.take_profit, row, market),
  };
  const prices = `Opened at ${price(row.open_price, row.digits)}, now ${price(row.close_price, row.digits)}.`;
  const trailing = row.trailing_stop_points ? " A new stop loss ends the trailing stop." : "";
  return commandDialog({
    title: `Stop and target of ${lots(row.volume)} ${row.symbol}`,
    text: `${prices} An empty field removes the stop or the target.${trailing}`,
    path: "/modify", confirm: "Change", reason: "Changed from the web page",
    fields: Object.values(fields).map(({ node }) => node),
    body: () => ({
      symbol: row.symbol,
      position: row.position,
      stop_loss: changedDecimal(fields.stop_loss.input, "Stop loss", true),
      take_profit: changedDecimal(fields.take_profit.input, "Take profit", true),
    }),
  });
}

function stopField(id, label, value, row, market) {
  const shown = value === null ? "" : price(value, row.digits);
  const input = el("input", { id, inputmode: "decimal", value: shown, autocomplete: "off", placeholder: "none" });
  const hint = el("span.hint");
  const update = () => setText(hint, distanceText(input.value, row, market));
  input.addEventListener("input", update);
  update();
  return { input, node: el("div.field", {}, el("label", { for: id, text: label }), input, hint) };
}

function distanceText(text, row, market) {
  const value = Number(text.replace(",", "."));
  if (!text.trim() || !Number.isFinite(value)) return "";
  const point = Number(market?.point ?? 0);
  const now = Number(row.close_price);
  const isKnown = point > 0 && row.close_price !== null;
  const points = isKnown ? `${decimal(Math.abs(value - now) / point, 1)} points from the market` : "";
  const worth = moneyPerPrice(row);
  const amount = worth === null ? "" : `about ${money((value - Number(row.open_price)) * worth)}`;
  return [points, amount].filter(Boolean).join(", ");
}

/* Money for a change of the price by 1, from the desk's amounts for this position; null without such an amount. */
function moneyPerPrice(row) {
  const open = Number(row.open_price);
  const known = [
    [row.stop_loss, row.stop_money], [row.take_profit, row.target_money], [row.close_price, row.unrealized_pnl],
  ];
  for (const [at, amount] of known) {
    if (at !== null && amount !== null && Number(at) !== open) return Number(amount) / (Number(at) - open);
  }
  return null;
}
