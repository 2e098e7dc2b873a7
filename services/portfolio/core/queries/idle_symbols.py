"""Conditions for symbols of a live desk that get no new orders.

STRATEGY_HOLDS (every signal is HOLD) and ENTRY_RESTS (an entry waits for its price) may be intended; they are INFO and
send no alert. ORDER_UNANSWERED (a market order has no outcome) is a WARNING, because it blocks further orders of the
symbol.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from proto.control import Condition, DeskState, condition
from proto.time import SECOND_NS
from services.portfolio.core.account.order_status import OrderStatus
from services.portfolio.core.account.orders import Cause
from services.portfolio.core.state.portfolio_state import PortfolioState
from services.portfolio.core.state.stream import StreamState
from services.portfolio.core.state.symbol_outcomes import SymbolOutcomes

HOLD_NS: Final = 300_000_000_000
"""Time with only HOLD signals after which STRATEGY_HOLDS is set; a strategy may hold for minutes."""

RESTING_NS: Final = 60_000_000_000
"""Time after which ENTRY_RESTS is set for a resting entry.

Entries near the market are usually filled or canceled sooner.
"""

UNANSWERED_NS: Final = 3_000_000_000
"""Time after which ORDER_UNANSWERED is set for a market order; a venue usually answers it within a second."""


def idle_symbols(state: PortfolioState, mono_ns: int) -> Iterator[Condition]:
    """Yield STRATEGY_HOLDS, ENTRY_RESTS and ORDER_UNANSWERED at monotonic time `mono_ns`; none if `mono_ns` is 0."""
    if not state.stream.is_live or state.stream.desk_state is not DeskState.RUNNING or not mono_ns:
        return
    for symbol in state.config.symbols:
        latest = state.stream.last_signals.get(symbol)
        if latest is None or latest.direction or latest.reason:
            continue  # a HOLD with a reason is not the strategy's own decision; another condition reports it
        held_ns = mono_ns - max(
            state.warnings.outcomes.directed_mono_ns.get(symbol, 0), state.stream.running_since_mono_ns
        )
        if held_ns > HOLD_NS:
            text = f"every signal of the last {held_ns // SECOND_NS} s is HOLD"
            yield condition("STRATEGY_HOLDS", text, subject=symbol)
    now_ns = state.stream.domain_ns(mono_ns)
    for order_id, symbol in state.account.book.open_orders.items():
        order = state.account.book.orders[order_id]
        rested_ns = now_ns - order.created_ns
        if not order.can_rest and order.status is not OrderStatus.IN_DOUBT and order.decision.cause is Cause.SIGNAL:
            yield from _unanswered(state.stream, state.warnings.outcomes, order_id, symbol, mono_ns)
        elif order.can_rest and order.status is OrderStatus.ACCEPTED and rested_ns > RESTING_NS:
            text = f"{order_id} has rested for {rested_ns // SECOND_NS} s at {order.limit_price}"
            yield condition("ENTRY_RESTS", text, subject=symbol)


def _unanswered(
    stream: StreamState, outcomes: SymbolOutcomes, order_id: str, symbol: str, mono_ns: int
) -> Iterator[Condition]:
    """The condition of a market order that has been open for too long."""
    open_ns = mono_ns - max(outcomes.ordered_mono_ns.get(symbol, 0), stream.running_since_mono_ns)
    if open_ns > UNANSWERED_NS:
        yield condition("ORDER_UNANSWERED", f"{order_id} has been open for {open_ns // SECOND_NS} s", subject=symbol)
