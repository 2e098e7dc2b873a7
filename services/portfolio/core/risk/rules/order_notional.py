"""No single order opens more than a part of what the account could hold."""

from __future__ import annotations

from services.portfolio.core.risk.exposure import buying_power, check_pct_limit, notional
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(order: OrderProposal, context: RiskContext, _now_ns: int) -> Denial | None:
    """ORDER_NOTIONAL past so many percent of leveraged equity."""
    most = context.limits.order_notional_pct_of_power_max
    if most is None:
        return None
    worth = notional(order.instrument, order.opening_volume, context)
    return check_pct_limit("ORDER_NOTIONAL", worth, buying_power(context), most, context)
