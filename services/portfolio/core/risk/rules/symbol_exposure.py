"""What one symbol may come to, either way."""

from __future__ import annotations

from services.portfolio.core.risk.exposure import beyond, notional, power, volumes
from services.portfolio.core.risk.types import Account, Denial, Proposal


def check(order: Proposal, account: Account, _now_ns: int) -> Denial | None:
    """SYMBOL_EXPOSURE past so many percent of leveraged equity."""
    most = account.limits.symbol_exposure_pct_of_power_max
    if most is None:
        return None
    worth = notional(order.instrument, volumes(order, account)[order.instrument.symbol], account)
    return beyond("SYMBOL_EXPOSURE", worth, power(account), most, account)
