"""Scheduler of a lock-step stream: the venue processes tick n + 1 only when portfolio has confirmed tick n.

Each order is answered, and its deals are booked, before portfolio decides the next tick. The venue may fill or end
orders on tick n + 1; the reply to the CONFIRM of tick n reports such events, and portfolio waits for that reply before
it decides tick n + 1. While no order and no stop at the venue can be triggered (`quiet`), portfolio decides ticks
without waiting for the replies.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from proto.control import DeskState, ReconcileReply
from proto.gateway import Confirm, ConfirmReply, DealsReply, GetDeals, HelloReply, OrderStatusQuery, Reply
from proto.messages import Call, MarketHeartbeat, Tick
from proto.time import utc_text
from services.portfolio.core.account.events import (
    CancelRequested,
    Event,
    OrderCreated,
    ProtectionSet,
    Reconciled,
    StreamEnded,
)
from services.portfolio.core.account.order_status import OrderStatus
from services.portfolio.core.account.orders import INCARNATION_CHARS
from services.portfolio.core.decision.signal_queue import SignalQueue
from services.portfolio.core.gateway_client.deals import pull_deals
from services.portfolio.core.gateway_client.effects import Effect, ReportComparison
from services.portfolio.core.gateway_client.order_policy import LockStepPolicy
from services.portfolio.core.gateway_client.order_tracker import OrderTracker
from services.portfolio.core.gateway_client.protection_tracker import track_protection
from services.portfolio.core.gateway_client.reconciliation import find_differences
from services.portfolio.core.gateway_client.scheduler import Decide
from services.portfolio.core.gateway_client.task_runner import EXCLUSIVE, GatewayTask, RunningTask, TaskRunner
from services.portfolio.core.state.portfolio_state import PortfolioState

CONFIRM_EVERY: Final = 256
"""Number of decided ticks after which CONFIRM is sent: far below the default window, so that ticks keep arriving."""

IDLE_CONFIRM_NS_FIRST: Final = 500_000_000
IDLE_CONFIRM_NS_MAX: Final = 2_000_000_000

_CONFIRM: Final = "confirm"
_SENT: Final = (OrderCreated, CancelRequested, ProtectionSet)
"""Events that make portfolio send a request to the venue."""


class LockStepScheduler:
    """Decides one tick after another and confirms the decided ticks to the venue."""

    def __init__(self, state: PortfolioState, tasks: TaskRunner) -> None:
        """Start without a confirmed tick."""
        self.policy = LockStepPolicy(state)
        self._state = state
        self._tasks = tasks
        self._confirmed = -1
        """Ordinal of the latest tick confirmed to the venue; -1 before the first."""
        self._answered = -1
        """Ordinal of the latest tick whose CONFIRM is answered: all events of the next tick at the venue are known."""
        self._order_cursor = -1
        """Number of orders that ticks had ended before a complete fill, according to the latest reply to CONFIRM."""
        self._idle_due_ns = 0
        self._idle_pause_ns = IDLE_CONFIRM_NS_FIRST
        self._is_comparison_asked = False
        self._is_reconciliation_due = False
        """Whether the first reconciliation still waits for deals that the venue has not reported yet."""

    # ------------------------------------------------------------------------------------ the session with the gateway

    def stream_problem(self, hello: HelloReply) -> str:
        """Return a text if the stream is new and does not begin after the account's last tick; empty otherwise."""
        known, seen_ns = self._state.account.book.stream, self._state.stream.cursor.time_ns
        if hello.first_time_ns > seen_ns or (known is not None and known.stream_id == hello.stream_id):
            return ""
        first, last = utc_text(hello.first_time_ns), utc_text(seen_ns)
        return f"the stream begins at {first}, expected it after the account's last tick at {last}"

    def incarnation(self, hello: HelloReply) -> str:
        """Return the first characters of the stream's id, so that a repeated run uses the same order ids."""
        return hello.stream_id[:INCARNATION_CHARS]

    def on_hello(self, hello: HelloReply) -> None:
        """Do nothing: there is no lease, and the last decided tick sets the venue time."""

    def settle(self) -> GatewayTask:
        """Repeat requests that may not have been answered, and apply the reply to the last CONFIRM.

        The desk must have exactly the deals and orders that it would have without the restart. Pulling all deals would
        book too many, because the venue may already have deals which it reports only at a later tick.
        """
        state, book = self._state, self._state.account.book
        had_ended = book.ended is not None
        yield from self._resend()
        ordinal = state.stream.cursor.ordinal
        if ordinal:
            before = yield Confirm(stream_id=state.stream.cursor.stream_id, ordinal=ordinal - 1)
            assert isinstance(before, ConfirmReply)
            self._order_cursor = before.order_cursor
            yield from self._confirm()
        else:
            yield from pull_deals(state, book.deal_cursor)
        if state.warnings.venue_fault:
            return
        if ordinal and book.ended is None:
            yield from self._reconcile_when_reported()
        elif had_ended or not ordinal:  # otherwise `_confirm` has just ended the stream and reconciled
            yield from self._reconcile(at_end=had_ended)
        if state.stream.desk_state is DeskState.FAILED:
            return
        if book.ended is not None:
            state.stream.set_desk_state(DeskState.FINISHED)
        elif ordinal == 0:
            state.stream.set_desk_state(DeskState.WAITING_FOR_SIGNALS, "a signal process for every symbol")
        else:
            state.stream.set_desk_state(DeskState.RUNNING)

    def on_gateway_restart(self) -> None:
        """Confirm again at once, because the restarted venue may not have received the last CONFIRM."""
        self._confirmed = self._answered = -1
        self.policy.is_quiet = False
        self.hurry()

    # ---------------------------------------------------------------------------------------------- ticks and decisions

    def on_market_data(self, message: Tick | MarketHeartbeat) -> None:
        """Do nothing: ticks of watched symbols are decided like signals, and the last decided tick sets the time."""

    def drop_queued_signal(self, queue: SignalQueue) -> bool:  # noqa: ARG002 - no tick may be skipped
        """Return False to drop the new signal; its sender repeats it later."""
        self._state.stream.count_malformed()
        return False

    def advance(self, queue: SignalQueue, decide: Decide) -> list[Call]:
        """Decide every tick, in order, whose signal has arrived and whose preceding deals are booked."""
        stream = self._state.stream
        if stream.desk_state is not DeskState.RUNNING or self._state.warnings.storage_problem:
            return []
        if stream.is_stopping:
            queue.clear()
        cursor, running = stream.cursor, self._tasks.running
        while queue and EXCLUSIVE not in running:
            if not (self.policy.is_quiet or self._answered == cursor.ordinal):
                break
            signal = queue.pop(cursor.ordinal + 1, None)
            if signal is None:
                break
            if calls := decide(signal):
                return calls
            if cursor.ordinal - self._confirmed >= CONFIRM_EVERY:
                return self._send_confirm() + self.advance(queue, decide)
        return []

    def pass_over(self, ordinal: int) -> None:
        """Count the ticks up to `ordinal` as confirmed that would be, had they been decided one by one.

        So the next CONFIRM is due at the same tick, and events at the end of the data belong to the same commit.
        """
        confirmed = self._confirmed + (ordinal - self._confirmed) // CONFIRM_EVERY * CONFIRM_EVERY
        if not self.policy.is_quiet:
            confirmed = ordinal - 1  # each tick waits for the answer on the one before
        if confirmed > self._confirmed:
            self._confirmed = self._answered = confirmed

    def send(self, events: Sequence[Event]) -> list[Call]:
        """Send changes of stops first, then cancels, then new orders; each waits for the answer to the previous one."""
        sent = [event for event in events if isinstance(event, _SENT)]
        return self._tasks.start(EXCLUSIVE, self._submit(sent), self._state.stream.now.mono_ns) if sent else []

    def _submit(self, events: Sequence[OrderCreated | CancelRequested | ProtectionSet]) -> GatewayTask:
        state, policy = self._state, self.policy
        protected, canceled, created = dict[str, None](), list[str](), list[str]()
        for event in events:
            if isinstance(event, OrderCreated):
                created.append(event.order.order_id)
            elif isinstance(event, CancelRequested):
                canceled.append(event.order_id)
            else:
                protected[event.protection.key] = None
        for key in protected:
            yield from track_protection(state, policy, key)
        for order_id in (*canceled, *created):
            yield from OrderTracker(state, policy, order_id).run()

    def _resend(self) -> GatewayTask:
        """Repeat the requests that an earlier process may have sent without receiving the answer."""
        state, policy, book = self._state, self.policy, self._state.account.book
        for key in sorted(book.protections):
            yield from track_protection(state, policy, key)
        orders = list(map(book.orders.__getitem__, book.open_orders))
        canceled = [order.order_id for order in orders if order.cancel_asked]
        unanswered = [order.order_id for order in orders if order.status is OrderStatus.PENDING]
        for order_id in (*canceled, *unanswered):
            yield from OrderTracker(state, policy, order_id).run()
        # The gateway may have repeated a stored reply, which describes an earlier state of the venue's book.
        policy.is_quiet = False

    def _query_open_orders(self) -> GatewayTask:
        """Query the status of every open order, because a tick has changed the status of at least one."""
        for order_id in list(self._state.account.book.open_orders):
            yield from OrderTracker(self._state, self.policy, order_id).ask(OrderStatusQuery(order_id=order_id))
            # Otherwise a quiet book would let portfolio decide the next tick before it has queried every order.
            self.policy.is_quiet = False

    # ------------------------------------------------------------------------------------------------- time and answers

    def on_idle(self) -> list[Call]:
        """Confirm decided ticks; reconcile with the venue if a person has requested it."""
        stream, running = self._state.stream, self._tasks.running
        if self._is_comparison_asked:
            if running:
                return []
            self._is_comparison_asked = False
            return self._tasks.start(EXCLUSIVE, self._compare(), stream.now.mono_ns)
        is_free = stream.desk_state is DeskState.RUNNING and EXCLUSIVE not in running
        if is_free and self._is_reconciliation_due and self._answered == stream.cursor.ordinal:
            return self._tasks.start(EXCLUSIVE, self._reconcile_when_reported(), stream.now.mono_ns)
        return self._send_confirm() if is_free and stream.cursor.ordinal > self._confirmed else []

    def next_due_ns(self, queued: int) -> int | None:  # noqa: ARG002 - queued signals wait for an answer or a tick
        """Return the monotonic time in nanoseconds at which CONFIRM is repeated if no task ends before.

        Args:
            queued: number of waiting signals; they do not change the time.
        """
        return self._idle_due_ns

    def on_timer(self) -> list[Call]:
        """Repeat CONFIRM in an idle stream, because a restarted gateway publishes no tick before it receives one."""
        now_ns = self._state.stream.now.mono_ns
        if now_ns < self._idle_due_ns:
            return []
        self._idle_due_ns = now_ns + self._idle_pause_ns
        self._idle_pause_ns = min(self._idle_pause_ns * 2, IDLE_CONFIRM_NS_MAX)
        return [] if self._tasks.running else self._send_confirm()

    def on_task_done(self) -> None:
        """Reset the pause before the next repeated CONFIRM to its shortest length."""
        self._idle_pause_ns = IDLE_CONFIRM_NS_FIRST
        self._idle_due_ns = self._state.stream.now.mono_ns + IDLE_CONFIRM_NS_FIRST

    def hurry(self) -> None:
        """Let CONFIRM be repeated at once."""
        self._idle_due_ns = self._state.stream.now.mono_ns

    def on_effect(self, effect: Effect) -> None:
        """Do nothing: deals are pulled before the next tick in any case."""

    def on_refusal(self, running: RunningTask, reply: Reply, text: str) -> None:  # noqa: ARG002 - same for all
        """Fail the desk, because no tick can be decided without the answer."""
        self._state.stream.fail_until_restart(text)

    def _send_confirm(self) -> list[Call]:
        if (before := self._tasks.running.get(_CONFIRM)) is not None:
            self._tasks.drop(before)
        self.on_task_done()
        return self._tasks.start(_CONFIRM, self._confirm(), self._state.stream.now.mono_ns)

    def _confirm(self) -> GatewayTask:
        """Confirm the decided ticks and apply the reply; at the end of the data, reconcile and finish."""
        state, policy, book, cursor = self._state, self.policy, self._state.account.book, self._state.stream.cursor
        ordinal = self._confirmed = cursor.ordinal
        reply = yield Confirm(stream_id=cursor.stream_id, ordinal=ordinal)
        assert isinstance(reply, ConfirmReply)
        if ordinal != cursor.ordinal:
            return
        policy.is_quiet = policy.is_quiet and reply.quiet
        while book.deal_cursor < reply.deal_cursor:
            yield from pull_deals(state, book.deal_cursor)
        if reply.order_cursor != self._order_cursor:
            yield from self._query_open_orders()
            self._order_cursor = reply.order_cursor
        if ordinal != cursor.ordinal:
            return  # another tick has been decided since the request: the reply describes an earlier book
        self._answered, policy.is_quiet = ordinal, reply.quiet
        if reply.end_of_data and book.ended is None:
            assert reply.counts is not None
            stream_id, time_ns, counts = cursor.stream_id, cursor.time_ns, reply.counts
            state.account.emit(StreamEnded(stream_id=stream_id, ordinal=ordinal, time_ns=time_ns, counts=counts))
            yield from self._reconcile(at_end=True)
            if state.stream.desk_state is not DeskState.FAILED:
                state.stream.set_desk_state(DeskState.FINISHED)

    # --------------------------------------------------------------------------------------------------- reconciliation

    def request_reconciliation(self) -> None:
        """Request a comparison of ledger and venue; it starts when no task runs."""
        self._is_comparison_asked = True

    def drain(self) -> bool:
        """Return False: the process can end at once, because the next run continues the stream."""
        return False

    def _compare(self) -> GatewayTask:
        differences = yield from find_differences(self._state.account.book, self._state.stream.cursor)
        yield ReportComparison(ReconcileReply(complete=True, differences=differences, error=""))

    def _reconcile_when_reported(self) -> GatewayTask:
        """Reconcile now, or after a later tick if the venue has deals that it has not reported yet."""
        reply = yield GetDeals(after=self._state.account.book.deal_cursor, limit=1)
        assert isinstance(reply, DealsReply)
        self._is_reconciliation_due = bool(reply.deals)
        if not reply.deals:
            yield from self._reconcile(at_end=False)

    def _reconcile(self, *, at_end: bool) -> GatewayTask:
        """Compare ledger and venue, record the result, and fail the desk if there is a difference."""
        state, book, cursor = self._state, self._state.account.book, self._state.stream.cursor
        differences = yield from find_differences(book, cursor)
        state.account.emit(
            Reconciled(ordinal=cursor.ordinal, at_end=at_end, balance=book.balance, differences=differences)
        )
        if differences:
            first = differences[0]
            state.stream.fail_until_restart(
                f"{len(differences)} differences from the venue, the first: {first.kind} {first.subject}: "
                f"ledger {first.ledger}, venue {first.venue}"
            )
