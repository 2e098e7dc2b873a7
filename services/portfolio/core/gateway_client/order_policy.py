"""Order policies: how orders of a lock-step stream and of a live stream differ. `order_tracker.py` has the common part.

**Lock-step**, where the venue waits for portfolio: an order belongs to the tick of its decision and has no deadline.
The order is answered, and its deals are booked, before the next tick is decided. An unanswered request is repeated.

**Live**, where the venue does not wait: an order is sent only while this process leads the account. Until its deadline
the order is repeated under the same id; after the deadline it is fenced. An unanswered order is in doubt. A resting
order is queried, with growing pauses, until it has ended.
"""

from __future__ import annotations

from typing import Final, Protocol

from proto.control import TradingState
from proto.gateway import ErrorCode, ModifyReply, OrderReply
from proto.messages import Signal
from services.portfolio.core.account.book import JOURNAL_CHANGED
from services.portfolio.core.account.orders import Order
from services.portfolio.core.decision.order_factory import ORDER_VALIDITY_NS
from services.portfolio.core.decision.signal_decision import LOCK_STEP_CONDITIONS, DecisionConditions
from services.portfolio.core.risk.exposure import opening_volume
from services.portfolio.core.state.portfolio_state import PortfolioState

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
"""Refusals by a live gateway after which the same request is repeated."""


class OrderPolicy(Protocol):
    """Rules for one kind of stream; the trackers and the decision of a tick use them."""

    transient_errors: frozenset[ErrorCode]
    """Refusals after which the same request is repeated."""
    polls: bool
    """Whether an order is queried until it has ended; otherwise tracking ends with the first answer."""
    shows_outcomes: bool
    """Whether consecutive denied signals and consecutive refused orders set a condition."""
    joins_midstream: bool
    """Whether ticks before a symbol's first signal are left out of the count of missing ticks."""

    outlives_strategies: bool
    """Whether ticks of a symbol are decided as HOLD after its strategy has failed; otherwise the desk fails."""

    @property
    def ordinal(self) -> int:
        """Ordinal of the tick that cancels and modifications belong to; 0 in a live stream."""

    @property
    def epoch(self) -> int:
        """The epoch that requests contain; 0 without a lease."""

    def order_ordinal(self, order: Order) -> int:
        """Ordinal of the tick that an order belongs to; 0 in a live stream."""

    def conditions(self, signal: Signal) -> DecisionConditions:
        """Inputs of a signal's decision other than account and ticks, such as the age of the signal's tick."""

    def is_standing(self, order: Order) -> bool:
        """Whether an order rests at the venue and may stay there."""

    def may_be_sent(self, order: Order) -> bool:
        """Whether an order may be sent to the venue; otherwise the order is fenced."""

    def awaits_lead(self, order: Order) -> bool:
        """Whether an order that may be sent has to wait until this process leads the account."""

    def deals_due(self, reply: OrderReply | ModifyReply) -> int:
        """Record the state of the venue's book; return the number of the last deal to book before the reply applies."""


class LockStepPolicy:
    """Rules for orders of a lock-step stream."""

    transient_errors = frozenset({ErrorCode.STORAGE})
    polls = False
    shows_outcomes = False
    joins_midstream = False
    outlives_strategies = False

    def __init__(self, state: PortfolioState) -> None:
        """Assume, until the venue's first reply, that the next tick may trigger an order or a stop there."""
        self._state = state
        self.is_quiet = False
        """Whether no order and no stop at the venue can be triggered by the next tick."""

    @property
    def ordinal(self) -> int:
        """Ordinal of the last tick decided."""
        return self._state.stream.cursor.ordinal

    @property
    def epoch(self) -> int:
        """0: a lock-step stream has one client and no lease."""
        return 0

    def order_ordinal(self, order: Order) -> int:
        """Ordinal of the tick on which the order was decided."""
        return order.decision.ordinal

    def conditions(self, signal: Signal) -> DecisionConditions:
        """Omit tick age, deadline and latest quote, because the venue waits for the decision."""
        warnings = self._state.warnings
        if not warnings.storage_problem and not warnings.unproven_symbols:
            return LOCK_STEP_CONDITIONS
        return DecisionConditions(
            storage_problem=warnings.storage_problem, is_unproven=signal.symbol in warnings.unproven_symbols
        )

    def is_standing(self, order: Order) -> bool:
        """Whether the order can rest and the venue has accepted it."""
        return order.is_resting

    def may_be_sent(self, order: Order) -> bool:  # noqa: ARG002 - no order has a deadline
        """True: the venue waits at the tick of the order."""
        return True

    def awaits_lead(self, order: Order) -> bool:  # noqa: ARG002 - no order needs a lease
        """False: a lock-step stream has no lease."""
        return False

    def deals_due(self, reply: OrderReply | ModifyReply) -> int:
        """The number of the last deal that the venue had when it replied."""
        self.is_quiet = reply.quiet
        return reply.deal_cursor


