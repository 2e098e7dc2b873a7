"""A halted desk sends nothing on a signal; one that may only reduce opens nothing. A person may close in any state."""

from __future__ import annotations

from proto.control import TradingState
from proto.trading.units import decimal_text
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(order: OrderProposal, context: RiskContext, _now_ns: int) -> Denial | None:
    """HALTED but for a close by hand, or REDUCE_ONLY for an order that opens."""
    state = context.book.trading_state
    if state is TradingState.HALTED and (order.opening_volume > 0 or not order.is_manual):
        return Denial("HALTED", TradingState.ACTIVE, state)
    if state is TradingState.REDUCE_ONLY and order.opening_volume > 0:
        return Denial("REDUCE_ONLY", "0 lots", f"{decimal_text(order.opening_volume)} lots")
    return None
