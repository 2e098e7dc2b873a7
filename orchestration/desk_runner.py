"""A desk that runs until it is told to stop: started, watched, stopped in order, and summed up.

Everything it needs is a data directory. The processes run under a supervisord of their own; this asks portfolio and
supervisord how they are, hands that to whoever shows it, and reads the ledger when all of them have stopped.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Final, Protocol

from common.errors import StartError
from orchestration.address_files import announced, control_url, published_addresses
from orchestration.control_client import ControlClient
from orchestration.environment import desk_environment
from orchestration.start_checks import require_startable
from orchestration.stopped_desk_audit import VENUE_BOOK, reconcile_stopped
from orchestration.supervisor import DeskSupervisor, ProcessState
from proto.control import (
    Condition,
    Difference,
    StatusQuery,
    StatusReply,
    by_gravity,
    condition,
    keeps_from_trading,
    needs_person,
    trades_nothing,
)
from services.portfolio.core.account.position import ZERO
from services.portfolio.core.accounting.valuation import total_unrealized_pnl
from services.portfolio.core.queries.views import account_cash
from services.portfolio.ledger import ledger
from services.portfolio.ledger.event_search import modification_counts
from services.watchdog.core.watchdog import ALIVE

LOOK_EVERY_S: Final = 0.25
CHECK_EVERY_S: Final = 1.0
ANSWER_TIMEOUT_S: Final = 0.4
SUPERVISOR_SILENT_S: Final = 3.0
PORTFOLIO_SILENT_S: Final = 3.0
"""Portfolio answers within milliseconds; a restart of it takes up to two seconds."""

START_S: Final = 30.0
"""How long the first start of the processes may take before it is a silence."""

END_OF_DATA_LOOKS: Final = 4
"""Looks in a row at the last tick before a recording counts as played: what it set off is booked by then."""


@dataclass(frozen=True, kw_only=True)
class DeskRunSpec:
    """What is to run: `settings` for the processes, the rest for people. `last_ordinal` 0 is a market without an end."""

    data_dir: Path
    settings: Mapping[str, str]
    market: str
    strategy: str
    symbols: tuple[str, ...]
    last_ordinal: int = 0
    duration_s: float | None = None
    gateway: tuple[str, str] | None = None
    """Where one elsewhere takes requests and publishes ticks; None for a simulated one of the desk's own."""


@dataclass(frozen=True, kw_only=True)
class DeskView:
    """The desk as it is shown: `status` None while portfolio has not spoken, `silent_s` since it last did."""

    plan: DeskRunSpec
    up_s: float
    status: StatusReply | None
    silent_s: float
    processes: Mapping[str, ProcessState]
    before: AccountTotals
    is_stopping: bool = False
    supervisor_silent_s: float = 0.0
    """Since supervisord last answered; 0 while it does."""

    @property
    def conditions(self) -> list[Condition]:
        """Those of portfolio, and what is seen of the processes from outside; the gravest first."""
        if self.is_stopping:
            return []
        down = [
            condition("PROCESS_DOWN", f"supervisord has it as {process.state}", subject=name)
            for name, process in self.processes.items()
            if process.state not in ALIVE
        ]
        if self.supervisor_silent_s > SUPERVISOR_SILENT_S:
            down.append(condition("SUPERVISOR_SILENT", f"no answer for {self.supervisor_silent_s:.0f} s"))
        if self.silent_s > (PORTFOLIO_SILENT_S if self.status is not None else START_S):
            return by_gravity([*down, condition("PORTFOLIO_SILENT", f"no answer for {self.silent_s:.0f} s")])
        seen = {(one.code, one.subject) for one in down}
        shown = self.status.conditions if self.status is not None else ()
        return by_gravity([*down, *(one for one in shown if (one.code, one.subject) not in seen)])


class Screen(Protocol):
    """Whoever shows a desk."""

    def show(self, view: DeskView) -> None:
        """Show it as it is now."""


