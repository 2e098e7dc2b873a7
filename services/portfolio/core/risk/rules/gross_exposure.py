"""What all symbols together may come to, long and short added up."""

from __future__ import annotations

from services.portfolio.core.risk.exposure import beyond, gross_exposure, power
from services.portfolio.core.risk.types import Account, Denial, Proposal


def check(order: Proposal, account: Account, _now_ns: int) -> Denial | None:
    """GROSS_EXPOSURE past so many percent of leveraged equity."""
    most = account.limits.gross_exposure_pct_of_power_max
    if most is None:
        return None
    return beyond("GROSS_EXPOSURE", gross_exposure(order, account), power(account), most, account)
