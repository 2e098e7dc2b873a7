"""What one currency may come to over all symbols: EURUSD and GBPUSD both sell dollars."""

from __future__ import annotations

from services.portfolio.core.risk.exposure import beyond, by_currency, exposures, power
from services.portfolio.core.risk.types import Account, Denial, Proposal


def check(order: Proposal, account: Account, _now_ns: int) -> Denial | None:
    """CURRENCY_EXPOSURE past so many percent of leveraged equity, of the two currencies of the order's symbol."""
    most = account.limits.currency_exposure_pct_of_power_max
    if most is None:
        return None
    found = exposures(order, account)
    if found is None:
        return beyond("CURRENCY_EXPOSURE", None, power(account), most, account)
    legs = by_currency(found, account)
    for currency in (order.instrument.base_currency, order.instrument.profit_currency):
        denial = beyond("CURRENCY_EXPOSURE", legs[currency], power(account), most, account)
        if denial is not None:
            return denial._replace(observed=f"{denial.observed} in {currency}")
    return None
