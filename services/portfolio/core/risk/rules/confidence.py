"""A signal must be sure enough."""

from __future__ import annotations

from proto.trading.units import exact, plain
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(order: OrderProposal, context: RiskContext, _now_ns: int) -> Denial | None:
    """CONFIDENCE below the floor, and for what is no probability."""
    if not 0 <= order.confidence <= 1:
        return Denial("CONFIDENCE", "0 to 1", f"{order.confidence:g}")
    least = context.limits.confidence_min
    if least is None or exact(order.confidence) >= least:
        return None
    return Denial("CONFIDENCE", f"at least {plain(least)}", f"{order.confidence:g}")
