"""Margin of all positions and open orders as a percentage of equity."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from services.portfolio.core.risk.exposure import (
    check_pct_limit,
    current_exposures,
    latest_equity,
    pct_utilization,
    projected_margin,
)
from services.portfolio.core.risk.rule import LimitUtilization, Phase, RiskRule, RuleCode, RuleLimit
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(order: OrderProposal, context: RiskContext, _now_ns: int) -> Denial | None:
    """Deny with MARGIN_USE if the margin exceeds the limit, a percentage of equity.

    The margin is computed by the venue's formula (`proto.trading.position_margin`).
    """
    most = context.limits.margin_pct_of_equity_max
    if most is None:
        return None
    return check_pct_limit("MARGIN_USE", projected_margin(order, context), latest_equity(context), most, context)


def _utilization(context: RiskContext, _now_ns: int) -> Iterator[LimitUtilization]:
    limit_pct, found = context.limits.margin_pct_of_equity_max, current_exposures(context)
    if limit_pct is None or found is None:
        return
    total = {"": projected_margin(None, context)}
    yield from pct_utilization("MARGIN_USE", total, latest_equity(context), limit_pct, context)


RULE: Final = RiskRule(
    codes=(
        RuleCode(
            "MARGIN_USE",
            "percent of equity: margin of all symbols at `leverage`, by the formula of docs/venue.md",
            "less margin must be in use: close a position, or make the order smaller",
        ),
    ),
    phases=Phase.SIZED,
    check=check,
    limits=(RuleLimit("margin_pct_of_equity_max"),),
    needs_equity=True,
    can_be_excepted=True,
    utilization=_utilization,
)
