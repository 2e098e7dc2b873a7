"""Gross exposure: sum of the absolute notionals of all symbols."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from services.portfolio.core.risk.exposure import (
    buying_power,
    check_pct_limit,
    current_exposures,
    gross_exposure,
    pct_utilization,
)
from services.portfolio.core.risk.rule import LimitUtilization, Phase, RiskRule, RuleCode, RuleLimit
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(order: OrderProposal, context: RiskContext, _now_ns: int) -> Denial | None:
    """Deny with GROSS_EXPOSURE if the gross exposure exceeds the limit, a percentage of leveraged equity."""
    most = context.limits.gross_exposure_pct_of_power_max
    if most is None:
        return None
    return check_pct_limit("GROSS_EXPOSURE", gross_exposure(order, context), buying_power(context), most, context)


def _utilization(context: RiskContext, _now_ns: int) -> Iterator[LimitUtilization]:
    limit_pct, found = context.limits.gross_exposure_pct_of_power_max, current_exposures(context)
    if limit_pct is None or found is None:
        return
    total = {"": gross_exposure(None, context)}
    yield from pct_utilization("GROSS_EXPOSURE", total, buying_power(context), limit_pct, context)


RULE: Final = RiskRule(
    codes=(
        RuleCode(
            "GROSS_EXPOSURE",
            "percent of power: gross exposure of all symbols, long plus short",
            "hold less in total, or make the order smaller",
        ),
    ),
    phases=Phase.SIZED,
    check=check,
    limits=(RuleLimit("gross_exposure_pct_of_power_max"),),
    needs_equity=True,
    can_be_excepted=True,
    utilization=_utilization,
)
