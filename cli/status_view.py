"""The screen of `paperdesk status`: what the desk does, what prevents it, its money, processes and open alerts.

A part that cannot be read is shown with the reason. On a terminal the long lists are shortened until everything fits
on one screen, and the line at the end of a shortened list has the command that shows all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from textwrap import wrap
from typing import Final, Protocol, TypeVar

from rich.text import Text

from cli.mode_label import mode_label
from cli.open_alerts import AlertsReading, alert_text
from cli.printable_text import printable
from cli.tables import NOTHING, average_text, format_duration, format_money, format_signed
from orchestration.process_states import ProcessesReading
from proto.control import (
    CONDITION_KINDS,
    Condition,
    DenialLine,
    PositionLine,
    Severity,
    describe,
    describe_denial,
)
from proto.time import utc_text

T = TypeVar("T")

LABEL_CHARS: Final = 10
"""Width of the column of labels."""

LIST_LENGTHS: Final = (12, 8, 6, 4, 3, 2, 1)
"""Lengths to which the lists are shortened, in turn, until the screen fits."""

ALERTS_SHOWN: Final = 5
"""Largest number of open alerts on the screen; a moment, such as a lost process, stays open until a person looks."""

SEVERITY_STYLES: Final = {Severity.CRITICAL: "bold red", Severity.WARNING: "yellow", Severity.INFO: ""}

LEVEL_NAMES: Final = {"warn": "warn", "reduce": "reduce only", "halt": "halt"}


class AccountFigures(Protocol):
    """The account's figures, with the names and units of `StatusReply`."""

    @property
    def currency(self) -> str:
        """Account currency; empty before the first stream."""

    @property
    def balance(self) -> Decimal | None:
        """Realized cash."""

    @property
    def equity(self) -> Decimal | None:
        """Balance and unrealized profit; None without a conversion rate."""

    @property
    def unrealized_pnl(self) -> Decimal | None:
        """Unrealized profit of all positions."""

    @property
    def margin_level_pct(self) -> Decimal | None:
        """Equity / margin in percent; None without margin."""

    @property
    def drawdown(self) -> float | None:
        """Fall of the equity from its peak as a fraction of the peak."""

    @property
    def drawdown_peak(self) -> Decimal | None:
        """The peak equity."""

    @property
    def drawdown_headroom(self) -> Mapping[str, float]:
        """Distance to each drawdown level as a fraction of the peak."""

    @property
    def drawdown_levels(self) -> Mapping[str, Decimal]:
        """Equity at which each drawdown level is reached."""

    @property
    def positions(self) -> Mapping[str, PositionLine]:
        """Open positions by symbol."""

    @property
    def orders_open(self) -> int:
        """Number of open orders."""


@dataclass(frozen=True, kw_only=True)
class DeskStatus:
    """Everything that `paperdesk status` shows.

    `state` is that of portfolio, or SILENT or STOPPED. `note` is a remark on the age of the figures, empty if they are
    current. `page` is the address of the page, None if there is none or it is unknown.
    """

    headline: str
    mode: str
    state: str
    trading_state: str
    conditions: Sequence[Condition]
    denials: Sequence[DenialLine]
    figures: AccountFigures
    feed: str
    note: str
    processes: ProcessesReading
    alerts: AlertsReading
    page: str | None

    @property
    def first_line(self) -> str:
        """Whether the desk trades, its mode, and its states."""
        return f"{self.headline}: {mode_label(self.mode)} desk {self.state}, trading state {self.trading_state}"


def status_screen(status: DeskStatus, *, width: int, height: int | None) -> list[Text]:
    """The lines of the screen, wrapped at `width` characters; with `height` None nothing is shortened or wrapped."""
    if height is None:
        return [line for row in _rows(status, None) for line in row.lines(None)]
    lines: list[Text] = []
    for length in (None, *LIST_LENGTHS):
        lines = [line for row in _rows(status, length) for line in row.lines(width)]
        if len(lines) <= height:
            break
    return lines


@dataclass(frozen=True)
class _Row:
    """A labeled text, wrapped beside its label; a row with `is_whole` begins at the left margin."""

    label: str
    text: str
    style: str = ""
    is_whole: bool = False

    def lines(self, width: int | None) -> list[Text]:
        indent = 0 if self.is_whole else LABEL_CHARS
        text = printable(self.text)
        parts = [text] if width is None else wrap(text, max(width - indent, 20), break_on_hyphens=False)
        rows = []
        for number, part in enumerate(parts or [""]):
            label = "" if self.is_whole else f"{self.label if not number else '':<{indent}}"
            rows.append(Text().append(label, style="dim").append(part, style=self.style))
        return rows


def _rows(status: DeskStatus, length: int | None) -> Iterator[_Row]:
    trades = status.headline in ("TRADING", "FINISHED")
    yield _Row("", status.first_line, "bold green" if trades else "bold red", is_whole=True)
    if status.note:
        yield _Row("", status.note, "yellow", is_whole=True)
    shown, rest = _shortened(status.conditions, length)
    for one in shown:
        yield _Row("", f"{one.severity} {describe(one)}", SEVERITY_STYLES[one.severity], is_whole=True)
        yield _Row("", f"  {CONDITION_KINDS[one.code].action}", is_whole=True)
    if rest:
        yield _Row("", f"and {rest} more conditions: paperdesk status --json", "bold", is_whole=True)
    yield from (_Row(label, text) for label, text in account_texts(status.figures))
    yield from _listed(
        "positions", list(status.figures.positions.items()), length, _position_text, "none", "paperdesk positions"
    )
    yield _Row("orders", f"{status.figures.orders_open} open")
    yield _Row("ticks", status.feed)
    yield _Row("processes", processes_text(status.processes))
    paused = {one.subject for one in status.conditions if one.code == "BREAKER_OPEN"}
    denials = [one for one in status.denials if one.symbol not in paused]
    shown_denials, rest = _shortened(denials, length)
    for found in shown_denials:
        yield _Row("", f"latest denial: {describe_denial(found)}", is_whole=True)
    if rest:
        yield _Row("", f"and {rest} more denials: paperdesk status --json", is_whole=True)
    yield from _alert_rows(status.alerts, length)
    yield _Row("page", status.page or _no_page_text(status.processes))


