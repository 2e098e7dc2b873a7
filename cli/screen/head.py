"""The head of every page: mode, headline, market time, and the conditions as alerts."""

from __future__ import annotations

from typing import Final

from rich.text import Text

from cli.mode_label import view_label
from cli.screen.layout import MIDDLE, WIDE, dim, line, price_text
from cli.tables import NOTHING, format_duration, format_signed
from orchestration.desk_view import DeskView
from proto.control import DeskState, StatusReply, describe, headline, keeps_from_trading
from proto.time import utc_text
from services.web.security.auth_store import ONCE_S

OLD_S: Final = 2.0
"""Age in seconds from which the age of what is shown is stated; a desk is polled twice a second."""

ALERT_STYLE: Final = "bold white on red"

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


def waiting_text(view: DeskView) -> str:
    """What a screen without a status waits for."""
    if view.is_own:
        return "stopping" if view.is_stopping else "starting the processes, a few seconds"
    if view.is_gone:
        return "waiting for the desk; `paperdesk status --data-dir DIR` reads a stopped one"
    return "waiting for the first answer of portfolio"


def alert_lines(view: DeskView, rows_max: int | None = None) -> list[Text]:
    """The conditions as alerts, the gravest first; at most `rows_max` lines, of which the last one counts the rest."""
    found = [line(f"! {alert}", ALERT_STYLE) for alert in alerts(view)]
    if rows_max is None or len(found) <= rows_max:
        return found
    shown = max(rows_max - 1, 1)
    return [*found[:shown], line(f"! and {len(found) - shown} more conditions: page 4", ALERT_STYLE)]


def head_lines(view: DeskView, width: int) -> list[Text]:
    """Mode and headline, market and strategy, market time, and address of the page; `width` in characters."""
    status = view.status
    title = line("")
    title.append("PAPERDESK ", style="bold")
    label = view_label(view)
    title.append(f" {label} ", style="black on yellow" if label == "SIMULATED" else ALERT_STYLE)
    if status is not None or view.is_gone:
        state = state_text(view)
        is_grave = any(map(keeps_from_trading, view.conditions))
        style = "bold green" if state == "TRADING" else ALERT_STYLE if is_grave else "bold yellow"
        title.append(f" {state}", style=style)
    if (view.up_s or view.is_own) and not view.is_gone:
        title.append(f"  up {format_duration(view.up_s)}" if width >= MIDDLE else f" {format_duration(view.up_s)}")
    at = "" if status is None else f"{_market_time(status)} UTC"
    if status is not None and not view.is_own and view.silent_s >= OLD_S:
        at += f", {view.silent_s:.0f} s old"
    facts = list(filter(None, (view.plan.market, f"strategy {view.plan.strategy}" if view.plan.strategy else "")))
    page = [dim(f"page {page_address(view)}")] if view.is_page_up else []
    if width >= WIDE or not facts:
        texts = [*facts, *([f"market time {at}"] if at else [])]
        return [title, *([dim(" · ".join(texts))] if texts else []), *page]
    return [title, dim(" · ".join(facts)), *([dim(at)] if at else []), *page]


def page_address(view: DeskView) -> str:
    """The one-time address while it is valid, afterwards the page's plain address."""
    is_valid = bool(view.plan.sign_in_url) and view.up_s < ONCE_S
    return view.plan.sign_in_url if is_valid else view.plan.page_url


def summary_line(view: DeskView) -> str:
    """The state of the desk in one line."""
    status = view.status
    if status is None:
        states = " ".join(f"{name} {process.state.lower()}" for name, process in view.processes.items())
        return f"{view_label(view)} starting {states}".rstrip()
    quotes = " ".join(
        f"{symbol} {price_text(quote.bid, status, symbol)}/{points_text(quote.spread_points)}"
        for symbol, quote in status.quotes.items()
    )
    held = " ".join(f"{symbol} {position.net_volume:+f}" for symbol, position in status.positions.items()) or "flat"
    return (
        f"{view_label(view)} {_market_time(status)} {state_text(view)} "
        f"up {format_duration(view.up_s)} | {quotes} | "
        f"ticks {status.processed:,} signals {status.signals_buy + status.signals_sell:,} orders {status.orders} "
        f"fills {status.fills} | {held} | realized {format_signed(status.realized_pnl)} "
        f"open {format_signed(status.unrealized_pnl)} {status.currency}".rstrip()
    )


def state_text(view: DeskView) -> str:
    """The headline, or STOPPING, STOPPED or FINISHED."""
    if view.is_gone:
        return "STOPPED"
    if view.is_stopping:
        return "STOPPING"
    is_finished = view.status is not None and view.status.state is DeskState.FINISHED
    return "FINISHED" if is_finished else headline(view.conditions, view.plan.symbols)


def _market_time(status: StatusReply) -> str:
    return utc_text(status.venue_time_ns // 1_000_000_000 * 1_000_000_000)[:19] if status.venue_time_ns else NOTHING


def points_text(points: float | None) -> str:
    """A spread in whole points."""
    return NOTHING if points is None else f"{points:.0f}"
