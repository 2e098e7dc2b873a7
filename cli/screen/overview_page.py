"""The first page: quotes, signals and positions by symbol, money, the latest orders, processes and counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from cli.screen.head import points_text, silent_processes, waiting_text
from cli.screen.layout import (
    MIDDLE,
    NAMES,
    WIDE,
    dim,
    entry_price_text,
    filled_price_text,
    plain_table,
    price_text,
    side_style,
    sign_style,
)
from cli.tables import NOTHING, format_money, format_signed
from orchestration.desk_view import DeskView
from orchestration.process_states import TRADING_PROGRAMS
from proto.control import DenialLine, OrderLine, StatusReply, describe_denial
from proto.time import utc_text
from proto.trading.units import ZERO, decimal_text

_RUN_TITLES: Final = {
    "realised_profit": "realized",
    "commission": "commission",
    "swap": "swap",
    "deposits": "deposits",
    "corrections": "corrections",
}
"""Short titles of the categories of cash."""

_GAP: Final = 3
"""Blanks between two amounts on a line."""

DENIAL_CODES_MAX: Final = 2
LEAST_ROWS: Final = 20
"""Height in lines of a page without orders and denials."""


def overview_page(
    view: DeskView, *, width: int, height: int, keys: str = "", shows: Callable[[str], bool] = lambda _symbol: True
) -> list[RenderableType]:
    """The page below the head, at most `height` lines; the least important parts are omitted first.

    Args:
        view: the desk.
        width: characters of a line.
        height: lines of the page.
        keys: a remark on the keys, at the end; empty if it is elsewhere.
        shows: whether a symbol passes the filter.
    """
    if view.status is None:
        return [_processes(view, width), dim(waiting_text(view))]
    market = _market(view, view.status, width, shows)
    denials = [dim(describe_denial(one)) for one in _denials(view) if shows(one.symbol)]
    denials = denials[: max(0, height - LEAST_ROWS)]
    money = _money(view, view.status, width)
    foot = [_processes(view, width), *_counts(view.status, width, keys)]
    gap = Text()
    used = market.row_count + 2 + len(denials) + len(money) + len(foot) + 2
    if used > height:
        return [market, *denials, *money, *foot]
    orders = _orders(view.status, width, shows, rows=max(0, height - used - 2))
    placed: list[RenderableType] = [gap, orders] if orders.row_count else []
    return [gap, market, *denials, gap, *money, *placed, gap, *foot]


def _market(view: DeskView, status: StatusReply, width: int, shows: Callable[[str], bool]) -> Table:
    columns = ["symbol", "bid", "ask", "spread", "signal", "conf", "position", "entry", "P&L"]
    if width < WIDE:
        columns.remove("entry")
    if width < MIDDLE:
        columns = ["symbol", "bid", "sprd", "signal", "pos", "P&L"]
    table = plain_table(columns, width, right=[name for name in columns if name not in ("symbol", "signal")])
    for symbol in filter(shows, view.plan.symbols):
        quote, signal, held = status.quotes.get(symbol), status.signals.get(symbol), status.positions.get(symbol)
        name, style = NAMES[signal.direction] if signal is not None else (NOTHING, "dim")
        refusal = _refusal(view, symbol)
        if signal is not None and signal.reason == "WARMING_UP":
            name, style = "warming" if width >= MIDDLE else "warm", "dim"
        elif refusal:
            name, style = f"{name} {refusal}" if width >= MIDDLE else refusal, "bold yellow"
        # Strategies without a model report no confidence for HOLD; a model reports one for each class.
        confidence = f"{signal.confidence:.2f}" if signal is not None and signal.confidence else ""
        is_old = status.feed_stale or quote is None
        pnl = None if held is None else held.unrealized_pnl
        entry = "" if held is None else entry_price_text(held.avg_entry_price, quote.bid if quote else None)
        cells: dict[str, Text] = {
            "symbol": Text(symbol, style="bold"),
            "bid": Text(
                NOTHING if quote is None else price_text(quote.bid, status, symbol), style="dim" if is_old else ""
            ),
            "ask": Text(
                NOTHING if quote is None else price_text(quote.ask, status, symbol), style="dim" if is_old else ""
            ),
            "spread": Text("" if quote is None else f"{points_text(quote.spread_points)} pt"),
            "sprd": Text("" if quote is None else points_text(quote.spread_points)),
            "signal": Text(name, style=style),
            "conf": Text(confidence, style="" if signal is not None and signal.direction else "dim"),
            "position": Text(
                "flat" if held is None else f"{held.net_volume:+f}", style="dim" if held is None else "bold"
            ),
            "pos": Text("" if held is None else f"{held.net_volume:+f}"),
            "entry": Text(entry),
            "P&L": Text("" if held is None else format_signed(pnl), style=sign_style(pnl)),
        }
        table.add_row(*(cells[column] for column in columns))
    return table


def _refusal(view: DeskView, symbol: str) -> str:
    """`paused` or `denied` if a risk rule keeps the symbol's latest signal from trading, or else empty."""
    if any(one.code == "BREAKER_OPEN" and one.subject == symbol for one in view.conditions):
        return "paused"
    signal = None if view.status is None else view.status.signals.get(symbol)
    found = _denial_of(view, symbol)
    return "denied" if found is not None and signal is not None and found.time_ns >= signal.time_ns else ""


def _denial_of(view: DeskView, symbol: str) -> DenialLine | None:
    denials = () if view.status is None else view.status.latest_denials
    return next((found for found in denials if found.symbol == symbol), None)