def _shortened(items: Sequence[T], length: int | None) -> tuple[Sequence[T], int]:
    """The first items, and the number of the others."""
    shown = items if length is None else items[:length]
    return shown, len(items) - len(shown)


def _listed(
    label: str, items: Sequence[T], length: int | None, text_of: Callable[[T], str], none: str, command: str
) -> Iterator[_Row]:
    """A row for each item, the first one with the label; then the number of the items that are left out."""
    shown, rest = _shortened(items, length)
    if not items:
        yield _Row(label, none)
    for number, item in enumerate(shown):
        yield _Row("" if number else label, text_of(item))
    if rest:
        yield _Row("", f"and {rest} more: {command}", "bold")


def account_texts(figures: AccountFigures) -> list[tuple[str, str]]:
    """The account's money, its drawdown with the distance to each level, and its margin level: labels and texts."""
    if figures.balance is None:
        return [("account", "unknown until the desk has reached its gateway for the first time")]
    currency = figures.currency
    equity = "unknown" if figures.equity is None else format_money(figures.equity)
    money = (
        f"balance {format_money(figures.balance)}, equity {equity}, open P&L "
        f"{format_signed(figures.unrealized_pnl)} {currency}"
    )
    level = figures.margin_level_pct
    margin = f"margin level {NOTHING if level is None else f'{format_money(level)} %'}"
    if figures.drawdown is None or figures.drawdown_peak is None:
        cause = (
            "unknown, no equity is known yet"
            if figures.equity is None
            else "not measured: no limit needs it, or no tick is decided yet"
        )
        return [("account", money), ("drawdown", f"{cause}; {margin}")]
    fallen = f"{_percent(figures.drawdown)} below the peak {format_money(figures.drawdown_peak)} {currency}"
    levels = [
        f"{LEVEL_NAMES[name]} at {format_money(level)} ({_distance(figures.drawdown_headroom.get(name))})"
        for name, level in figures.drawdown_levels.items()
    ]
    return [
        ("account", money),
        ("drawdown", f"{fallen}; {margin}"),
        ("", ", ".join(levels) or "no drawdown level is set, or the levels are not known"),
    ]


def _percent(fraction: float) -> str:
    return f"{fraction * 100:.2f} %"


def _distance(headroom: float | None) -> str:
    if headroom is None:
        return "distance unknown"
    return "reached" if headroom <= 0 else f"{_percent(headroom)} away"


def _position_text(held: tuple[str, PositionLine]) -> str:
    symbol, position = held
    pnl = format_signed(position.unrealized_pnl)
    return f"{symbol:<8} {position.net_volume:+f} at {average_text(position.avg_entry_price)}, P&L {pnl}"


def processes_text(reading: ProcessesReading) -> str:
    """The processes with their uptime, grouped by supervisord's state; or the reason why they are unknown."""
    if reading.problem:
        return reading.problem
    groups: dict[str, list[str]] = {}
    for one in reading.states.values():
        state = "not used" if one.is_elsewhere else one.state
        groups.setdefault(state, []).append(f"{one.name} {format_duration(one.up_s)}" if one.pid else one.name)
    order = sorted(groups, key=lambda state: (state == "not used", state == "RUNNING"))  # what is wrong comes first
    return "; ".join(f"{state} {', '.join(groups[state])}" for state in order)


def _alert_rows(alerts: AlertsReading, length: int | None) -> Iterator[_Row]:
    if alerts.problem:
        yield _Row("alerts", alerts.problem)
        return
    shown, _ = _shortened(alerts.rows, min(length or ALERTS_SHOWN, ALERTS_SHOWN))
    if not shown:
        yield _Row("alerts", "none waits for a person")
    for number, one in enumerate(shown):
        yield _Row("" if number else "alerts", alert_text(one), SEVERITY_STYLES[one.severity])
    if rest := alerts.open_count - len(shown):
        yield _Row("", f"and {rest} more: paperdesk alerts", "bold")


def _no_page_text(processes: ProcessesReading) -> str:
    if processes.problem:
        return "unknown"
    web = processes.states.get("web")
    return "none, the desk runs without a page" if web is None or web.is_elsewhere else "its address is not known"


def feed_text(
    *, heartbeat_age_ms: int | None, is_stale: bool, oldest_quote: tuple[str, int] | None, time_ns: int, processed: int
) -> str:
    """The age of the market feed, the market's time and the number of decided ticks.

    Args:
        heartbeat_age_ms: age of the feed's last message; None if the feed is not watched.
        is_stale: whether portfolio considers the feed stale.
        oldest_quote: symbol with the oldest quote, and its age in milliseconds.
        time_ns: market time; 0 if it is unknown.
        processed: number of decided ticks.
    """
    parts = [
        "the feed is not watched (a replay, or not connected)"
        if heartbeat_age_ms is None
        else f"{'STALE, ' if is_stale else ''}last message {heartbeat_age_ms / 1_000:.1f} s ago"
    ]
    if oldest_quote is not None:
        parts.append(f"oldest quote {oldest_quote[0]} {oldest_quote[1] / 1_000:.1f} s")
    parts.append(f"market time {utc_text(time_ns)[:19]}Z" if time_ns else "market time unknown")
    parts.append(f"{processed:,} ticks")
    return ", ".join(parts)
