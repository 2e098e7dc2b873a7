"""The state of a desk for a screen: what was polled from portfolio and supervisord, and the conditions that follow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Final, Protocol

from orchestration.process_states import ProcessState
from proto.control import Condition, StatusReply, by_gravity, condition
from proto.trading.units import ZERO
from services.watchdog.core.watchdog import ALIVE

SUPERVISOR_SILENT_S: Final = 3.0
PORTFOLIO_SILENT_S: Final = 3.0
"""Time without an answer after which portfolio counts as silent; its restart takes up to two seconds."""

START_S: Final = 30.0
"""Before its first answer, portfolio counts as silent only after this time."""


@dataclass(frozen=True, kw_only=True)
class AccountTotals:
    """Totals of an account from its ledger; money in account currency. `hold` includes signals during warm-up."""

    stream_id: str = ""
    mode: str = ""
    """The mode in the gateway's replies: simulated, demo or live."""
    currency: str = ""
    ticks: int = 0
    buy: int = 0
    sell: int = 0
    hold: int = 0
    orders: int = 0
    fills: int = 0
    denied: int = 0
    refused_modifications: int = 0
    time_ns: int = 0
    balance: Decimal | None = None
    realized_pnl: Decimal = ZERO
    unrealized_pnl: Decimal | None = ZERO
    positions: Mapping[str, tuple[Decimal, Decimal]] = field(default_factory=dict)
    open_orders: int = 0
    cash: Mapping[str, Decimal] = field(default_factory=dict)
    """Cash by category, charges negative; the sum is the balance."""

    def since(self, before: AccountTotals) -> AccountTotals:
        """The change since earlier totals; counts of ticks, signals and denied orders restart with each stream."""
        same = before.stream_id == self.stream_id
        return AccountTotals(
            ticks=self.ticks - (before.ticks if same else 0),
            buy=self.buy - (before.buy if same else 0),
            sell=self.sell - (before.sell if same else 0),
            hold=self.hold - (before.hold if same else 0),
            denied=self.denied - (before.denied if same else 0),
            refused_modifications=self.refused_modifications - before.refused_modifications,
            orders=self.orders - before.orders,
            fills=self.fills - before.fills,
            realized_pnl=self.realized_pnl - before.realized_pnl,
            cash={name: amount - before.cash.get(name, ZERO) for name, amount in self.cash.items()},
        )


@dataclass(frozen=True, kw_only=True)
class DeskRunSpec:
    """A desk to run.

    `settings` are those of the processes. `market`, `strategy` and `symbols` are for display. `last_ordinal` is the
    ordinal of a recording's last tick, 0 for a market without an end. `duration_s` is the time after which the desk is
    stopped, None for no limit.
    """

    data_dir: Path
    settings: Mapping[str, str]
    market: str
    strategy: str
    symbols: tuple[str, ...]
    last_ordinal: int = 0
    duration_s: float | None = None
    gateway: tuple[str, str] | None = None
    """Addresses for requests and for ticks of a gateway that another process runs; None for the desk's own gateway."""
    page_url: str = ""
    """Address of the desk's web page; empty without one."""
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Variables with the secret addresses of targets, by name; they are shown nowhere."""
    sign_in_url: str = ""
    """One-time address of the page, valid for `ONCE_S` seconds after the start; empty without one."""


@dataclass(frozen=True, kw_only=True)
class DeskView:
    """The state of a desk for a screen.

    `status` is portfolio's latest reply, None before the first; `silent_s` is the time since that reply, or since the
    start. `up_s` is the time since the start of the desk, 0 if it is unknown. `before` are the totals of the account at
    the start, None for a desk that another process runs.
    """

    plan: DeskRunSpec
    up_s: float
    status: StatusReply | None
    silent_s: float
    processes: Mapping[str, ProcessState]
    before: AccountTotals | None
    is_stopping: bool = False
    web: ProcessState | None = None
    """State of the program that serves the page; None if it is unknown or the desk has no page."""
    notify: ProcessState | None = None
    """State of the program that sends alarms to people; None if it is unknown or the desk has no rules for alarms."""
    is_page_up: bool = False
    """Whether the page accepts connections."""
    supervisor_silent_s: float = 0.0
    """Seconds since supervisord's last answer; 0 while it answers."""
    is_own: bool = True
    """Whether this process runs the desk."""
    is_gone: bool = False
    """Whether the desk of another process has ended: neither portfolio nor supervisord has a socket that answers."""

    @property
    def awaited_s(self) -> float:
        """Silence of portfolio in seconds after which it is a condition."""
        return START_S if self.is_own and self.status is None else PORTFOLIO_SILENT_S

    @property
    def conditions(self) -> list[Condition]:
        """Conditions from portfolio's status and from supervisord, the gravest first."""
        if self.is_stopping:
            return []
        down = [
            condition("PROCESS_DOWN", f"supervisord reports {process.state}", subject=name)
            for name, process in self.processes.items()
            if process.state not in ALIVE
        ]
        if self.web is not None and self.web.state not in ALIVE:
            down.append(condition("PAGE_DOWN", f"supervisord reports {self.web.state}"))
        if self.notify is not None and self.notify.state not in ALIVE:
            down.append(condition("NOTIFY_SILENT", f"supervisord reports {self.notify.state}; see notify.log"))
        if self.supervisor_silent_s > SUPERVISOR_SILENT_S:
            down.append(condition("SUPERVISOR_SILENT", f"no answer for {self.supervisor_silent_s:.0f} s"))
        if self.is_gone:
            age = "" if self.status is None else f"; everything below is {self.silent_s:.0f} s old"
            return [condition("PROCESS_DOWN", f"the desk is not running{age}", subject="portfolio")]
        if self.silent_s > self.awaited_s:
            return by_gravity([*down, condition("PORTFOLIO_SILENT", f"no answer for {self.silent_s:.0f} s")])
        seen = {(one.code, one.subject) for one in down}
        shown = self.status.conditions if self.status is not None else ()
        return by_gravity([*down, *(one for one in shown if (one.code, one.subject) not in seen)])


class Screen(Protocol):
    """A display of a desk."""

    def show(self, view: DeskView) -> None:
        """Show the current state."""
