"""How much of the equity may be tied up as margin."""

from __future__ import annotations

from services.portfolio.core.risk.exposure import beyond, equity, margin
from services.portfolio.core.risk.types import Account, Denial, Proposal


def check(order: Proposal, account: Account, _now_ns: int) -> Denial | None:
    """MARGIN_USE past so many percent of equity; the margin is the one that the venue asks for (`proto.trading.money`)."""
    most = account.limits.margin_pct_of_equity_max
    if most is None:
        return None
    return beyond("MARGIN_USE", margin(order, account), equity(account), most, account)
