"""Run a desk in real time: start its processes, watch them, stop them in order, and summarize the run.

The processes run under their own supervisord. The runner polls portfolio and supervisord, passes their status to a
screen, and reads the ledger when all processes have stopped.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from common.control_client import ControlClient
from common.errors import StartError
from common.heartbeat import Phase, read
from orchestration.address_files import announced, control_url, published_addresses
from orchestration.desk_view import AccountTotals, DeskRunSpec, DeskView, Screen
from orchestration.environment import desk_environment
from orchestration.page_sign_in import sign_in_address
from orchestration.process_states import ProcessState
from orchestration.start_checks import require_startable
from orchestration.stopped_desk_audit import VENUE_BOOK, reconcile_stopped
from orchestration.supervisor import DeskSupervisor
from orchestration.supervisord_configuration import WEB
from proto.control import (
    Condition,
    Difference,
    StatusQuery,
    StatusReply,
    keeps_from_trading,
    needs_person,
    trades_nothing,
)
from proto.trading.units import ZERO
from services.portfolio.core.accounting.valuation import total_unrealized_pnl
from services.portfolio.core.queries.views import account_cash
from services.portfolio.ledger import ledger
from services.portfolio.ledger.event_search import modification_counts

POLL_EVERY_S: Final = 0.25
CHECK_EVERY_S: Final = 1.0
STATUS_TIMEOUT_S: Final = 0.4
END_OF_DATA_POLLS: Final = 4
"""A recording counts as played after this number of successive polls in which portfolio is at the last tick.

