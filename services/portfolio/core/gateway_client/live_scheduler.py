"""What a live desk does beside deciding: orders on their way, deals, the lease, comparisons with the venue, flattening.

Each is a task of its own, so that an order in doubt blocks its own symbol and nothing else, and a venue that is slow about
one thing is asked about the others. `start_due_tasks` starts whatever is wanted and does not run yet; nothing here decides on a signal.
"""

from __future__ import annotations

from typing import Final

from proto.control import DeskState
from proto.messages import Call
from services.portfolio.core.account.foreign_orders import own_position
from services.portfolio.core.account.order_status import OrderStatus
from services.portfolio.core.account.orders import Cause
from services.portfolio.core.decision.manual_orders import closing_orders
from services.portfolio.core.gateway_client.deals import pull_deals
from services.portfolio.core.gateway_client.lease import renew_lease, watch_lease
from services.portfolio.core.gateway_client.live_orders import track_order
from services.portfolio.core.gateway_client.live_protections import track_protection
from services.portfolio.core.gateway_client.live_reconciliation import Reconciler
from services.portfolio.core.gateway_client.task_runner import GatewayTask, RunningTask, TaskRunner
from services.portfolio.core.state.portfolio_state import PortfolioState

DEALS_EVERY_NS: Final = 1_000_000_000
"""How often a venue that runs by itself is asked for deals that no reply announced."""

FLATTEN_RETRY_NS: Final = 5_000_000_000
"""A position whose closing order came to nothing is tried again after this."""

_DEALS, _LEASE, _COMPARE = "deals", "lease", "compare"


class LiveScheduler:
    """The tasks of a live desk, by name: one of each kind, and one of each open order."""

    def __init__(self, state: PortfolioState, tasks: TaskRunner) -> None:
        """Nothing runs before `start_due_tasks`."""
        self._state = state
        self._tasks = tasks
        self._running: dict[str, RunningTask] = {}
        self._deals_due_ns = 0
        self._flatten_due_ns: dict[str, int] = {}
        self.reconciler = Reconciler(state)

    @property
    def next_due_ns(self) -> int | None:
        """When `start_due_tasks` is next due; None while every periodic task is running."""
        dues = []
        if _DEALS not in self._running:
            dues.append(self._deals_due_ns)
        if _COMPARE not in self._running and not self._state.warnings.storage_problem:
            dues.append(0 if self._state.warnings.unproven_symbols else self.reconciler.due_ns)
        return min(dues, default=None)

    def start_due_tasks(self) -> list[Call]:
        """Make the closing orders of FLATTEN, start every task that is due, and return their first calls."""
        state, now_ns = self._state, self._state.stream.now.mono_ns
        if state.stream.desk_state is not DeskState.RUNNING or state.warnings.storage_problem:
            self._deals_due_ns = max(self._deals_due_ns, now_ns + DEALS_EVERY_NS)
            return []
        watch_lease(state)
        calls: list[Call] = []
        if state.lease.epoch and not state.lease.is_superseded and not state.lease.needs_hello:
            calls += self._start(_LEASE, renew_lease(state), handles_failures=True)
        for symbol in self._to_flatten(now_ns):
            self._flatten_due_ns[symbol] = now_ns + FLATTEN_RETRY_NS
            assert state.account.book.trading is not None
            for made in closing_orders(state, symbol, cause=Cause.FLATTEN, reason=state.account.book.trading.reason):
                state.account.emit(made)
        for order_id in list(state.account.book.open_orders):
            calls += self._start(order_id, track_order(state, order_id), handles_failures=True)
        for key, guard in state.account.book.protections.items():
            if guard.is_in_flight and not state.lease.is_superseded:
                calls += self._start(f"stops of {key}", track_protection(state, key), handles_failures=True)
        while state.account.orders_to_wake:
            if (running := self._running.get(state.account.orders_to_wake.pop())) is not None:
                self._tasks.wake(running)
        if (state.account.needs_deals or now_ns >= self._deals_due_ns) and _DEALS not in self._running:
            state.account.needs_deals = False
            self._deals_due_ns = now_ns + DEALS_EVERY_NS
            calls += self._start(_DEALS, pull_deals(state))
        if now_ns >= self.reconciler.due_ns or state.warnings.unproven_symbols:
            calls += self._start(_COMPARE, self.reconciler.run())
        return calls

    def drain(self) -> bool:
        """Stop deciding; True while market orders are on their way whose outcome is about to be shown.

        What rests, or is in doubt, may stay so for long: nobody waits for it.
        """
        state = self._state
        if not state.stream.is_live or state.stream.desk_state is not DeskState.RUNNING:
            return False
        state.stream.is_stopping = True
        return any(
            not order.can_rest and order.status is not OrderStatus.IN_DOUBT
            for order in map(state.account.book.orders.__getitem__, state.account.book.open_orders)
        )

    def on_task_done(self, running: RunningTask) -> None:
        """One of the tasks is over."""
        for name, other in list(self._running.items()):
            if other is running:
                del self._running[name]

    def _start(self, name: str, task: GatewayTask, *, handles_failures: bool = False) -> list[Call]:
        if name in self._running:
            task.close()
            return []
        running, call = self._tasks.start(task, self._state.stream.now.mono_ns, handles_failures=handles_failures)
        if not running.is_done:
            self._running[name] = running
        return [] if call is None else [call]

    def _to_flatten(self, now_ns: int) -> list[str]:
        book, limits = self._state.account.book, self._state.config.limits
        if book.trading is None or not book.trading.flatten:
            return []
        time_ns = self._state.stream.domain_ns(now_ns)
        closed = self._state.warnings.closed_markets.symbols_at(time_ns)
        return [
            symbol
            for symbol in sorted(book.positions)
            if not own_position(book, symbol, limits.foreign_orders).is_flat
            and symbol not in book.open_orders.values()
            and now_ns >= self._flatten_due_ns.get(symbol, 0)
            and symbol not in closed
            and book.instruments[symbol].is_traded(time_ns)
        ]
