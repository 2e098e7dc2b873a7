"""The page of positions, open orders and the latest orders."""

from __future__ import annotations

from rich.text import Text

from cli.screen.controls import Controls
from cli.screen.details import DeskDetails
from cli.screen.layout import MIDDLE, WIDE, dim, filled_price_text, line, side_style, sign_style
from cli.screen.text_rows import Cell, text_rows
from cli.tables import NOTHING, average_text, format_money, format_signed
from orchestration.desk_view import DeskView
from proto.control import StatusReply
from proto.control.views import OrderRow, PositionRow
from proto.time import utc_text
from proto.trading.units import decimal_text


def positions_page(view: DeskView, details: DeskDetails, controls: Controls, width: int) -> list[Text]:
    """All rows of the page; `width` in characters."""
    return [
        *_money(view),
        *_positions(view, details, controls, width),
        Text(),
        *_open_orders(details, controls, width),
        Text(),
        *_latest_orders(view, controls, width),
    ]


def _money(view: DeskView) -> list[Text]:
    status = view.status
    if status is None or status.balance is None:
        return [dim("the account is not known yet")]
    equity = "unknown" if status.equity is None else format_money(status.equity)
    level = NOTHING if status.margin_level_pct is None else f"{format_money(status.margin_level_pct)} %"
    margin = "unknown" if status.margin is None else format_money(status.margin)
    return [line(f"equity {equity} {status.currency}, margin {margin}, margin level {level}"), Text()]


def _positions(view: DeskView, details: DeskDetails, controls: Controls, width: int) -> list[Text]:
    if details.positions is None:
        return [dim("positions: no answer yet")]
    columns = ["position", "lots", "entry", "market", "P&L", "stops"]
    if width < MIDDLE:
        columns = ["position", "lots", "entry", "P&L"]
    rows = [
        [_position_cells(one, view.status)[column] for column in columns]
        for one in details.positions
        if controls.shows(one.symbol)
    ]
    if not rows:
        return [dim("no position passes the filter" if controls.is_filtered else "no open position")]
    return text_rows(columns, rows, right=("lots", "entry", "market", "P&L"))


def _position_cells(row: PositionRow, status: StatusReply | None) -> dict[str, Cell]:
    pnl = row.unrealized_pnl
    market = row.close_price
    if market is None:
        market_text = NOTHING
    else:
        market_text = decimal_text(market) if status is None else filled_price_text(market, status, row.symbol)
    stops = [
        f"{name} {decimal_text(price)}"
        for guard in row.guards
        for name, price in (("sl", guard.stop_loss), ("tp", guard.take_profit))
        if price is not None
    ]
    return {
        "position": Cell(row.symbol, "bold"),
        "lots": Cell(f"{row.net_volume:+f}" if row.net_volume else f"hedged, {row.lots_count} lots"),
        "entry": Cell(average_text(row.avg_entry_price)),
        "market": Cell(market_text),
        "P&L": Cell(format_signed(pnl), sign_style(pnl)),
        "stops": Cell(" ".join(stops) or NOTHING, "" if stops else "dim"),
    }


def _open_orders(details: DeskDetails, controls: Controls, width: int) -> list[Text]:
    if details.open_orders is None:
        return [dim("open orders: no answer yet")]
    columns = ["open order", "symbol", "side", "type", "lots", "price", "status"]
    if width < MIDDLE:
        columns = ["symbol", "side", "type", "price", "status"]
    rows = [
        [_open_order_cells(one)[column] for column in columns]
        for one in details.open_orders
        if controls.shows(one.symbol, one.order_id)
    ]
    if not rows:
        return [dim("no open order passes the filter" if controls.is_filtered else "no open order")]
    found = text_rows(columns, rows, right=("lots", "price"))
    if (left := details.totals.get("open_orders", 0) - len(details.open_orders)) > 0:
        found.append(dim(f"and {left} more: paperdesk orders --open"))
    return found


def _open_order_cells(row: OrderRow) -> dict[str, Cell]:
    return {
        "open order": Cell(row.order_id, "dim"),
        "symbol": Cell(row.symbol),
        "side": Cell(row.side, side_style(row.side)),
        "type": Cell(row.type),
        "lots": Cell(decimal_text(row.volume)),
        "price": Cell(NOTHING if row.limit_price is None else decimal_text(row.limit_price)),
        "status": Cell(row.status, "bold red" if row.status == "IN_DOUBT" else ""),
    }


def _latest_orders(view: DeskView, controls: Controls, width: int) -> list[Text]:
    status = view.status
    if status is None:
        return []
    columns = ["latest orders", "order", "symbol", "side", "lots", "status", "profit"]
    if width < WIDE:
        columns.remove("order")
    if width < MIDDLE:
        columns = ["latest orders", "symbol", "side", "status"]
    rows = []
    for one in status.recent_orders:
        cells = {
            "latest orders": Cell(utc_text(one.created_ns)[11:19], "dim"),
            "order": Cell(one.order_id, "dim"),
            "symbol": Cell(one.symbol),
            "side": Cell(one.side, side_style(one.side)),
            "lots": Cell(decimal_text(one.volume)),
            "status": Cell(f"{one.status} {one.code}".rstrip()),
            "profit": Cell(format_signed(one.profit) if one.profit else "", sign_style(one.profit)),
        }
        if controls.shows(one.symbol, one.order_id):
            rows.append([cells[column] for column in columns])
    return text_rows(columns, rows, right=("lots", "profit")) if rows else [dim("no order in this stream")]