By then the last orders are booked.
"""


@dataclass(frozen=True, kw_only=True)
class DeskSummary:
    """The result of a run; `differences` is None when ledger and venue could not be compared.

    `late_deals` is the number of deals that the venue made during the stop; the next start books them.
    """

    plan: DeskRunSpec
    up_s: float
    before: AccountTotals
    after: AccountTotals
    differences: list[Difference] | None
    late_deals: int
    end: str
    conditions: tuple[Condition, ...] = ()
    """Conditions that needed a person when the stop began."""
    earlier: tuple[Condition, ...] = ()
    """Conditions that needed a person and had ended before the stop, each with its latest text."""

    @property
    def is_stopped(self) -> bool:
        """Whether a condition kept the desk, or each of its symbols, from trading at the end."""
        return any(map(keeps_from_trading, self.conditions)) or trades_nothing(self.conditions, self.plan.symbols)


def read_account_totals(data_dir: Path) -> AccountTotals:
    """Totals of the account in a data directory; all zero or empty without an account.

    Raises:
        StartError: the ledger cannot be read.
    """
    path = data_dir / ledger.LEDGER_FILE_NAME
    if not path.is_file():
        return AccountTotals()
    book, kept = ledger.read_ledger(path)
    stream, cursor = book.stream, kept.cursor
    return AccountTotals(
        stream_id=cursor.stream_id,
        mode=stream.mode if stream else "",
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
    """Run a desk until its duration or the recording ends, or until an interrupt; then stop it and summarize the run.

    Returns:
        The summary, and the interrupt that ended the run, or None.

    Raises:
        StartError: a process could not be started, or has ended for good.
    """
    require_startable(plan.data_dir)
    users_file = plan.settings.get("WEB_USERS_FILE")
    sign_in_url = sign_in_address(plan.page_url, plan.data_dir, Path(users_file) if users_file else None)
    plan = replace(plan, sign_in_url=sign_in_url)
    before = read_account_totals(plan.data_dir)
    interrupt: BaseException | None = None
    with DeskSupervisor(
        log_dir=plan.data_dir / "logs",
        has_gateway=plan.gateway is None,
        has_web=bool(plan.page_url),
        has_notify="NOTIFY_FILE" in plan.settings,
    ) as desk:
        environment = desk_environment(
            os.environ,
            {**plan.settings, **plan.secrets},
            runtime=desk.runtime,
            data_dir=plan.data_dir,
            gateway=plan.gateway,
        )
        with ControlClient(control_url(desk.runtime)) as client:
            monitor = _DeskMonitor(plan, desk, client, screen, before)
            try:
                with (
                    published_addresses(plan.data_dir, desk.runtime, plan.gateway, page_url=plan.page_url),
                    announced(plan.data_dir, desk.runtime, plan.gateway),
                ):
                    desk.start(environment, waiting=monitor.poll)
                    monitor.run_to_end()
            except (KeyboardInterrupt, SystemExit) as error:
                interrupt = error
            monitor.show_stopping()
    differences, late_deals = reconcile_stopped(plan.data_dir) if _has_both_books(plan.data_dir) else (None, 0)
    return DeskSummary(
        plan=plan,
        up_s=monitor.up_s,
        before=before,
        after=read_account_totals(plan.data_dir),
        differences=differences,
        late_deals=late_deals,
        end=monitor.end,
        conditions=monitor.conditions,
        earlier=monitor.earlier_conditions(),
    ), interrupt


def _has_both_books(data_dir: Path) -> bool:
    return (data_dir / ledger.LEDGER_FILE_NAME).is_file() and (data_dir / VENUE_BOOK).is_file()


class _DeskMonitor:
    """Polls the desk and passes its state to the screen."""

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
        self._answered = self._started
        self._supervisor_answered = self._started
        self._next_poll = 0.0
        self._next_check = 0.0
        self._polls_at_end = 0
        self.conditions: tuple[Condition, ...] = ()
        """Conditions of the last poll that need a person."""
        self._seen: dict[tuple[str, str], Condition] = {}

    def earlier_conditions(self) -> tuple[Condition, ...]:
        """Conditions that needed a person and have ended, in the order in which they began."""
        present = {(one.code, one.subject) for one in self.conditions}
        return tuple(one for key, one in self._seen.items() if key not in present)

    @property
    def up_s(self) -> float:
        """Seconds since the start of the desk."""
        return time.monotonic() - self._started

    def poll(self) -> None:
        """Request portfolio's status if a poll is due, and show it."""
        now = time.monotonic()
        if now < self._next_poll:
            return
        self._next_poll = now + POLL_EVERY_S
        status = self._client.request(StatusQuery(), StatusReply, timeout_s=STATUS_TIMEOUT_S)
        if status is not None:
            self.status, self._answered = status, time.monotonic()
        if now >= self._next_check:
            self._next_check = now + CHECK_EVERY_S
            self._processes = self._desk.states()
            if self._processes or self._desk.supervisord_pid() is None:
                self._supervisor_answered = time.monotonic()
        self._show()

    def run_to_end(self) -> None:
        """Poll until the duration or the recording has ended.

        Raises:
            StartError: a process has ended for good.
        """
        deadline = None if self._plan.duration_s is None else self._started + self._plan.duration_s
        next_failure_check = 0.0
        while not self.end:
            self.poll()
            now = time.monotonic()
            if now >= next_failure_check:
                next_failure_check = now + CHECK_EVERY_S
                failure = self._desk.failure()
                if failure is not None:
                    raise StartError(failure)
            if deadline is not None and now >= deadline:
                self.end = f"stopped after {self._plan.duration_s:g} s (--duration)"
            elif self._is_played():
                self.end = "the recording has ended"
            time.sleep(max(0.0, min(self._next_poll, deadline or self._next_poll) - time.monotonic()))

    def show_stopping(self) -> None:
        """Show that the desk is being stopped."""
        self._show(is_stopping=True)

    def _is_played(self) -> bool:
        last = self._plan.last_ordinal
        is_at_end = bool(last) and self.status is not None and self.status.ordinal >= last
        self._polls_at_end = self._polls_at_end + 1 if is_at_end else 0
        return self._polls_at_end >= END_OF_DATA_POLLS

    def _is_page_up(self) -> bool:
        beat = read(self._desk.runtime, WEB) if self._plan.page_url else None
        return beat is not None and beat.phase is Phase.RUNNING

    def _show(self, *, is_stopping: bool = False) -> None:
        view = DeskView(
            plan=self._plan,
            up_s=self.up_s,
            status=self.status,
            silent_s=time.monotonic() - self._answered,
            processes=self._processes,
            before=self._before,
            is_stopping=is_stopping,
            web=self._desk.web,
            notify=self._desk.notify,
            is_page_up=self._is_page_up(),
            supervisor_silent_s=0.0 if self._processes else time.monotonic() - self._supervisor_answered,
        )
        if not is_stopping:
            self.conditions = tuple(one for one in view.conditions if needs_person(one))
            self._seen |= {(one.code, one.subject): one for one in self.conditions}
        self._screen.show(view)
