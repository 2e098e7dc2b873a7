"""A signal must be sure enough."""

from __future__ import annotations

from proto.trading.units import decimal_text, to_decimal
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(order: OrderProposal, context: RiskContext, _now_ns: int) -> Denial | None:
    """CONFIDENCE below the floor, and for what is no probability."""
    if not 0 <= order.confidence <= 1:
        return Denial("CONFIDENCE", "0 to 1", f"{order.confidence:g}")
    least = context.limits.confidence_min
    if least is None or to_decimal(order.confidence) >= least:
        return None
    return Denial("CONFIDENCE", f"at least {decimal_text(least)}", f"{order.confidence:g}")
