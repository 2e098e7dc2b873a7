"""What opens exposure needs the gateway's lease: an order sent without it would only expire."""

from __future__ import annotations

from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(order: OrderProposal, context: RiskContext, _now_ns: int) -> Denial | None:
    """LEASE_MISSING for an order that opens, while the lease is not in force."""
    if not context.lease_problem or not order.opening_volume > 0:
        return None
    return Denial("LEASE_MISSING", "a lease in force", context.lease_problem)
