"""Tracks an order from its commit in the ledger to a terminal status, in live and in lock-step streams.

The order is sent under one id until it is answered. The gateway executes an id at most once and answers a repetition
from its journal. Only deals fill an order; in a lock-step stream they are booked before the reply's status applies. An
order is in doubt if no answer arrives, or if the venue does not yet show the order. A fence ends an order that has had
no effect, and cancels a resting order. Only a record of venue or gateway ends the doubt; a refusal or a restart does
not. An order of a lost journal may have no such record: it is presumed to have expired after `LOST_JOURNAL_WAIT_NS`
and further pulls of deals. The policy decides when to send, fence, wait and query (`order_policy.py`).
"""

from __future__ import annotations

from typing import Final

from proto.control import TradingState
from proto.gateway import (
    Buy,
    Cancel,
    ErrorCode,
    ErrorReply,
    Fence,
    ModifyReply,
    OrderReply,
    OrderReplyStatus,
    OrderStatusQuery,
    Request,
    Sell,
)
from services.portfolio.core.account.book import JOURNAL_CHANGED
from services.portfolio.core.account.events import CancelRequested, OrderUpdated
from services.portfolio.core.account.order_status import OrderStatus, can_transition
from services.portfolio.core.account.orders import Order
from services.portfolio.core.gateway_client.deals import pull_deals
from services.portfolio.core.gateway_client.doubt_limits import enforce_doubt_limits
from services.portfolio.core.gateway_client.effects import Pause, PullDeals
from services.portfolio.core.gateway_client.lease import on_order_refused
from services.portfolio.core.gateway_client.order_policy import OrderPolicy
from services.portfolio.core.gateway_client.reply_events import (
    TERMINAL_STATUSES,
    is_final_reply,
    order_modify_answered,
    order_updated,
)
from services.portfolio.core.gateway_client.requests import cancel_request, modify_request, order_request
from services.portfolio.core.gateway_client.task_runner import GatewayTask
from services.portfolio.core.state.closed_markets import CLOSED_RETRY_NS
from services.portfolio.core.state.portfolio_state import PortfolioState

POLL_NS_FIRST: Final = 100_000_000
POLL_NS_MAX: Final = 2_000_000_000

LOST_JOURNAL_WAIT_NS: Final = 120_000_000_000
"""Shortest time for which an order of a lost journal stays in doubt after the order's deadline.

It is twice the longest delay of the venue's history.
"""

EMPTY_PULLS_MIN: Final = 3
"""Number of complete pulls of deals, after `LOST_JOURNAL_WAIT_NS`, before the order is presumed to have expired."""

_EXECUTED: Final = (OrderReplyStatus.FILLED, OrderReplyStatus.PARTIALLY_FILLED)
_REFUSED: Final = (OrderStatus.REJECTED, OrderStatus.EXPIRED, OrderStatus.PRESUMED_EXPIRED)
"""Terminal statuses that count as a refusal of the order."""


