"""Net exposure of one symbol, long or short."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from services.portfolio.core.risk.exposure import (
    buying_power,
    check_pct_limit,
    current_exposures,
    notional,
    pct_utilization,
    projected_net_volumes,
)
from services.portfolio.core.risk.rule import LimitUtilization, Phase, RiskRule, RuleCode, RuleLimit
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(order: OrderProposal, context: RiskContext, _now_ns: int) -> Denial | None:
    """Deny with SYMBOL_EXPOSURE if the symbol's net exposure exceeds the limit, a percentage of leveraged equity."""
    most = context.limits.symbol_exposure_pct_of_power_max
    if most is None:
        return None
    worth = notional(order.instrument, projected_net_volumes(order, context)[order.instrument.symbol], context)
    return check_pct_limit("SYMBOL_EXPOSURE", worth, buying_power(context), most, context)


def _utilization(context: RiskContext, _now_ns: int) -> Iterator[LimitUtilization]:
    limit_pct, found = context.limits.symbol_exposure_pct_of_power_max, current_exposures(context)
    if limit_pct is None or found is None:
        return
    yield from pct_utilization("SYMBOL_EXPOSURE", found, buying_power(context), limit_pct, context)


RULE: Final = RiskRule(
    codes=(
        RuleCode(
            "SYMBOL_EXPOSURE",
            "percent of power: net exposure of one symbol",
            "hold less of the symbol, or make the order smaller",
        ),
    ),
    phases=Phase.SIZED,
    check=check,
    limits=(RuleLimit("symbol_exposure_pct_of_power_max"),),
    needs_equity=True,
    can_be_excepted=True,
    utilization=_utilization,
)
