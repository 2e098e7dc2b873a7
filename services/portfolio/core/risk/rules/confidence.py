"""A signal must be sure enough."""

from __future__ import annotations

from decimal import Decimal

from proto.units import plain
from services.portfolio.core.risk.terms import Account, Denial, Proposal


def check(order: Proposal, account: Account, _now_ns: int) -> Denial | None:
    """CONFIDENCE below the floor."""
    least = account.limits.confidence_min
    if least is None or Decimal(order.confidence) >= least:
        return None
    return Denial("CONFIDENCE", f"at least {plain(least)}", f"{order.confidence:g}")
