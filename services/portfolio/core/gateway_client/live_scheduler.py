"""A market that runs by itself: signals are decided as they come, and tasks run beside the decisions.

Each open order, each change of stops, the deals, the lease and the reconciliation have a task of their own, so that an
order in doubt blocks its own symbol and nothing else, and a slow answer holds up no other question. `start_due_tasks`
starts every task that is due and does not run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from proto.control import DeskState, TradingState
from proto.gateway import ErrorReply, HelloReply, Reply
from proto.messages import Call, MarketHeartbeat, Tick
from services.portfolio.core.account.events import CancelRequested, Event, OrderModifyRequested, ProtectionSet
from services.portfolio.core.account.foreign_orders import foreign_policy_problem, own_position
from services.portfolio.core.account.order_status import OrderStatus
from services.portfolio.core.account.orders import Cause
from services.portfolio.core.decision.manual_orders import closing_orders
from services.portfolio.core.decision.signal_queue import SignalQueue
from services.portfolio.core.gateway_client.deals import first_unsettled_deal, pull_deals
from services.portfolio.core.gateway_client.effects import Effect, PullDeals, Reconnect
from services.portfolio.core.gateway_client.lease import on_hello, on_order_refused, renew_lease
from services.portfolio.core.gateway_client.live_reconciliation import Reconciler
from services.portfolio.core.gateway_client.order_policy import LivePolicy
from services.portfolio.core.gateway_client.order_tracker import OrderTracker
from services.portfolio.core.gateway_client.protection_tracker import track_protection
from services.portfolio.core.gateway_client.rollback import check_ids
from services.portfolio.core.gateway_client.scheduler import Decide
from services.portfolio.core.gateway_client.task_runner import EXCLUSIVE, GatewayTask, RunningTask, TaskRunner
from services.portfolio.core.state.portfolio_state import PortfolioState

DEALS_EVERY_NS: Final = 1_000_000_000
"""Interval of polls for deals that no reply announced."""

FLATTEN_RETRY_NS: Final = 5_000_000_000
"""Pause before another close of a position whose closing order had no fill."""

_DEALS, _LEASE, _COMPARE = "deals", "lease", "compare"


class LiveScheduler:
    """The tasks of a live desk, by name: one of each kind, one of each open order and of each change of stops."""

    def __init__(self, state: PortfolioState, tasks: TaskRunner, reconnect: Callable[[str], list[Call]]) -> None:
        """`reconnect` opens the session with the gateway again; it takes a text for people."""
        self.policy = LivePolicy(state)
        self._state = state
        self._tasks = tasks
        self._reconnect = reconnect
        self._deals_due_ns = 0
        """When all deals that may still change are pulled again."""
        self._pull_after: int | None = None
        """The number of a deal after which the venue has deals that were announced."""
        self._flatten_due_ns: dict[str, int] = {}
        self._reconciler = Reconciler(state)

    # ------------------------------------------------------------------------------------ the session with the gateway

    def stream_problem(self, hello: HelloReply) -> str:
        """Accept any stream if the policy for foreign orders fits the account."""
        return foreign_policy_problem(self._state.config.limits.foreign_orders, hello.account_mode)

    def incarnation(self, hello: HelloReply) -> str:  # noqa: ARG002 - it spans streams
        """The incarnation of the ledger."""
        return self._state.account.incarnation

    def on_hello(self, hello: HelloReply) -> None:
        """Set the venue's clock, make sure that no order id is given out twice, and take an epoch."""
        self._state.account.renew_incarnation(hello.now_ns)
        self._state.stream.market.advance_clock(hello.now_ns, self._state.stream.now.mono_ns)
        check_ids(self._state, hello)
        on_hello(self._state, hello)
        self.policy.is_hello_due = False

    def settle(self) -> GatewayTask:
        """Book missed deals and reconcile; open orders block their symbols until their own tasks settle them."""
        state = self._state
        yield from pull_deals(state, first_unsettled_deal(state))
        if state.warnings.venue_fault:
            return
        yield from self._reconciler.run(is_start=True)
        if state.stream.desk_state is not DeskState.FAILED:
            state.stream.set_desk_state(DeskState.RUNNING)

    def on_gateway_restart(self) -> None:
        """The journal may be another one: HELLO comes first."""
        self.policy.is_hello_due = True

    # ---------------------------------------------------------------------------------------------- ticks and decisions

    def on_market_data(self, message: Tick | MarketHeartbeat) -> None:
        """Note the market's clock and quotes."""
        self._state.stream.market.on_message(message, self._state.stream.now.mono_ns)

    def make_room(self, queue: SignalQueue) -> bool:
        """Drop the oldest signal."""
        queue.drop_oldest()
        return True

    def advance(self, queue: SignalQueue, decide: Decide) -> list[Call]:
        """Decide the oldest signals, unless the session with the gateway is being opened."""
        stream = self._state.stream
        if stream.desk_state is not DeskState.RUNNING or not queue:
            return []
        if stream.is_stopping:
            queue.clear()
        calls: list[Call] = []
        for ordinal in queue.next_live() if EXCLUSIVE not in self._tasks.running else ():
            signal = queue.pop(ordinal)
            stream.market.advance_clock(signal.time_ns, stream.now.mono_ns)
            calls += decide(signal)
        return calls

    def send(self, events: Sequence[Event]) -> list[Call]:
        """Stops first, then changes of orders, then orders; a task in a pause resumes, since it has news to send."""
        now_ns = self._state.stream.now.mono_ns
        calls: list[Call] = []
        for event in events:
            if isinstance(event, ProtectionSet):
                calls += self._tasks.resume(_stops_task(event.protection.key), now_ns)
        for event in events:
            if isinstance(event, CancelRequested | OrderModifyRequested):
                calls += self._tasks.resume(event.order_id, now_ns)
        return calls + self.start_due_tasks()

    # ------------------------------------------------------------------------------------------------- time and answers

    def on_idle(self) -> list[Call]:
        """Start due tasks; reopen the session if the gateway or the lease requires it."""
        if self._state.stream.desk_state is not DeskState.RUNNING or EXCLUSIVE in self._tasks.running:
            return []
        if self.policy.awaits_hello:
            return self._reconnect("the gateway, which has restarted")
        return self.start_due_tasks()

    def next_due_ns(self, queued: int) -> int | None:
        """At once while signals wait; else when a periodic task that does not run is due."""
        running, dues = self._tasks.running, list[int]()
        if queued and EXCLUSIVE not in running:
            return 0
        if _DEALS not in running:
            dues.append(self._deals_due_ns)
        if _COMPARE not in running and not self._state.warnings.storage_problem:
            dues.append(0 if self._state.warnings.unproven_symbols else self._reconciler.due_ns)
        return min(dues, default=None)

    def on_timer(self) -> list[Call]:
        """Start due tasks."""
        return self.start_due_tasks()

    def on_task_done(self) -> None:
        """Do nothing: a live market goes on without CONFIRM."""

    def hurry(self) -> None:
        """Do nothing: a live market goes on without CONFIRM."""

    def on_effect(self, effect: Effect) -> None:
        """Schedule a pull of deals, or a reopened session, for the end of the turn."""
        match effect:
            case PullDeals(after=after):
                after = self._state.account.book.deal_cursor if after is None else after
                self._pull_after = after if self._pull_after is None else min(after, self._pull_after)
            case Reconnect():
                self.policy.is_hello_due = True

    def on_refusal(self, running: RunningTask, reply: Reply, text: str) -> None:
        """Halt; where the session itself was refused, stop."""
        if running.name == EXCLUSIVE:
            self._state.stream.fail_until_restart(text)
        elif not (isinstance(reply, ErrorReply) and on_order_refused(self._state.lease, reply, running.request)):
            self._state.account.restrict_trading(TradingState.HALTED, "GATEWAY_REFUSED", text, by="gateway")

    def start_due_tasks(self) -> list[Call]:
        """Make the closing orders of FLATTEN, start every task that is due, and return their first calls."""
        state, now_ns, running = self._state, self._state.stream.now.mono_ns, self._tasks.running
        if state.stream.desk_state is not DeskState.RUNNING or state.warnings.storage_problem:
            self._deals_due_ns = max(self._deals_due_ns, now_ns + DEALS_EVERY_NS)
            return []
        state.lease.watch(now_ns)
        calls: list[Call] = []
        if (
            state.lease.epoch
            and not state.lease.is_superseded
            and not self.policy.is_hello_due
            and _LEASE not in running
        ):
            calls += self._tasks.start(_LEASE, renew_lease(state, self.policy), now_ns, handles_failures=True)
        for symbol in self._to_flatten(now_ns):
            self._flatten_due_ns[symbol] = now_ns + FLATTEN_RETRY_NS
            assert state.account.book.trading is not None
            for made in closing_orders(state, symbol, cause=Cause.FLATTEN, reason=state.account.book.trading.reason):
                state.account.emit(made)
        for key, guard in state.account.book.protections.items():
            if guard.is_in_flight and not state.lease.is_superseded and (name := _stops_task(key)) not in running:
                task = track_protection(state, self.policy, key)
                calls += self._tasks.start(name, task, now_ns, handles_failures=True)
        for order_id in list(state.account.book.open_orders):
            if order_id not in running:
                tracker = OrderTracker(state, self.policy, order_id)
                calls += self._tasks.start(order_id, tracker.run(), now_ns, handles_failures=True)
        if (now_ns >= self._deals_due_ns or self._pull_after is not None) and _DEALS not in running:
            calls += self._tasks.start(_DEALS, self._pull_deals(now_ns), now_ns)
        if (now_ns >= self._reconciler.due_ns or state.warnings.unproven_symbols) and _COMPARE not in running:
            calls += self._tasks.start(_COMPARE, self._reconciler.run(), now_ns)
        return calls

    def _pull_deals(self, now_ns: int) -> GatewayTask:
        """Pull announced deals; once a second all deals that the venue may have shown late, below others."""
        first, self._pull_after = self._pull_after, None
        is_periodic = now_ns >= self._deals_due_ns
        if is_periodic:
            self._deals_due_ns = now_ns + DEALS_EVERY_NS
            unsettled = first_unsettled_deal(self._state)
            first = unsettled if first is None else min(first, unsettled)
        assert first is not None, "a pull is due or was announced"
        yield from pull_deals(self._state, first)
        if is_periodic:
            self._state.account.on_deals_pulled()

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

    # --------------------------------------------------------------------------------------------------------- commands

    def request_reconciliation(self) -> None:
        """Compare soon, from the beginning."""
        self._reconciler.request_full()

    def drain(self) -> bool:
        """Stop deciding; True while market orders await their outcome.

        Resting orders and orders in doubt are not awaited: they may stay open for long.
        """
        stream, book = self._state.stream, self._state.account.book
        if stream.desk_state is not DeskState.RUNNING:
            return False
        stream.stop()
        return any(
            not order.can_rest and order.status is not OrderStatus.IN_DOUBT
            for order in map(book.orders.__getitem__, book.open_orders)
        )


def _stops_task(key: str) -> str:
    return f"stops of {key}"
