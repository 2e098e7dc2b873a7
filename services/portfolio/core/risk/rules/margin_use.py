"""How much of the equity may be tied up as margin."""

from __future__ import annotations

from services.portfolio.core.risk.exposure import exposures, gross, power
from services.portfolio.core.risk.terms import Account, Denial, Proposal
from services.portfolio.core.risk.words import beyond


def check(order: Proposal, account: Account, _now_ns: int) -> Denial | None:
    """MARGIN_USE past so many percent of equity.

    Margin is the gross notional divided by the leverage, as MetaTrader 5's FX calculation mode has it; so its part of the
    equity is the part that the gross notional has of the leveraged equity.
    """
    most = account.limits.margin_pct_of_equity_max
    if most is None:
        return None
    return beyond("MARGIN_USE", gross(exposures(order, account)), power(account), most, account)
