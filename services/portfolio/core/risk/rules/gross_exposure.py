"""What all symbols together may come to, long and short added up."""

from __future__ import annotations

from services.portfolio.core.risk.exposure import buying_power, check_pct_limit, gross_exposure
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(order: OrderProposal, context: RiskContext, _now_ns: int) -> Denial | None:
    """GROSS_EXPOSURE past so many percent of leveraged equity."""
    most = context.limits.gross_exposure_pct_of_power_max
    if most is None:
        return None
    return check_pct_limit("GROSS_EXPOSURE", gross_exposure(order, context), buying_power(context), most, context)