@dataclass(frozen=True, kw_only=True)
class AccountTotals:
    """An account as its ledger has it."""

    stream_id: str = ""
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
    """What makes the balance, by what it was for, in its sign; it sums to the balance."""

    def since(self, before: AccountTotals) -> AccountTotals:
        """What came on top of an earlier standing; counts of ticks begin anew with another stream."""
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
class DeskSummary:
    """What is left when the desk has stopped; `differences` None when ledger and venue could not be compared.

    `late_deals` came while it was being stopped, and wait for the next start to book them.
    """

    plan: DeskRunSpec
    up_s: float
    before: AccountTotals
    after: AccountTotals
    differences: list[Difference] | None
    late_deals: int
    end: str
    conditions: tuple[Condition, ...] = ()
    """Those that held when the stop began."""
    earlier: tuple[Condition, ...] = ()
    """Those of the run that were over by then, each as it was seen last."""

    @property
    def is_stopped(self) -> bool:
        """Whether something kept the desk from trading at its end, or each of its symbols."""
        return any(map(keeps_from_trading, self.conditions)) or trades_nothing(self.conditions, self.plan.symbols)


def read_account_totals(data_dir: Path) -> AccountTotals:
    """How the account in a data directory stands; an empty one when there is none yet.

    Raises:
        StartError: its ledger cannot be read.
    """
    path = data_dir / ledger.LEDGER_FILE_NAME
    if not path.is_file():
        return AccountTotals()
    book, kept = ledger.read_ledger(path)
    stream, cursor = book.stream, kept.cursor
    return AccountTotals(
        stream_id=cursor.stream_id,
        currency=stream.currency if stream else "",
        ticks=cursor.processed,
        buy=cursor.buy,
        sell=cursor.sell,
        hold=cursor.hold + cursor.warming_up,
        orders=len(book.orders),
        fills=book.position_changes,
        denied=sum(cursor.denied.values()),
        refused_modifications=modification_counts(path, of_stream=False).refused_total,
        time_ns=cursor.time_ns,
        balance=book.balance if stream else None,
        realized_pnl=book.realized_pnl,
        unrealized_pnl=total_unrealized_pnl(book, cursor.marks) if stream else ZERO,
        positions={
            symbol: (position.net_volume, position.avg_entry_price or ZERO)
            for symbol, position in sorted(book.positions.items())
            if not position.is_flat
        },
        open_orders=len(book.open_orders),
        cash=account_cash(book),
    )


def run_desk(plan: DeskRunSpec, screen: Screen) -> tuple[DeskSummary, BaseException | None]:
    """Run until the duration or the recording is over, or until interrupted; then stop, and sum up.

    Returns:
        The summary, and the interrupt that ended it, if one did.

    Raises:
        StartError: a process could not be started or gave up.
    """
    require_startable(plan.data_dir)
    before = read_account_totals(plan.data_dir)
    interrupt: BaseException | None = None
    with DeskSupervisor(log_dir=plan.data_dir / "logs", has_gateway=plan.gateway is None) as desk:
        environment = desk_environment(
            os.environ, plan.settings, runtime=desk.runtime, data_dir=plan.data_dir, gateway=plan.gateway
        )
        with ControlClient(control_url(desk.runtime)) as client:
            watch = _DeskMonitor(plan, desk, client, screen, before)
            try:
                with (
                    published_addresses(plan.data_dir, desk.runtime, plan.gateway),
                    announced(plan.data_dir, desk.runtime, plan.gateway),
                ):
                    desk.start(environment, waiting=watch.look)
                    watch.until_the_end()
            except (KeyboardInterrupt, SystemExit) as error:
                interrupt = error
            watch.say_goodbye()
    differences, late_deals = reconcile_stopped(plan.data_dir) if _has_both_books(plan.data_dir) else (None, 0)
    return DeskSummary(
        plan=plan,
        up_s=watch.up_s,
        before=before,
        after=read_account_totals(plan.data_dir),
        differences=differences,
        late_deals=late_deals,
        end=watch.end,
        conditions=watch.conditions,
        earlier=watch.earlier_conditions(),
    ), interrupt


