"""The display of a running desk: a live page on a terminal, or else a line every few seconds.

The page is laid out for the current size of the terminal; the least important parts are omitted first.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cli.mode_label import run_label
from cli.tables import NOTHING, format_duration, format_money, format_signed
from orchestration.desk_view import DeskView, Screen
from proto.control import (
    DenialLine,
    DeskState,
    OrderLine,
    StatusReply,
    describe,
    describe_denial,
    headline,
    keeps_from_trading,
)
from proto.time import utc_text
from proto.trading.units import ZERO, decimal_text
from services.web.security.auth_store import ONCE_S

PLAIN_EVERY_S: Final = 5.0
WIDE: Final = 96
"""Least width in characters of a page with all columns."""

MIDDLE: Final = 66
"""Least width in characters of a page with most columns."""

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
LEAST_ROWS: Final = 22
"""Height in lines of a page without orders and denials."""

PROGRAMS: Final = ("mt5", "signal", "portfolio", "execution")
NAMES: Final = {1: ("BUY", "green"), -1: ("SELL", "red"), 0: ("HOLD", "dim")}


@contextmanager
def open_screen() -> Iterator[Screen]:
    """A live page if stdout is a terminal, or else status lines."""
    console = Console(highlight=False)
    if not console.is_terminal or console.is_dumb_terminal:
        yield LineScreen()
        return
    with Live(console=console, screen=True, auto_refresh=False, vertical_overflow="crop") as live:
        yield _Page(live, console)


class _Page:
    def __init__(self, live: Live, console: Console) -> None:
        self._live = live
        self._console = console

    def show(self, view: DeskView) -> None:
        """Redraw the page."""
        self._live.update(render_page(view, width=self._console.width, height=self._console.height), refresh=True)


_FIGURE: Final = re.compile(r"\d+")
"""Numbers in the text of an alert; two texts that differ only in numbers are the same alert."""


class LineScreen:
    """Prints a status line every few seconds, and at once a line for each new alert and for the end of all alerts."""

    def __init__(self, *, every_s: float = PLAIN_EVERY_S) -> None:
        """Print a status line every `every_s` seconds."""
        self._every_s = every_s
        self._next = 0.0
        self._alerts: set[str] = set()
        self._has_shown_page = False

    def show(self, view: DeskView) -> None:
        """Print the lines that are due."""
        if not self._has_shown_page and view.is_page_up:
            self._has_shown_page = True
            print(f"page {page_address(view)}", flush=True)
        found = {_FIGURE.sub("", alert): alert for alert in alerts(view)}
        for kind, alert in found.items():
            if kind not in self._alerts:
                print(f"ALERT {alert}", flush=True)
        if self._alerts and not found and not view.is_stopping:
            print("ALERT none: every condition has ended", flush=True)
        self._alerts = set(found)
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + self._every_s
            print(summary_line(view), flush=True)


# -------------------------------------------------------------------------------------------------------------- alerts


_SILENT_GATEWAY: Final = frozenset({"FEED_STALE", "GATEWAY_SILENT"})
_SILENT_SIGNAL: Final = frozenset({"SIGNAL_NEVER_HEARD", "SIGNAL_SILENT", "SIGNAL_MUTE"})


def alerts(view: DeskView) -> list[str]:
    """The conditions of the desk as text, the gravest first."""
    return [describe(one) for one in view.conditions]


def silent_processes(view: DeskView) -> set[str]:
    """Processes from which messages are missing, according to the conditions of the desk."""
    codes = {one.code for one in view.conditions}
    if "PORTFOLIO_SILENT" in codes:
        return {"portfolio"}  # portfolio's last status is too old to judge the other processes
    found = {"mt5"} if codes & _SILENT_GATEWAY else set()
    return found | ({"signal"} if codes & _SILENT_SIGNAL else set())


def summary_line(view: DeskView) -> str:
    """The state of the desk in one line."""
    status = view.status
    if status is None:
        states = " ".join(f"{name} {process.state.lower()}" for name, process in view.processes.items())
        return f"{run_label(view.plan, '')} starting {states}".rstrip()
    quotes = " ".join(
        f"{symbol} {_price_text(quote.bid, status, symbol)}/{_points(quote.spread_points)}"
        for symbol, quote in status.quotes.items()
    )
    held = " ".join(f"{symbol} {position.net_volume:+f}" for symbol, position in status.positions.items()) or "flat"
    return (
        f"{run_label(view.plan, status.mode)} {_market_time(status)} {_state(view, status)} "
        f"up {format_duration(view.up_s)} | {quotes} | "
        f"ticks {status.processed:,} signals {status.signals_buy + status.signals_sell:,} orders {status.orders} "
        f"fills {status.fills} | {held} | realized {format_signed(status.realized_pnl)} "
        f"open {format_signed(status.unrealized_pnl)} {status.currency}".rstrip()
    )


def _state(view: DeskView, status: StatusReply) -> str:
    if view.is_stopping:
        return "STOPPING"
    return "FINISHED" if status.state is DeskState.FINISHED else headline(view.conditions, view.plan.symbols)


def _market_time(status: StatusReply) -> str:
    return utc_text(status.venue_time_ns // 1_000_000_000 * 1_000_000_000)[:19] if status.venue_time_ns else NOTHING


def _points(points: float | None) -> str:
    return NOTHING if points is None else f"{points:.0f}"


# --------------------------------------------------------------------------------------------------------------- page


def render_page(view: DeskView, *, width: int, height: int) -> RenderableType:
    """The whole page for a terminal of `width` characters and `height` lines."""
    top: list[RenderableType] = [*_head(view, width), *(_alert(alert) for alert in alerts(view))]
    if view.status is None:
        return Group(*top, _processes(view, width), Text(_waiting(view), style="dim"))
    market = _market(view, view.status, width)
    denials = _denials(view)[: max(0, height - LEAST_ROWS)]
    money = _money(view, view.status, width)
    foot = [_processes(view, width), *_counts(view.status, width)]
    gap = Text()
    used = len(top) + market.row_count + 2 + len(denials) + len(money) + len(foot) + 2
    orders = _orders(view.status, width, rows=max(0, height - used - 3))
    placed: list[RenderableType] = [gap, orders] if orders.row_count else []
    return Group(*top, gap, market, *denials, gap, *money, *placed, gap, *foot)


def _waiting(view: DeskView) -> str:
    return "stopping" if view.is_stopping else "starting the processes, a few seconds"


def _alert(alert: str) -> Text:
    return Text(f"! {alert}", style="bold white on red", no_wrap=True, overflow="ellipsis")


def _head(view: DeskView, width: int) -> list[Text]:
    status = view.status
    title = Text(no_wrap=True, overflow="ellipsis")
    title.append("PAPERDESK ", style="bold")
    label = run_label(view.plan, "" if status is None else status.mode)
    title.append(f" {label} ", style="black on yellow" if label == "SIMULATED" else "bold white on red")
    if status is not None:
        state = _state(view, status)
        title.append(
            f" {state}",
            style="bold green"
            if state == "TRADING"
            else "bold white on red"
            if _awaits_person(view)
            else "bold yellow",
        )
    title.append(f"  up {format_duration(view.up_s)}" if width >= MIDDLE else f" {format_duration(view.up_s)}")
    facts = [view.plan.market, f"strategy {view.plan.strategy}"]
    at = "" if status is None else f"{_market_time(status)} UTC"
    page = [_dim(f"page {page_address(view)}")] if view.is_page_up else []
    if width >= WIDE:
        return [title, _dim(" · ".join(filter(None, (*facts, f"market time {at}" if at else "")))), *page]
    return [title, _dim(" · ".join(facts)), *([_dim(at)] if at else []), *page]


def page_address(view: DeskView) -> str:
    """The one-time address while it is valid, afterwards the page's plain address."""
    is_valid = bool(view.plan.sign_in_url) and view.up_s < ONCE_S
    return view.plan.sign_in_url if is_valid else view.plan.page_url


