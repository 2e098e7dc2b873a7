/* Open positions, a row for each ticket: prices, stop and target with their distance, costs, profit, and commands. */

import { session } from "../api.js";
import { commandDialog } from "../dialog.js";
import { el, setText } from "../dom.js";
import { decimal, direction, lots, number, price, toneOf } from "../format.js";
import { field } from "../field.js";
import { live } from "../live.js";
import { money, moneyWithUnit } from "../money.js";
import { panel } from "../panel.js";
import "../table.js";
import { dateTimeText } from "../times.js";
import { timeInList } from "../venue_clock.js";
import { quoteAge } from "./quote_age.js";
import { editStops } from "./stops_dialog.js";
import { readDecimal, stepped } from "./steps.js";

const REASON = "Closed from the web page";

/** The panel; it follows the cells `position:`. */
export class PositionsPanel extends HTMLElement {
  #table = document.createElement("data-table");
  #panel = panel("Positions", { source: "portfolio" }, this.#table);
  #end = null;

  connectedCallback() {
    this.#table.setup({
      caption: "Open positions",
      columns: columns(),
      key: (row) => row.key,
      empty: "No open position",
      isStacked: true,
    });
    this.replaceChildren(this.#panel);
    this.#end = live.watch(["position:", "state"], () => this.#draw());
  }

  disconnectedCallback() {
    this.#end();
  }

  #draw() {
    if (!live.get("state")) return;
    const rows = live.keys("position:").flatMap((key) => legsOf(live.get(key)));
    const total = rows.reduce((sum, row) => sum + Number(row.unrealized_pnl ?? 0), 0);
    const amount = `${direction(total)[0]} ${moneyWithUnit(total)}`;
    setText(this.#panel.heading, rows.length ? `Positions · ${rows.length} · ${amount}` : "Positions");
    this.#table.rows = rows;
  }
}

function legsOf(position) {
  return position.legs.map((leg) => ({
    ...leg,
    key: `${position.symbol} ${leg.position}`,
    symbol: position.symbol,
    close_price: position.close_price,
    digits: live.get(`market:${position.symbol}`)?.digits,
    isOld: quoteAge(position.symbol).isOld,
  }));
}

function columns() {
  return [
    { key: "symbol", label: "Symbol", text: (row) => row.symbol + (row.position ? ` #${row.position}` : "") },
    { key: "side", label: "Side", text: sideText, tone: (row) => (row.side === "BUY" ? "up" : "down") },
    { key: "volume", label: "Volume", unit: "lots", number: true, text: (row) => lots(row.volume) },
    { key: "open_price", label: "Open", number: true, text: openText },
    {
      key: "close_price", label: "Now", number: true, tone: (row) => (row.isOld ? "old" : null),
      text: (row) => price(row.close_price, row.digits),
    },
    { key: "stop_loss", label: "Stop", number: true, text: stopText },
    { key: "take_profit", label: "Target", number: true, text: targetText },
    { key: "exit_ns", label: "Time exit", number: true, text: exitText },
    { key: "swap", label: "Swap", number: true, text: (row) => money(row.swap) },
    { key: "commission", label: "Commission", number: true, text: (row) => money(row.commission) },
    {
      key: "unrealized_pnl", label: "P&L", number: true, tone: (row) => (row.isOld ? "old" : toneOf(row.unrealized_pnl)),
      text: (row) => `${direction(row.unrealized_pnl)[0]} ${money(row.unrealized_pnl)}`,
    },
    { key: "actions", label: "Actions", make: makeActions, update: (node, row) => (node.row = row) },
  ];
}

function openText(row) {
  return `${price(row.open_price, row.digits)}\n${timeInList(row.open_time_ns)}`;
}

function exitText(row) {
  return row.exit_ns ? dateTimeText(row.exit_ns).slice(5).replace(" ", "\n") : "–";
}

function sideText(row) {
  return row.side === "BUY" ? "▲ long" : "▼ short";
}

function stopText(row) {
  const trailing = row.trailing_stop_points ? `\ntrailing ${number(row.trailing_stop_points)} pts` : "";
  return distanceText(row.stop_loss, row.stop_points, row.stop_money, row.digits) + trailing;
}

function targetText(row) {
  return distanceText(row.take_profit, row.target_points, row.target_money, row.digits);
}

function distanceText(value, points, amount, digits) {
  if (value === null) return "none";
  const parts = [points !== null && `${decimal(points, 1)} pts`, amount !== null && money(amount)];
  const text = parts.filter(Boolean).join(", ");
  return price(value, digits) + (text ? `\n${text}` : "");
}

function makeActions() {
  const node = el("div.row-actions");
  const button = (text, label, act) => {
    const made = el("button.button.small", { type: "button", text, disabled: !session.canTrade, title: label });
    made.addEventListener("click", () => act(node.row));
    return made;
  };
  node.append(button("Stops", "Change stop and target", editStops), button("Part", "Close a part", closePart),
    button("Close", "Close the position", close));
  return node;
}

function nameOf(row) {
  return `${lots(row.volume)} ${row.symbol} ${row.side === "BUY" ? "long" : "short"}`;
}

function close(row) {
  return commandDialog({
    title: `Close ${nameOf(row)}?`, text: "The whole volume is closed at the market.", path: "/close", confirm: "Close",
    tone: "danger", reason: REASON, body: () => ({ symbol: row.symbol, position: row.position, volume: null }),
  });
}

function closePart(row) {
  const market = live.get(`market:${row.symbol}`);
  const step = market?.volume_step ?? "0.01";
  const half = stepped(Number(row.volume) / 2, step, 0, market?.volume_min ?? step, row.volume);
  const volume = el("input", { inputmode: "decimal", required: true, value: half });
  const hint = `of ${lots(row.volume)} lots, in steps of ${step}`;
  return commandDialog({
    title: `Close a part of ${nameOf(row)}`, path: "/close", confirm: "Close part", tone: "danger", reason: REASON,
    fields: [field("Volume in lots", volume, hint)],
    body: () => ({ symbol: row.symbol, position: row.position, volume: readDecimal(volume.value, "Volume") }),
  });
}

customElements.define("desk-positions", PositionsPanel);