class LivePolicy:
    """Rules for orders of a live stream."""

    transient_errors = TRANSIENT_ERRORS
    polls = True
    shows_outcomes = True
    joins_midstream = True
    outlives_strategies = True

    def __init__(self, state: PortfolioState) -> None:
        """Start without a HELLO due."""
        self._state = state
        self.is_hello_due = False
        """Whether HELLO must be sent, because the gateway has restarted or has refused the lease as stale."""

    @property
    def awaits_hello(self) -> bool:
        """Whether the session must be reopened before a request is sent under the epoch of this process."""
        return self.is_hello_due or self._state.lease.needs_epoch

    @property
    def ordinal(self) -> int:
        """0: the venue acts at once."""
        return 0

    @property
    def epoch(self) -> int:
        """The epoch of this process; 0 before the first and at a gateway without leases."""
        return self._state.lease.epoch

    def order_ordinal(self, order: Order) -> int:  # noqa: ARG002 - a live order belongs to no tick
        """0: the venue executes it at the current quote."""
        return 0

    def conditions(self, signal: Signal) -> DecisionConditions:
        """Include the signal's age by the venue's clock, the deadline of its orders, the latest quote and the lease."""
        state = self._state
        quote = state.stream.market.quotes.get(signal.symbol)
        venue_ns = state.stream.domain_ns(state.stream.now.mono_ns)
        return DecisionConditions(
            valid_until_ns=signal.time_ns + ORDER_VALIDITY_NS,
            tick_age_ns=venue_ns - signal.time_ns,
            storage_problem=state.warnings.storage_problem,
            latest_bid_ask=None if quote is None else (quote.bid, quote.ask),
            is_unproven=signal.symbol in state.warnings.unproven_symbols,
            lease_problem=state.lease.problem,
            closed_symbols=state.warnings.closed_markets.symbols_at(venue_ns),
        )

    def is_standing(self, order: Order) -> bool:
        """Whether the order rests at the venue and the desk may keep it there."""
        return order.is_resting and self._is_allowed(order)

    def may_be_sent(self, order: Order) -> bool:
        """Whether the desk may have the order at the venue, its deadline has not passed and no cancel is requested."""
        stream = self._state.stream
        is_in_time = stream.domain_ns(stream.now.mono_ns) <= order.valid_until_ns
        return self._is_allowed(order) and is_in_time and not order.cancel_asked

    def awaits_lead(self, order: Order) -> bool:
        """Whether HELLO or an epoch is missing; for an opening order also whether the lease is missing."""
        lease = self._state.lease
        is_led = not lease.epoch or lease.is_granted
        return self.awaits_hello or (not is_led and self._opens(order))

    def deals_due(self, reply: OrderReply | ModifyReply) -> int:  # noqa: ARG002 - deals have their own task
        """0: a task of its own pulls the deals."""
        return 0

    def _is_allowed(self, order: Order) -> bool:
        """Whether the desk may have an order at the venue.

        The answer is no in three cases. The gateway's journal may have lost the order's id. This process no longer
        leads the account. Trading is halted, and the order is not a close by a person or FLATTEN.
        """
        state = self._state
        is_allowed = state.account.book.trading_state is not TradingState.HALTED or order.is_close
        return is_allowed and order.code != JOURNAL_CHANGED and not state.lease.is_superseded

    def _opens(self, order: Order) -> bool:
        book, rest = self._state.account.book, order.volume - order.filled_volume
        return opening_volume(book, order.symbol, order.side, rest, ticket=order.position, before=order.number) > 0
