"""Order policies: the differences between the two kinds of stream. `order_tracker.py` has what they share.

**Lock-step**, for a recorded stream: the venue waits. An order belongs to the tick of its decision, has no deadline,
and is answered, deals included, before the next tick is decided. Without an answer the request is repeated.

**Live**, for a market that runs by itself: an order is repeated under the same id until its deadline, and fenced after
it. It waits until this process leads the account. Without an answer it is in doubt; a resting order is polled at
growing pauses until it has ended.
"""

from __future__ import annotations

from typing import Final, Protocol

from proto.control import TradingState
from proto.gateway import ErrorCode, ModifyReply, OrderReply
from proto.messages import Signal
from services.portfolio.core.account.book import JOURNAL_CHANGED
from services.portfolio.core.account.order_status import OrderStatus
from services.portfolio.core.account.orders import Order
from services.portfolio.core.decision.order_factory import ORDER_VALIDITY_NS
from services.portfolio.core.decision.signal_decision import DecisionConditions
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
"""Transient refusals: the same request is repeated."""


class OrderPolicy(Protocol):
    """Rules of one kind of stream, used by trackers and by the decision of a tick."""

    transient_errors: frozenset[ErrorCode]
    """Refusals after which the same request is repeated."""
    polls: bool
    """Whether an order is queried until it has ended; otherwise one answer is enough."""
    shows_outcomes: bool
    """Whether runs of denied signals and of refused orders are shown to people."""
    joins_midstream: bool
    """Whether ticks before a symbol's first signal are no gap."""

    outlives_strategies: bool
    """Whether ticks of a symbol are decided without its strategy, as HOLD; otherwise the stream ends with it."""

    @property
    def ordinal(self) -> int:
        """The tick that cancels and modifications belong to; 0 for none."""

    @property
    def epoch(self) -> int:
        """The epoch of requests; 0 without a lease."""

    def order_ordinal(self, order: Order) -> int:
        """The tick that an order belongs to; 0 for none."""

    def conditions(self, signal: Signal) -> DecisionConditions:
        """Circumstances of a decision besides account and ticks, such as the age of its tick."""

    def is_standing(self, order: Order) -> bool:
        """Whether an order rests at the venue and may stay there."""

    def may_be_sent(self, order: Order) -> bool:
        """Whether an order may be sent to the venue; it is fenced otherwise."""

    def awaits_lead(self, order: Order) -> bool:
        """Whether an order that may be sent has to wait until this process leads the account."""

    def deals_due(self, reply: OrderReply | ModifyReply) -> int:
        """Note the state of the venue's book in a reply; the number up to which deals are booked before it applies."""


class LockStepPolicy:
    """Orders of a recorded stream, whose venue waits for the desk."""

    transient_errors = frozenset({ErrorCode.STORAGE})
    polls = False
    shows_outcomes = False
    joins_midstream = False
    outlives_strategies = False

    def __init__(self, state: PortfolioState) -> None:
        """Start with a venue that may have something to trigger, until its first reply."""
        self._state = state
        self.is_quiet = False
        """Nothing rests at the venue that the next tick could trigger."""

    @property
    def ordinal(self) -> int:
        """The last tick decided."""
        return self._state.stream.cursor.ordinal

    @property
    def epoch(self) -> int:
        """0: a recorded stream has one client and no lease."""
        return 0

    def order_ordinal(self, order: Order) -> int:
        """The tick of its decision."""
        return order.decision.ordinal

    def conditions(self, signal: Signal) -> DecisionConditions:
        """The stream waits for the desk: there is no age, no deadline, and no newer quote."""
        warnings = self._state.warnings
        return DecisionConditions(
            storage_problem=warnings.storage_problem, is_unproven=signal.symbol in warnings.unproven_symbols
        )

    def is_standing(self, order: Order) -> bool:
        """True as soon as the venue has accepted the order."""
        return _rests(order)

    def may_be_sent(self, order: Order) -> bool:  # noqa: ARG002 - it has no deadline
        """True: the venue waits at the tick of the order."""
        return True

    def awaits_lead(self, order: Order) -> bool:  # noqa: ARG002 - nothing is leased
        """False: a recorded stream has no lease."""
        return False

    def deals_due(self, reply: OrderReply | ModifyReply) -> int:
        """All deals that the venue had when it replied."""
        self.is_quiet = reply.quiet
        return reply.deal_cursor


class LivePolicy:
    """Orders of a market that runs by itself."""

    transient_errors = TRANSIENT_ERRORS
    polls = True
    shows_outcomes = True
    joins_midstream = True
    outlives_strategies = True

    def __init__(self, state: PortfolioState) -> None:
        """Start without a HELLO due."""
        self._state = state
        self.is_hello_due = False
        """The gateway has restarted, maybe with another journal."""

    @property
    def awaits_hello(self) -> bool:
        """Whether the session must be reopened before anything is sent under the epoch of this process."""
        return self.is_hello_due or self._state.lease.needs_epoch

    @property
    def ordinal(self) -> int:
        """0: the venue acts at once."""
        return 0

    @property
    def epoch(self) -> int:
        """The epoch under which this process leads."""
        return self._state.lease.epoch

    def order_ordinal(self, order: Order) -> int:  # noqa: ARG002 - a live order belongs to no tick
        """0: the venue executes it at the current quote."""
        return 0

    def conditions(self, signal: Signal) -> DecisionConditions:
        """The signal may be late by the venue's clock, and its quote may not be the latest."""
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
        """True unless the order is not allowed at the venue."""
        return _rests(order) and self._is_allowed(order)

    def may_be_sent(self, order: Order) -> bool:
        """True for an allowed order before its deadline and before any request to cancel it."""
        stream = self._state.stream
        is_in_time = stream.domain_ns(stream.now.mono_ns) <= order.valid_until_ns
        return self._is_allowed(order) and is_in_time and not order.cancel_asked

    def awaits_lead(self, order: Order) -> bool:
        """True while HELLO or an epoch is missing; for an opening order also while the lease is missing."""
        lease = self._state.lease
        is_led = not lease.epoch or lease.is_granted
        return self.awaits_hello or (not is_led and self._opens(order))

    def deals_due(self, reply: OrderReply | ModifyReply) -> int:  # noqa: ARG002 - deals have their own task
        """0: deals are pulled independently of orders."""
        return 0

    def _is_allowed(self, order: Order) -> bool:
        """Whether the desk may have an order at the venue.

        No order with an id that another journal may have lost, and none while another portfolio holds the lease.

        A halted desk sends closing orders of FLATTEN and of a person, and nothing else.
        """
        state = self._state
        is_allowed = state.account.book.trading_state is not TradingState.HALTED or order.is_close
        return is_allowed and order.code != JOURNAL_CHANGED and not state.lease.is_superseded

    def _opens(self, order: Order) -> bool:
        book, rest = self._state.account.book, order.volume - order.filled_volume
        return opening_volume(book, order.symbol, order.side, rest, ticket=order.position, before=order.number) > 0


def _rests(order: Order) -> bool:
    return order.can_rest and order.status in (OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED)