def _denials(view: DeskView) -> list[DenialLine]:
    """The latest denial of each symbol; a symbol that the circuit breaker pauses has an alert instead."""
    paused = {one.subject for one in view.conditions if one.code == "BREAKER_OPEN"}
    found = [_denial_of(view, symbol) for symbol in view.plan.symbols if symbol not in paused]
    return [one for one in found if one is not None]


def _money(view: DeskView, status: StatusReply, width: int) -> list[Text]:
    currency = status.currency
    balance = NOTHING if status.balance is None else f"{status.balance:,f} {currency}"
    equity = "unknown" if status.equity is None else f"{status.equity:,f} {currency}"
    parts = [
        ("balance", balance, ""),
        ("equity", equity, "bold"),
        ("realized", format_signed(status.realized_pnl), sign_style(status.realized_pnl)),
        ("open", format_signed(status.unrealized_pnl), sign_style(status.unrealized_pnl)),
    ]
    groups = [parts] if width >= WIDE else [parts[:2], parts[2:]]
    if width < MIDDLE:
        groups = [[parts[1]], [parts[2], parts[3]], [parts[0]]]
    groups += _run_parts(view, status, width)
    texts = []
    for group in groups:
        text = Text(no_wrap=True, overflow="ellipsis")
        for number, (name, value, style) in enumerate(group):
            text.append("   " if number and width >= MIDDLE else " " if number else "")
            text.append(f"{name} ", style="dim")
            text.append(value, style=style)
        texts.append(text)
    return texts


def _run_parts(view: DeskView, status: StatusReply, width: int) -> list[list[tuple[str, str, str]]]:
    """The balance before the run, its changes during the run by category, and the current balance, which is the sum."""
    before = view.before
    if status.balance is None or before is None or width < MIDDLE:
        return []
    moved = {name: amount - before.cash.get(name, ZERO) for name, amount in status.cash.items()}
    parts = [("this run: before", format_money(before.balance or ZERO), "")]
    for name, title in _RUN_TITLES.items():
        amount = moved.get(name, ZERO)
        if amount or name == "realised_profit":
            parts.append((title, format_signed(amount), sign_style(amount)))
    parts.append(("=", format_money(status.balance), ""))
    lines: list[list[tuple[str, str, str]]] = [[]]
    left = width
    for part in parts:
        needed = len(part[0]) + len(part[1]) + 1 + _GAP
        if needed > left and lines[-1]:
            lines.append([])
            left = width
        lines[-1].append(part)
        left -= needed
    return lines


def _orders(status: StatusReply, width: int, shows: Callable[[str], bool], *, rows: int) -> Table:
    columns = ["time", "order", "symbol", "side", "lots", "status", "price", "profit"]
    if width < WIDE:
        columns.remove("order")
    if width < MIDDLE:
        columns = ["time", "symbol", "side", "status", "profit"]
    table = plain_table(columns, width, right=("lots", "price", "profit"))
    for order in [one for one in status.recent_orders if shows(one.symbol)][:rows]:
        cells = _order_cells(order, status)
        table.add_row(*(cells[column] for column in columns))
    return table


def _order_cells(order: OrderLine, status: StatusReply) -> dict[str, Text]:
    style = {"FILLED": "", "IN_DOUBT": "bold red", "REJECTED": "red", "EXPIRED": "yellow"}.get(order.status, "yellow")
    return {
        "time": Text(utc_text(order.created_ns)[11:19], style="dim"),
        "order": Text(order.order_id, style="dim"),
        "symbol": Text(order.symbol),
        "side": Text(order.side, style=side_style(order.side)),
        "lots": Text(decimal_text(order.volume)),
        "status": Text(order.status if not order.code else f"{order.status} {order.code}", style=style),
        "price": Text(
            "" if order.filled_price is None else filled_price_text(order.filled_price, status, order.symbol)
        ),
        "profit": Text(format_signed(order.profit) if order.profit else "", style=sign_style(order.profit)),
    }


def _processes(view: DeskView, width: int) -> Text:
    text = Text(no_wrap=True, overflow="ellipsis")
    silent = silent_processes(view)
    for name in TRADING_PROGRAMS:
        process = view.processes.get(name)
        is_running = process is not None and process.state == "RUNNING"
        is_good = is_running and name not in silent
        text.append("● " if is_good else "○ ", style="green" if is_good else "bold red" if process else "dim")
        text.append(name if width >= MIDDLE else name[:6])
        if process is not None and not is_good:
            text.append(" silent" if is_running else f" {process.state.lower()}", style="bold red")
        text.append("  " if width >= MIDDLE else " ")
    return text


def _counts(status: StatusReply, width: int, keys: str) -> list[Text]:
    latency = status.latency_us.get("tick_to_fill")
    parts = [
        f"ticks {status.processed:,}",
        f"signals {status.signals_buy:,} buy {status.signals_sell:,} sell",
        f"orders {status.orders:,}",
        f"fills {status.fills:,}",
        *([f"tick to fill {latency.p50 / 1e3:.1f} ms"] if latency is not None and latency.count else []),
    ]
    denied = [_denied(status)] if status.denied else []
    if width >= WIDE:
        ending = [keys] if keys else []
        text = " · ".join([*parts, *denied, *ending])
        return [dim(text)] if len(text) <= width else [dim(" · ".join([*parts, *ending])), *map(dim, denied)]
    return [dim(" · ".join(parts[:2])), dim(" · ".join([*parts[2:], *denied])), *([dim(keys)] if keys else [])]


def _denied(status: StatusReply) -> str:
    """The number of denied signals, and the codes of the rules with the most denials."""
    ranked = sorted(status.denials.items(), key=lambda item: (-item[1], item[0]))
    codes = ", ".join(f"{code} {count:,}" for code, count in ranked[:DENIAL_CODES_MAX])
    return f"denied {status.denied:,}" + (f" ({codes})" if codes else "")