def _awaits_person(view: DeskView) -> bool:
    """Whether a condition prevents trading until a person acts."""
    return any(map(keeps_from_trading, view.conditions))


def _dim(text: str) -> Text:
    return Text(text, style="dim", no_wrap=True, overflow="ellipsis")


def _market(view: DeskView, status: StatusReply, width: int) -> Table:
    table = Table(box=None, padding=(0, 1), collapse_padding=width < MIDDLE, header_style="dim", pad_edge=False)
    columns = ["symbol", "bid", "ask", "spread", "signal", "conf", "position", "entry", "P&L"]
    if width < WIDE:
        columns.remove("entry")
    if width < MIDDLE:
        columns = ["symbol", "bid", "sprd", "signal", "pos", "P&L"]
    for column in columns:
        table.add_column(column, justify="left" if column in ("symbol", "signal") else "right", no_wrap=True)
    for symbol in view.plan.symbols:
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
        entry = "" if held is None else _entry_price_text(held.avg_entry_price, quote.bid if quote else None)
        cells: dict[str, Text] = {
            "symbol": Text(symbol, style="bold"),
            "bid": Text(
                NOTHING if quote is None else _price_text(quote.bid, status, symbol), style="dim" if is_old else ""
            ),
            "ask": Text(
                NOTHING if quote is None else _price_text(quote.ask, status, symbol), style="dim" if is_old else ""
            ),
            "spread": Text("" if quote is None else f"{_points(quote.spread_points)} pt"),
            "sprd": Text("" if quote is None else _points(quote.spread_points)),
            "signal": Text(name, style=style),
            "conf": Text(confidence, style="" if signal is not None and signal.direction else "dim"),
            "position": Text(
                "flat" if held is None else f"{held.net_volume:+f}", style="dim" if held is None else "bold"
            ),
            "pos": Text("" if held is None else f"{held.net_volume:+f}"),
            "entry": Text(entry),
            "P&L": Text("" if held is None else format_signed(pnl), style=_sign(pnl)),
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


def _denials(view: DeskView) -> list[Text]:
    """A line for the latest denial of each symbol; a symbol that the circuit breaker pauses has an alert instead."""
    paused = {one.subject for one in view.conditions if one.code == "BREAKER_OPEN"}
    found = [_denial_of(view, symbol) for symbol in view.plan.symbols if symbol not in paused]
    return [_dim(describe_denial(one)) for one in found if one is not None]


def _price_text(price: float, status: StatusReply, symbol: str) -> str:
    """A price with the symbol's digits, derived from the spread in points."""
    quote = status.quotes[symbol]
    if not quote.spread_points:
        return str(price)
    for digits in range(8):
        if abs((quote.ask - quote.bid) * 10**digits - quote.spread_points) < 0.01:
            return f"{price:.{digits}f}"
    return str(price)


def _filled_price_text(price: Decimal, status: StatusReply, symbol: str) -> str:
    return _price_text(float(price), status, symbol) if symbol in status.quotes else decimal_text(price)


def _entry_price_text(price: object, bid: float | None) -> str:
    """An average entry price, with the number of decimals that gives `bid` six digits; 5 decimals without a bid."""
    digits = 5 if bid is None else max(0, 6 - len(str(int(bid))))
    return f"{price:.{digits}f}"


def _sign(amount: object) -> str:
    if amount is None or (not isinstance(amount, int | float) and not hasattr(amount, "is_signed")):
        return ""
    return "" if amount == 0 else "green" if amount > 0 else "red"  # type: ignore[operator]


def _money(view: DeskView, status: StatusReply, width: int) -> list[Text]:
    currency = status.currency
    balance = NOTHING if status.balance is None else f"{status.balance:,f} {currency}"
    equity = "unknown" if status.equity is None else f"{status.equity:,f} {currency}"
    parts = [
        ("balance", balance, ""),
        ("equity", equity, "bold"),
        ("realized", format_signed(status.realized_pnl), _sign(status.realized_pnl)),
        ("open", format_signed(status.unrealized_pnl), _sign(status.unrealized_pnl)),
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
    if status.balance is None or width < MIDDLE:
        return []
    before = view.before
    moved = {name: amount - before.cash.get(name, ZERO) for name, amount in status.cash.items()}
    parts = [("this run: before", format_money(before.balance or ZERO), "")]
    for name, title in _RUN_TITLES.items():
        amount = moved.get(name, ZERO)
        if amount or name == "realised_profit":
            parts.append((title, format_signed(amount), _sign(amount)))
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


def _orders(status: StatusReply, width: int, *, rows: int) -> Table:
    table = Table(box=None, padding=(0, 1), collapse_padding=width < MIDDLE, header_style="dim", pad_edge=False)
    columns = ["time", "order", "symbol", "side", "lots", "status", "price", "profit"]
    if width < WIDE:
        columns.remove("order")
    if width < MIDDLE:
        columns = ["time", "symbol", "side", "status", "profit"]
    for column in columns:
        table.add_column(column, justify="right" if column in ("lots", "price", "profit") else "left", no_wrap=True)
    for order in status.recent_orders[:rows]:
        cells = _order_cells(order, status)
        table.add_row(*(cells[column] for column in columns))
    return table


def _order_cells(order: OrderLine, status: StatusReply) -> dict[str, Text]:
    is_sell = order.side == "SELL"
    style = {"FILLED": "", "IN_DOUBT": "bold red", "REJECTED": "red", "EXPIRED": "yellow"}.get(order.status, "yellow")
    return {
        "time": Text(utc_text(order.created_ns)[11:19], style="dim"),
        "order": Text(order.order_id, style="dim"),
        "symbol": Text(order.symbol),
        "side": Text(order.side, style="red" if is_sell else "green"),
        "lots": Text(decimal_text(order.volume)),
        "status": Text(order.status if not order.code else f"{order.status} {order.code}", style=style),
        "price": Text(
            "" if order.filled_price is None else _filled_price_text(order.filled_price, status, order.symbol)
        ),
        "profit": Text(format_signed(order.profit) if order.profit else "", style=_sign(order.profit)),
    }


def _processes(view: DeskView, width: int) -> Text:
    text = Text(no_wrap=True, overflow="ellipsis")
    silent = silent_processes(view)
    for name in PROGRAMS:
        process = view.processes.get(name)
        is_running = process is not None and process.state == "RUNNING"
        is_good = is_running and name not in silent
        text.append("● " if is_good else "○ ", style="green" if is_good else "bold red" if process else "dim")
        text.append(name if width >= MIDDLE else name[:6])
        if process is not None and not is_good:
            text.append(" silent" if is_running else f" {process.state.lower()}", style="bold red")
        text.append("  " if width >= MIDDLE else " ")
    return text


def _counts(status: StatusReply, width: int) -> list[Text]:
    latency = status.latency_us.get("tick_to_fill")
    parts = [
        f"ticks {status.processed:,}",
        f"signals {status.signals_buy:,} buy {status.signals_sell:,} sell",
        f"orders {status.orders:,}",
        f"fills {status.fills:,}",
        *([f"tick to fill {latency.p50 / 1e3:.1f} ms"] if latency is not None and latency.count else []),
    ]
    keys = "Ctrl-C stops the desk"
    denied = [_denied(status)] if status.denied else []
    if width >= WIDE:
        line = " · ".join([*parts, *denied, keys])
        return [_dim(line)] if len(line) <= width else [_dim(" · ".join([*parts, keys])), *map(_dim, denied)]
    return [_dim(" · ".join(parts[:2])), _dim(" · ".join([*parts[2:], *denied])), _dim(keys)]


def _denied(status: StatusReply) -> str:
    """The number of denied signals, and the codes of the rules with the most denials."""
    ranked = sorted(status.denials.items(), key=lambda item: (-item[1], item[0]))
    codes = ", ".join(f"{code} {count:,}" for code, count in ranked[:DENIAL_CODES_MAX])
    return f"denied {status.denied:,}" + (f" ({codes})" if codes else "")