class OrderTracker:
    """Tracks one order of the book."""

    def __init__(self, state: PortfolioState, policy: OrderPolicy, order_id: str) -> None:
        """Begin to track the order `order_id`."""
        self._state = state
        self._policy = policy
        self._order_id = order_id
        self._started_mono_ns = state.stream.now.mono_ns
        self._is_timed = False
        self._pulls_at_end_of_wait: int | None = None
        """Number of complete pulls of deals when `LOST_JOURNAL_WAIT_NS` was over; None before."""
        self._pause_ns = POLL_NS_FIRST

    @property
    def _order(self) -> Order:
        return self._state.account.book.orders[self._order_id]

    def run(self) -> GatewayTask:
        """Send the order's next request; in a live stream send further requests until the order has ended."""
        policy, warnings = self._policy, self._state.warnings
        while (order := self._order).status.is_open and not warnings.venue_fault:
            request = self._next_request(order)
            if request is None:
                yield Pause(POLL_NS_FIRST)
                continue
            yield from self.ask(request)
            if not policy.polls or not self._order.status.is_open:
                return
            pause_ns, self._pause_ns = self._pause_ns, min(2 * self._pause_ns, POLL_NS_MAX)
            yield Pause(pause_ns)

    def ask(self, request: Request) -> GatewayTask:
        """Send one request about the order and apply the reply."""
        reply = yield request
        if reply is None:
            self._put_in_doubt("NO_ANSWER", "no answer from the gateway: the order may have been executed")
        elif isinstance(reply, ErrorReply):
            self._on_refusal(request, reply)
        elif isinstance(reply, ModifyReply):
            if is_final_reply(reply):
                self._state.account.emit(order_modify_answered(self._order, reply, time_ns=self._time_ns()))
        else:
            assert isinstance(reply, OrderReply), reply
            yield from self._on_reply(request, reply)

    def _next_request(self, order: Order) -> Request | None:
        """The next request for the order; None while the order has to wait.

        For a resting order: its cancel, its modification or a query. For any other: the order itself while it may be
        sent, then the fence.
        """
        policy = self._policy
        if policy.is_standing(order):
            if order.cancel_asked:
                return cancel_request(order, ordinal=policy.ordinal, epoch=policy.epoch)
            if order.revision > order.revision_answered:
                return modify_request(order, ordinal=policy.ordinal, epoch=policy.epoch)
            return OrderStatusQuery(order_id=order.order_id)
        if not policy.may_be_sent(order):
            return Fence(order_id=order.order_id)
        if policy.awaits_lead(order):
            return None
        return order_request(order, ordinal=policy.order_ordinal(order), epoch=policy.epoch)

    def _on_reply(self, request: Request, reply: OrderReply) -> GatewayTask:
        state, policy = self._state, self._policy
        deals_due = policy.deals_due(reply)
        while state.account.book.deal_cursor < deals_due:
            yield from pull_deals(state, state.account.book.deal_cursor)
        if state.lease.lapsed_refusals and isinstance(request, Buy | Sell):
            state.lease.on_order_taken()
        if reply.status in _EXECUTED:
            self._on_fill()
            if policy.polls:
                yield PullDeals()
        elif (ended := TERMINAL_STATUSES.get(reply.status)) is not None:
            if self._order.code == JOURNAL_CHANGED and ended is OrderStatus.EXPIRED:
                yield PullDeals()
            self._end(ended, reply)
        elif reply.status == OrderReplyStatus.ACCEPTED:
            self._update(OrderStatus.ACCEPTED, reply)
        else:
            self._put_in_doubt(reply.status, reply.error or "the venue was called, and does not show the outcome yet")
        if reply.error_code is not None and reply.status in (
            OrderReplyStatus.ACCEPTED,
            OrderReplyStatus.PARTIALLY_FILLED,
        ):
            self._on_refused_end(request, reply)

    def _on_refused_end(self, request: Request, reply: OrderReply) -> None:
        """Handle the refusal of a cancel or fence: the venue is executing the order, or the market is closed.

        A refused cancel is withdrawn.
        """
        state = self._state
        if reply.error_code is ErrorCode.MARKET_CLOSED:
            # The venue would refuse the fence again at each poll, so the pause is longer.
            state.warnings.closed_markets.on_refusal(self._order.symbol, self._time_ns())
            self._pause_ns = CLOSED_RETRY_NS
        if isinstance(request, Cancel) and self._order.status.is_open:
            ordinal, time_ns = self._policy.ordinal, self._time_ns()
            state.account.emit(CancelRequested(order_id=self._order_id, why="", ordinal=ordinal, time_ns=time_ns))

    def _on_fill(self) -> None:
        """Record that the venue has executed the order at least in part; in the book only deals fill the order."""
        state = self._state
        state.warnings.outcomes.on_acceptance(self._order.symbol)
        if not self._is_timed:
            self._is_timed = True
            state.latencies.order_to_fill.observe(state.stream.now.mono_ns - self._started_mono_ns)

    def _on_refusal(self, request: Request, reply: ErrorReply) -> None:
        """Halt trading, unless the refusal concerns the lease or is transient."""
        state = self._state
        if on_order_refused(state.lease, reply, request) or reply.error_code in self._policy.transient_errors:
            return
        action = request.__struct_config__.tag
        reason = f"the gateway refused {action} {self._order_id}: {reply.error_code} {reply.error}"
        state.account.restrict_trading(TradingState.HALTED, "GATEWAY_REFUSED", reason, by="gateway")

    def _end(self, ended: OrderStatus, reply: OrderReply) -> None:
        """End the order with the status that the gateway reports.

        If the journal was replaced, EXPIRED is no proof: the old journal may have recorded an execution. The order then
        stays open until enough pulls have found no deal, and is presumed to have expired.
        """
        order, account = self._order, self._state.account
        if reply.error_code is ErrorCode.ID_CONFLICT:
            reason = f"order id {self._order_id} is already used for a different order: {reply.error}"
            account.restrict_trading(TradingState.HALTED, "ORDER_CONFLICT", reason, by="gateway")
        if order.code == JOURNAL_CHANGED and ended is OrderStatus.EXPIRED:
            if not self._has_settled():
                return
            ended = OrderStatus.PRESUMED_EXPIRED
        self._update(ended, reply)
        if self._order.status.is_open:
            reason = f"the gateway reports order {self._order_id} as {ended}, the ledger as {self._order.status}"
            account.restrict_trading(TradingState.HALTED, "ORDER_CONFLICT", reason, by="gateway")

    def _has_settled(self) -> bool:
        """Whether the deals were pulled `EMPTY_PULLS_MIN` times after `LOST_JOURNAL_WAIT_NS`."""
        account = self._state.account
        if self._time_ns() <= self._order.valid_until_ns + LOST_JOURNAL_WAIT_NS:
            return False
        if self._pulls_at_end_of_wait is None:
            self._pulls_at_end_of_wait = account.deal_pulls
        return account.deal_pulls >= self._pulls_at_end_of_wait + EMPTY_PULLS_MIN

    def _update(self, status: OrderStatus, reply: OrderReply) -> None:
        order, state = self._order, self._state
        if not can_transition(order.status, status):
            return
        if not status.is_open:
            state.latencies.on_order_end(order.order_id)
        if status is OrderStatus.PRESUMED_EXPIRED:
            state.warnings.on_presumed_expiry(order.symbol)
        if status is OrderStatus.ACCEPTED and order.can_rest:
            state.warnings.outcomes.on_acceptance(order.symbol)
        elif self._policy.shows_outcomes and _is_refusal(order, status, reply) and not self._policy.is_standing(order):
            text = f"{status} {reply.error_code or ''} {reply.error or ''}".strip()
            state.warnings.outcomes.on_refusal(order.symbol, text)
        state.account.emit(order_updated(order, status, reply))

    def _put_in_doubt(self, code: str, text: str) -> None:
        order, state = self._order, self._state
        if not can_transition(order.status, OrderStatus.IN_DOUBT) or self._policy.is_standing(order):
            return  # the order is known to rest at the venue
        state.account.emit(
            OrderUpdated(
                order_id=order.order_id,
                status=OrderStatus.IN_DOUBT,
                ticket=None,
                retcode=None,
                code=code,
                error=text[:512],
                time_ns=self._time_ns(),
            )
        )
        enforce_doubt_limits(state.account, state.config)

    def _time_ns(self) -> int:
        stream = self._state.stream
        return stream.domain_ns(stream.now.mono_ns)


def _is_refusal(order: Order, status: OrderStatus, reply: OrderReply) -> bool:
    """Whether the status means a refusal; a market order canceled without a fill counts as refused."""
    is_canceled = status is OrderStatus.CANCELED and not order.can_rest and not reply.filled_volume
    return status in _REFUSED or is_canceled
