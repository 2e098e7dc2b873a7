"""The same order again and again is a strategy, or a desk, that has run away."""

from __future__ import annotations

from proto.control import TradingState
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(order: OrderProposal, context: RiskContext, _now_ns: int) -> Denial | None:
    """REPEATED_ORDERS past so many of one symbol and direction in a row: the desk halts."""
    most = context.limits.repeated_orders_max
    run = context.risk_state.runs.get(order.instrument.symbol, 0) * order.direction
    if most is None or run < most:
        return None
    return Denial("REPEATED_ORDERS", f"{most} in a row", str(run + 1), TradingState.HALTED)
