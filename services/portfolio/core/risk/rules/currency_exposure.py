"""What one currency may come to over all symbols: EURUSD and GBPUSD both sell dollars."""

from __future__ import annotations

from services.portfolio.core.risk.exposure import buying_power, check_pct_limit, currency_exposures, exposures
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(order: OrderProposal, context: RiskContext, _now_ns: int) -> Denial | None:
    """CURRENCY_EXPOSURE past so many percent of leveraged equity, of the two currencies of the order's symbol."""
    most = context.limits.currency_exposure_pct_of_power_max
    if most is None:
        return None
    found = exposures(order, context)
    if found is None:
        return check_pct_limit("CURRENCY_EXPOSURE", None, buying_power(context), most, context)
    legs = currency_exposures(found, context)
    for currency in (order.instrument.base_currency, order.instrument.profit_currency):
        denial = check_pct_limit("CURRENCY_EXPOSURE", legs[currency], buying_power(context), most, context)
        if denial is not None:
            return denial._replace(observed=f"{denial.observed} in {currency}")
    return None
