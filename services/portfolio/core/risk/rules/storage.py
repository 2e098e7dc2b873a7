"""An order that cannot be made durable must not be made."""

from __future__ import annotations

from services.portfolio.core.risk.types import Account, Denial, Proposal


def check(_order: Proposal, account: Account, _now_ns: int) -> Denial | None:
    """STORAGE while the ledger cannot be written."""
    if not account.storage_problem:
        return None
    return Denial("STORAGE", "a ledger that can be written", account.storage_problem)
