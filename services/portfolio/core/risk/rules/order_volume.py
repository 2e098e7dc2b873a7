"""No single order opens more lots than the limit."""

from __future__ import annotations

from proto.trading.units import decimal_text
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(order: OrderProposal, context: RiskContext, _now_ns: int) -> Denial | None:
    """ORDER_VOLUME past the limit."""
    most = context.limits.order_volume_max
    if most is None or order.opening_volume <= most:
        return None
    return Denial("ORDER_VOLUME", f"{decimal_text(most)} lots", f"{decimal_text(order.opening_volume)} lots")
