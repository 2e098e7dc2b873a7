"""Scheduler of a live stream: signals are decided as they arrive, while tasks wait for the gateway.

Each open order and each change of stops has its own task. The pull of deals, the lease and the reconciliation have one
task each. An order in doubt therefore blocks only its own symbol, and a slow reply delays no other request.
`start_due_tasks` starts each task that is due and not yet running.
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
from services.portfolio.core.gateway_client.deals import last_settled_deal, pull_deals
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
"""Interval at which deals are pulled even if no reply has announced a deal."""

FLATTEN_RETRY_NS: Final = 5_000_000_000
"""Least time between two attempts of FLATTEN to close the position of a symbol."""

_DEALS, _LEASE, _COMPARE = "deals", "lease", "compare"


class LiveScheduler:
    """Starts the tasks of a live desk and decides its signals."""

    def __init__(self, state: PortfolioState, tasks: TaskRunner, reconnect: Callable[[str], list[Call]]) -> None:
        """Start with all periodic tasks due.

        Args:
            state: the owners of the desk's state.
            tasks: runs the tasks.
            reconnect: reopens the session with the gateway; its argument names the awaited event in the status.
        """
        self.policy = LivePolicy(state)
        self._state = state
        self._tasks = tasks
        self._reconnect = reconnect
        self._deals_due_ns = 0
        """Monotonic time of the next periodic pull, which covers all deals recent enough to be incomplete."""
        self._pull_after: int | None = None
        """Announced deals have numbers above this one; None if no deal is announced."""
        self._flatten_due_ns: dict[str, int] = {}
        self._reconciler = Reconciler(state)

    # ------------------------------------------------------------------------------------ the session with the gateway

    def stream_problem(self, hello: HelloReply) -> str:
        """Return why the policy for foreign orders cannot work on this account; empty if it can."""
        return foreign_policy_problem(self._state.config.limits.foreign_orders, hello.account_mode)

    def incarnation(self, hello: HelloReply) -> str:  # noqa: ARG002 - an incarnation spans live streams
        """Return the incarnation that this process uses."""
        return self._state.account.incarnation

    def on_hello(self, hello: HelloReply) -> None:
        """Set the venue's clock, ensure that no order id is used twice, and take an epoch."""
        self._state.account.renew_incarnation(hello.now_ns)
        self._state.stream.market.advance_clock(hello.now_ns, self._state.stream.now.mono_ns)
        check_ids(self._state, hello)
        on_hello(self._state, hello)
        self.policy.is_hello_due = False

    def settle(self) -> GatewayTask:
        """Book missed deals and reconcile; each open order blocks its symbol until its own task settles the order."""
        state = self._state
        yield from pull_deals(state, last_settled_deal(state))
        if state.warnings.venue_fault:
            return
        yield from self._reconciler.run(is_start=True)
        if state.stream.desk_state is not DeskState.FAILED:
            state.stream.set_desk_state(DeskState.RUNNING)

    def on_gateway_restart(self) -> None:
        """Require HELLO before the next request, because the gateway may have another journal."""
        self.policy.is_hello_due = True

    # ---------------------------------------------------------------------------------------------- ticks and decisions

    def on_market_data(self, message: Tick | MarketHeartbeat) -> None:
        """Record the venue time and the quotes of a message."""
        self._state.stream.market.on_message(message, self._state.stream.now.mono_ns)

    def drop_queued_signal(self, queue: SignalQueue) -> bool:
        """Drop the oldest signal of a full queue; return True, because the new signal can be queued."""
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

    def pass_over(self, ordinal: int) -> None:
        """Do nothing: live ticks are decided one by one.

        Args:
            ordinal: number of the latest tick.
        """

    def send(self, events: Sequence[Event]) -> list[Call]:
        """Send changes of stops first, then changes of orders, then new orders.

        A paused task of a changed order or stop resumes at once, because it has a new request to send.
        """
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
        """Start due tasks, or reopen the session if the gateway has restarted or this process needs a new epoch."""
        if self._state.stream.desk_state is not DeskState.RUNNING or EXCLUSIVE in self._tasks.running:
            return []
        if self.policy.awaits_hello:
            return self._reconnect("the gateway, which has restarted")
        return self.start_due_tasks()

    def next_due_ns(self, queued: int) -> int | None:
        """Return the monotonic time in nanoseconds at which the next task is due.

        Args:
            queued: number of waiting signals; unless it is 0 or the session is being opened, `on_timer` is due at once.
        """
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
        """Do nothing: a live stream continues without CONFIRM."""

    def hurry(self) -> None:
        """Do nothing: a live stream continues without CONFIRM."""

    def on_effect(self, effect: Effect) -> None:
        """Schedule a pull of deals, or HELLO, for the end of the turn."""
        match effect:
            case PullDeals(after=after):
                after = self._state.account.book.deal_cursor if after is None else after
                self._pull_after = after if self._pull_after is None else min(after, self._pull_after)
            case Reconnect():
                self.policy.is_hello_due = True

    def on_refusal(self, running: RunningTask, reply: Reply, text: str) -> None:
        """Fail the desk if the session was refused; halt trading for any refusal that is not about the lease."""
        if running.name == EXCLUSIVE:
            self._state.stream.fail_until_restart(text)
        elif not (isinstance(reply, ErrorReply) and on_order_refused(self._state.lease, reply, running.request)):
            self._state.account.restrict_trading(TradingState.HALTED, "GATEWAY_REFUSED", text, by="gateway")

    def start_due_tasks(self) -> list[Call]:
        """Make the closing orders of FLATTEN, start every due task, and return the first calls of these tasks."""
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
        """Pull announced deals; once a second also recent ones, among which the venue may show a deal late."""
        first, self._pull_after = self._pull_after, None
        is_periodic = now_ns >= self._deals_due_ns
        if is_periodic:
            self._deals_due_ns = now_ns + DEALS_EVERY_NS
            settled = last_settled_deal(self._state)
            first = settled if first is None else min(first, settled)
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
        """Request a reconciliation of the whole account; it starts with the next due tasks."""
        self._reconciler.request_full()

    def drain(self) -> bool:
        """Decide no further signals; return whether a market order still has no outcome.

        Resting orders and orders in doubt do not count, because they may stay open for a long time.
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
