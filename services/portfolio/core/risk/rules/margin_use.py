"""How much of the equity may be tied up as margin."""

from __future__ import annotations

from services.portfolio.core.risk.exposure import check_pct_limit, latest_equity, projected_margin
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(order: OrderProposal, context: RiskContext, _now_ns: int) -> Denial | None:
    """MARGIN_USE past so many percent of equity; the margin is the one that the venue asks for (`proto.trading.money`)."""
    most = context.limits.margin_pct_of_equity_max
    if most is None:
        return None
    return check_pct_limit("MARGIN_USE", projected_margin(order, context), latest_equity(context), most, context)
