"""An order's way on a live desk, from its commit to the evidence of what became of it.

Until its deadline the order itself is sent, the same id again and again: the gateway calls the venue for it once, and tells
what is known of it every other time. Silence puts it in doubt. After the deadline it is fenced, again and again: what has had
no effect by then never will have one, and of what was called the fence tells what the venue has shown. Its deals alone fill
it. Nothing else ends a doubt: not time, not a refusal, not a restart.
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
    Reply,
    Request,
    Sell,
)
from services.portfolio.core.account.book import JOURNAL_CHANGED
from services.portfolio.core.account.events import CancelRequested, OrderUpdated
from services.portfolio.core.account.order_status import OrderStatus, can_transition
from services.portfolio.core.account.orders import Order
from services.portfolio.core.gateway_client.doubt_limits import enforce_doubt_limits
from services.portfolio.core.gateway_client.lease import on_order_refused
from services.portfolio.core.gateway_client.reply_events import (
    TERMINAL_STATUSES,
    is_final_reply,
    order_modify_answered,
    order_updated,
)
from services.portfolio.core.gateway_client.requests import cancel_request, modify_request, order_request
from services.portfolio.core.gateway_client.task_runner import GatewayTask, Pause
from services.portfolio.core.risk.exposure import opening_volume
from services.portfolio.core.state.closed_markets import CLOSED_RETRY_NS
from services.portfolio.core.state.portfolio_state import PortfolioState

POLL_NS_FIRST: Final = 100_000_000
POLL_NS_MAX: Final = 2_000_000_000

LOST_JOURNAL_WAIT_NS: Final = 120_000_000_000
"""How long past its deadline an order is watched for whose journal is gone: twice what a history may be late."""

EMPTY_PULLS_MIN: Final = 3

_FILLED: Final = (OrderReplyStatus.FILLED, OrderReplyStatus.PARTIALLY_FILLED)

TRANSIENT_ERRORS: Final = frozenset(
    {
        ErrorCode.VENUE_BUSY,
        ErrorCode.VENUE_DISCONNECTED,
        ErrorCode.WRONG_ACCOUNT,
        ErrorCode.STORAGE,
        ErrorCode.NO_QUOTE,
        ErrorCode.INTERNAL_ERROR,
        ErrorCode.NOT_AVAILABLE,
    }
)
"""Refusals that say "not now": the same question is asked again."""


def track_order(state: PortfolioState, order_id: str) -> GatewayTask:
    """Drive a live order to a terminal status; the task handles failures and ends when the order has."""
    tracker = _OrderTracker(state, order_id)
    while tracker.order.status.is_open and not state.warnings.venue_fault:
        if tracker.waits_for_lease():
            yield Pause(POLL_NS_FIRST)
            continue
        request = tracker.next_request()
        reply = yield request
        if tracker.on_reply(request, reply):
            return
        yield Pause(tracker.pause_ns())


_REFUSALS: Final = (OrderStatus.REJECTED, OrderStatus.EXPIRED, OrderStatus.PRESUMED_EXPIRED)
"""Ends of an order that nothing was executed of, unless it had rested."""


class _OrderTracker:
    """How far one order has come, as this process knows it."""

    def __init__(self, state: PortfolioState, order_id: str) -> None:
        self._state = state
        self._order_id = order_id
        self._asked_mono_ns = state.stream.now.mono_ns
        self._is_timed = False
        self._pulls_before: int | None = None
        """Complete pulls of deals when the settling time of an order was over whose journal is gone."""
        self._pause_ns = POLL_NS_FIRST

    @property
    def order(self) -> Order:
        return self._state.account.book.orders[self._order_id]

    def next_request(self) -> Request:
        """The order itself while it may still have its effect, the fence after; of one that rests, what the desk wants of it."""
        order, epoch = self.order, self._state.lease.epoch
        if self._stands():
            if order.cancel_asked:
                return cancel_request(order, ordinal=0, epoch=epoch)
            if order.revision > order.revision_answered:
                return modify_request(order, ordinal=0, epoch=epoch)
            return OrderStatusQuery(order_id=order.order_id)
        if not self._may_be_sent():
            return Fence(order_id=order.order_id)
        return order_request(order, is_stepped=False, epoch=epoch)

    def _stands(self) -> bool:
        """Whether the order rests at the venue as it is meant to, and the desk does not want all of its orders ended."""
        order = self.order
        is_there = order.status in (OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED)
        return order.can_rest and is_there and self._is_wanted()

    def _is_wanted(self) -> bool:
        """Whether the desk may have this order at the venue, and it is not of a journal that may have forgotten it.

        A halted desk sends what FLATTEN or a person closes, and nothing else.
        """
        order, state = self.order, self._state
        is_allowed = state.account.book.trading_state is not TradingState.HALTED or order.is_close
        return is_allowed and order.code != JOURNAL_CHANGED and not state.lease.is_superseded

    def waits_for_lease(self) -> bool:
        """Whether only the lead is missing to send the order: HELLO, and for an order that opens the lease."""
        state = self._state
        is_led = not state.lease.epoch or state.lease.is_granted
        return self._may_be_sent() and (
            state.lease.needs_hello or state.lease.needs_epoch or (not is_led and self._opens())
        )

    def _opens(self) -> bool:
        order = self.order
        left = order.volume - order.filled_volume
        book = self._state.account.book
        return opening_volume(book, order.symbol, order.side, left, ticket=order.position, before=order.number) > 0

    def _may_be_sent(self) -> bool:
        """Not past its deadline, wanted as the desk stands, and never to a journal that may have forgotten it."""
        order, state = self.order, self._state
        is_due = state.stream.domain_ns(state.stream.now.mono_ns) <= order.valid_until_ns
        return self._is_wanted() and is_due and not order.cancel_asked

    def pause_ns(self) -> int:
        pause, self._pause_ns = self._pause_ns, min(2 * self._pause_ns, POLL_NS_MAX)
        return pause

    def on_reply(self, request: Request, reply: Reply | None) -> bool:
        """Take in an answer, or none; True when it has ended the order."""
        if reply is None:
            self._doubt("NO_ANSWER", "no answer from the gateway: the order may have been executed")
            return False
        if isinstance(reply, ErrorReply):
            self._on_refusal(request, reply)
            return False
        if isinstance(reply, ModifyReply):
            if is_final_reply(reply):
                self._state.account.emit(
                    order_modify_answered(self.order, reply, time_ns=self._state.stream.now.domain_ns)
                )
            return False
        assert isinstance(reply, OrderReply), reply
        if isinstance(request, Buy | Sell):
            self._state.lease.lapsed_refusals = 0
        if reply.status in _FILLED:
            self._on_fill()
        elif (ended := TERMINAL_STATUSES.get(reply.status)) is not None:
            return self._end(ended, reply)
        elif reply.status == OrderReplyStatus.ACCEPTED:
            self._update(OrderStatus.ACCEPTED, reply)
            if reply.error_code is ErrorCode.MARKET_CLOSED:
                # The order cannot be canceled now, and a fence would be refused at each poll.
                state = self._state
                state.warnings.closed_markets.on_refusal(
                    self.order.symbol, state.stream.domain_ns(state.stream.now.mono_ns)
                )
                self._pause_ns = CLOSED_RETRY_NS
            if isinstance(request, Cancel) and reply.error_code is not None:
                # The venue does not let it go (it is about to be executed): the desk does not go on asking.
                now_ns = self._state.stream.now.domain_ns
                self._state.account.emit(CancelRequested(order_id=self._order_id, why="", ordinal=0, time_ns=now_ns))
        else:
            self._doubt(reply.status, reply.error or "the venue was called, and has not shown yet what came of it")
        return False

    def _on_fill(self) -> None:
        """The venue has filled it: its deals are to be had, and they fill the order."""
        state = self._state
        state.account.needs_deals = True
        state.warnings.outcomes.on_acceptance(self.order.symbol)
        if not self._is_timed:
            self._is_timed = True
            state.latencies.order_to_fill.observe(state.stream.now.mono_ns - self._asked_mono_ns)

    def _on_refusal(self, request: Request, reply: ErrorReply) -> None:
        state = self._state
        if on_order_refused(state, reply, request):
            return
        if reply.error_code not in TRANSIENT_ERRORS:
            action = request.__struct_config__.tag
            reason = f"the gateway refused {action} {self._order_id}: {reply.error_code} {reply.error}"
            state.account.restrict_trading(TradingState.HALTED, "GATEWAY_REFUSED", reason, by="gateway")

    def _end(self, ended: OrderStatus, reply: OrderReply) -> bool:
        """What the gateway has said ends the order, unless its journal has forgotten what it did."""
        order, state = self.order, self._state
        if reply.error_code is ErrorCode.ID_CONFLICT:
            reason = f"order id {self._order_id} was given to another effect: {reply.error}"
            state.account.restrict_trading(TradingState.HALTED, "ORDER_CONFLICT", reason, by="gateway")
        if order.code == JOURNAL_CHANGED and ended is OrderStatus.EXPIRED:
            state.account.needs_deals = True
            if not self._has_settled():
                return False
            ended = OrderStatus.PRESUMED_EXPIRED
        self._update(ended, reply)
        if order_is_open := self.order.status.is_open:
            reason = (
                f"the gateway says that order {self._order_id} is {ended}, the ledger has it as {self.order.status}"
            )
            state.account.restrict_trading(TradingState.HALTED, "ORDER_CONFLICT", reason, by="gateway")
        return not order_is_open

    def _has_settled(self) -> bool:
        """The venue has been asked for its deals, and has answered, often enough after the time that a history may be late."""
        state = self._state
        if state.stream.domain_ns(state.stream.now.mono_ns) <= self.order.valid_until_ns + LOST_JOURNAL_WAIT_NS:
            return False
        if self._pulls_before is None:
            self._pulls_before = state.account.deal_pulls
        return state.account.deal_pulls >= self._pulls_before + EMPTY_PULLS_MIN

    def _update(self, status: OrderStatus, reply: OrderReply) -> None:
        order, state = self.order, self._state
        if not can_transition(order.status, status):
            return
        if not status.is_open:
            state.latencies.published_mono_ns.pop(order.order_id, None)
        if status is OrderStatus.PRESUMED_EXPIRED:
            state.warnings.on_presumed_expiry(order.symbol)
        if status is OrderStatus.ACCEPTED and order.can_rest:
            state.warnings.outcomes.on_acceptance(order.symbol)
        elif self._is_refusal(status, reply) and not self._stands():
            state.warnings.outcomes.on_refusal(
                order.symbol, f"{status} {reply.error_code or ''} {reply.error or ''}".strip()
            )
        state.account.emit(order_updated(order, status, reply))

    def _is_refusal(self, status: OrderStatus, reply: OrderReply) -> bool:
        """Whether nothing was executed; one at the market that is canceled was accepted and held back."""
        is_canceled = status is OrderStatus.CANCELED and not self.order.can_rest and not reply.filled_volume
        return status in _REFUSALS or is_canceled

    def _doubt(self, code: str, words: str) -> None:
        order, state = self.order, self._state
        if not can_transition(order.status, OrderStatus.IN_DOUBT) or self._stands():
            return  # that an order rests is known, whoever does not answer
        state.account.emit(
            OrderUpdated(
                order_id=order.order_id,
                status=OrderStatus.IN_DOUBT,
                ticket=None,
                retcode=None,
                code=code,
                error=words[:512],
                time_ns=state.stream.now.domain_ns,
            )
        )
        enforce_doubt_limits(state)