def _has_both_books(data_dir: Path) -> bool:
    return (data_dir / ledger.LEDGER_FILE_NAME).is_file() and (data_dir / VENUE_BOOK).is_file()


class _DeskMonitor:
    """Looks at the desk and has it shown."""

    def __init__(
        self, plan: DeskRunSpec, desk: DeskSupervisor, client: ControlClient, screen: Screen, before: AccountTotals
    ) -> None:
        self.status: StatusReply | None = None
        self.end = ""
        self._plan = plan
        self._desk = desk
        self._client = client
        self._screen = screen
        self._before = before
        self._processes: Mapping[str, ProcessState] = {}
        self._started = time.monotonic()
        self._heard = self._started
        self._supervisor_heard = self._started
        self._next_look = 0.0
        self._next_check = 0.0
        self._looks_at_the_end = 0
        self.conditions: tuple[Condition, ...] = ()
        """Those of the last look before the end, but for states that pass by themselves."""
        self._seen: dict[tuple[str, str], Condition] = {}

    def earlier_conditions(self) -> tuple[Condition, ...]:
        """Conditions of the run that do not hold any more, in the order in which they began."""
        present = {(one.code, one.subject) for one in self.conditions}
        return tuple(one for key, one in self._seen.items() if key not in present)

    @property
    def up_s(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started

    def look(self) -> None:
        """Ask, when it is time to, and show what is heard."""
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + LOOK_EVERY_S
        status = self._client.request(StatusQuery(), StatusReply, timeout_s=ANSWER_TIMEOUT_S)
        if status is not None:
            self.status, self._heard = status, time.monotonic()
        if now >= self._next_check:
            self._next_check = now + CHECK_EVERY_S
            self._processes = self._desk.states()
            if self._processes or self._desk.supervisord_pid() is None:
                self._supervisor_heard = time.monotonic()
        self._show()

    def until_the_end(self) -> None:
        """Look until there is a reason to stop.

        Raises:
            StartError: a process has given up.
        """
        deadline = None if self._plan.duration_s is None else self._started + self._plan.duration_s
        next_failure_check = 0.0
        while not self.end:
            self.look()
            now = time.monotonic()
            if now >= next_failure_check:
                next_failure_check = now + CHECK_EVERY_S
                failure = self._desk.failure()
                if failure is not None:
                    raise StartError(failure)
            if deadline is not None and now >= deadline:
                self.end = "the time it was given is over"
            elif self._is_played():
                self.end = "the recording has been played to its end"
            time.sleep(max(0.0, min(self._next_look, deadline or self._next_look) - time.monotonic()))

    def say_goodbye(self) -> None:
        """Show that it is being stopped, which takes a moment."""
        self._show(is_stopping=True)

    def _is_played(self) -> bool:
        last = self._plan.last_ordinal
        is_there = bool(last) and self.status is not None and self.status.ordinal >= last
        self._looks_at_the_end = self._looks_at_the_end + 1 if is_there else 0
        return self._looks_at_the_end >= END_OF_DATA_LOOKS

    def _show(self, *, is_stopping: bool = False) -> None:
        view = DeskView(
            plan=self._plan,
            up_s=self.up_s,
            status=self.status,
            silent_s=time.monotonic() - self._heard,
            processes=self._processes,
            before=self._before,
            is_stopping=is_stopping,
            supervisor_silent_s=0.0 if self._processes else time.monotonic() - self._supervisor_heard,
        )
        if not is_stopping:
            self.conditions = tuple(one for one in view.conditions if needs_person(one))
            self._seen |= {(one.code, one.subject): one for one in self.conditions}
        self._screen.show(view)
