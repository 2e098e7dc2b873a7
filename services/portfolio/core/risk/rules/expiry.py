"""An order that stands until a time has one that is still to come, and no other order has any."""

from __future__ import annotations

from proto.time import utc_text
from proto.trading.enums import TimeInForce
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(order: OrderProposal, _context: RiskContext, now_ns: int) -> Denial | None:
    """INVALID_EXPIRATION for a GTD order whose time is not after the venue's present, or for a time without GTD."""
    if order.time_in_force is TimeInForce.GTD:
        if order.expires_ns > now_ns:
            return None
        observed = utc_text(order.expires_ns) if order.expires_ns else "no expiry"
        return Denial("INVALID_EXPIRATION", f"a GTD order's expiry after {utc_text(now_ns)}", observed)
    if not order.expires_ns:
        return None
    observed = f"{order.time_in_force.value} until {utc_text(order.expires_ns)}"
    return Denial("INVALID_EXPIRATION", "an expiry with GTD alone", observed)
