"""What one symbol may come to, either way."""

from __future__ import annotations

from services.portfolio.core.risk.exposure import buying_power, check_pct_limit, notional, projected_net_volumes
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(order: OrderProposal, context: RiskContext, _now_ns: int) -> Denial | None:
    """SYMBOL_EXPOSURE past so many percent of leveraged equity."""
    most = context.limits.symbol_exposure_pct_of_power_max
    if most is None:
        return None
    worth = notional(order.instrument, projected_net_volumes(order, context)[order.instrument.symbol], context)
    return check_pct_limit("SYMBOL_EXPOSURE", worth, buying_power(context), most, context)
