"""Net exposure of one currency over all symbols; buying EURUSD and buying GBPUSD both sell dollars."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from services.portfolio.core.risk.exposure import (
    buying_power,
    check_pct_limit,
    currency_exposures,
    current_exposures,
    exposures,
    pct_utilization,
)
from services.portfolio.core.risk.rule import LimitUtilization, Phase, RiskRule, RuleCode, RuleLimit
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(order: OrderProposal, context: RiskContext, _now_ns: int) -> Denial | None:
    """Deny with CURRENCY_EXPOSURE if the net exposure of one of the symbol's two currencies exceeds the limit.

    The limit is a percentage of leveraged equity.
    """
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


def _utilization(context: RiskContext, _now_ns: int) -> Iterator[LimitUtilization]:
    limit_pct, found = context.limits.currency_exposure_pct_of_power_max, current_exposures(context)
    if limit_pct is None or found is None:
        return
    of_currencies = currency_exposures(found, context)
    yield from pct_utilization("CURRENCY_EXPOSURE", of_currencies, buying_power(context), limit_pct, context)


RULE: Final = RiskRule(
    codes=(
        RuleCode(
            "CURRENCY_EXPOSURE",
            "percent of power: net exposure of one currency over all symbols",
            "hold less in the currency, or make the order smaller",
        ),
    ),
    phases=Phase.SIZED,
    check=check,
    limits=(RuleLimit("currency_exposure_pct_of_power_max"),),
    needs_equity=True,
    can_be_excepted=True,
    utilization=_utilization,
)
