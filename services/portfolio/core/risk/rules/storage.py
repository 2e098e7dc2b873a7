"""An order that cannot be made durable must not be made."""

from __future__ import annotations

from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(_order: OrderProposal, context: RiskContext, _now_ns: int) -> Denial | None:
    """STORAGE while the ledger cannot be written."""
    if not context.storage_problem:
        return None
    return Denial("STORAGE", "a ledger that can be written", context.storage_problem)
