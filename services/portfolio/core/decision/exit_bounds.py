"""Bounds of the ticks at which the exits of a lock-step stream make an event (`exits.py`)."""

from __future__ import annotations

import math
from typing import Final

from marketdata.tick_bounds import TickBounds
from proto.control import TradingState
from services.portfolio.core.account.order_status import OrderStatus
from services.portfolio.core.account.orders import Order
from services.portfolio.core.account.protection import Protection, trailing_touch
from services.portfolio.core.decision.exits import exit_context, resting_proposal
from services.portfolio.core.decision.signal_decision import DecisionConditions
from services.portfolio.core.risk.checks import outlook
from services.portfolio.core.risk.rule import Phase
from services.portfolio.core.state.portfolio_state import PortfolioState

_UNANSWERED: Final = (OrderStatus.PENDING, OrderStatus.IN_DOUBT)


def add_exit_bounds(state: PortfolioState, bounds: TickBounds) -> None:
    """Narrow `bounds` to the ticks at which stops move, positions are closed, or resting entries are canceled.

    They hold until the next event of the account. An open request to the venue has every tick.
    """
    book = state.account.book
    for guard in book.protections.values():
        if guard.is_in_flight:
            bounds.every_tick("stops in flight")
        elif guard.symbol in bounds.symbols:
            _add_protection(guard, state, bounds)
    for order_id in book.open_orders:
        order = book.orders[order_id]
        if order.status in _UNANSWERED or order.cancel_asked or order.revision > order.revision_answered:
            bounds.every_tick("orders in flight")
        elif order.can_rest:
            _add_resting_order(order, state, bounds)


def _add_protection(guard: Protection, state: PortfolioState, bounds: TickBounds) -> None:
    """Add the prices from which on the stop moves, and the time of the exit.

    A time that is over waits for the next session, or for the end of an open order.
    """
    book, symbol = state.account.book, guard.symbol
    if guard.exit_ns:
        bounds.tick_from(symbol, guard.exit_ns)
    if not guard.trailing_stop_points:
        return
    direction = book.position(symbol).leg(guard.position).direction
    touch = trailing_touch(guard, direction=direction, instrument=book.instruments[symbol])
    if touch is None:
        bounds.tick_from(symbol, 0)
    else:
        (bounds.bid_at_least if direction > 0 else bounds.ask_at_most)(symbol, touch)


def _add_resting_order(order: Order, state: PortfolioState, bounds: TickBounds) -> None:
    """Add the time from which on a rule may deny a resting order that would open."""
    book, stream = state.account.book, state.stream
    proposal = resting_proposal(order, book, confidence=0.0)
    if not proposal.opening_volume:
        return
    conditions = DecisionConditions(storage_problem=state.warnings.storage_problem)
    context = exit_context(book, stream, state.config, conditions)
    past_rules = [passed.code for passed in order.decision.past_rules]
    found = outlook(Phase.RESTING, proposal, context, stream.cursor.time_ns, past_rules)
    if found.uncertain:
        bounds.every_tick(found.uncertain[0])
    until_ns = found.until_ns if found.denial is None and found.confidence_min == -math.inf else 0
    if book.trading_state is not TradingState.ACTIVE:
        bounds.any_tick_from(until_ns)
    elif order.symbol in bounds.symbols:
        bounds.tick_from(order.symbol, until_ns)
