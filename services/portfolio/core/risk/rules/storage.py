"""No order while the ledger cannot record it."""

from __future__ import annotations

from typing import Final

from services.portfolio.core.risk.rule import Phase, RiskRule, RuleCode, until_event
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(_order: OrderProposal, context: RiskContext, _now_ns: int) -> Denial | None:
    """Deny with STORAGE while the ledger is not writable."""
    if not context.storage_problem:
        return None
    return Denial("STORAGE", "a ledger that can be written", context.storage_problem)


RULE: Final = RiskRule(
    codes=(
        RuleCode(
            "STORAGE",
            "any order while the ledger is not writable",
            "make the ledger writable again: check the disk",
        ),
    ),
    phases=Phase.BASE | Phase.BEFORE_SIZING,
    check=check,
    has_condition=True,
    until=until_event,
)
