"""Opening needs the gateway's lease, without which the gateway refuses the order."""

from __future__ import annotations

from typing import Final

from services.portfolio.core.risk.rule import Phase, RiskRule, RuleCode, until_event
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(order: OrderProposal, context: RiskContext, _now_ns: int) -> Denial | None:
    """Deny with LEASE_MISSING an order that opens while the lease is not in force."""
    if not context.lease_problem or not order.opening_volume > 0:
        return None
    return Denial("LEASE_MISSING", "a lease in force", context.lease_problem)


RULE: Final = RiskRule(
    codes=(
        RuleCode(
            "LEASE_MISSING",
            "opening while the gateway's lease is not in force",
            "the gateway must grant the lease again: read the gateway's log",
        ),
    ),
    phases=Phase.BASE,
    check=check,
    has_condition=True,
    until=until_event,
)
