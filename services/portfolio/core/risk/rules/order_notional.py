"""No single order opens more than a part of what the account could hold."""

from __future__ import annotations

from services.portfolio.core.risk.exposure import beyond, notional, power
from services.portfolio.core.risk.types import Account, Denial, Proposal


def check(order: Proposal, account: Account, _now_ns: int) -> Denial | None:
    """ORDER_NOTIONAL past so many percent of leveraged equity."""
    most = account.limits.order_notional_pct_of_power_max
    if most is None:
        return None
    worth = notional(order.instrument, order.opens, account)
    return beyond("ORDER_NOTIONAL", worth, power(account), most, account)
