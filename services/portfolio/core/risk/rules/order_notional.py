"""Notional that a single order opens, as a percentage of leveraged equity."""

from __future__ import annotations

from typing import Final

from services.portfolio.core.risk.exposure import buying_power, check_pct_limit, notional
from services.portfolio.core.risk.rule import Phase, RiskRule, RuleCode, RuleLimit
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(order: OrderProposal, context: RiskContext, _now_ns: int) -> Denial | None:
    """Deny with ORDER_NOTIONAL if the opened notional exceeds the limit, a percentage of leveraged equity."""
    most = context.limits.order_notional_pct_of_power_max
    if most is None:
        return None
    worth = notional(order.instrument, order.opening_volume, context)
    return check_pct_limit("ORDER_NOTIONAL", worth, buying_power(context), most, context)


RULE: Final = RiskRule(
    codes=(
        RuleCode(
            "ORDER_NOTIONAL",
            "percent of power: notional that one order opens",
            "the order must be smaller, or the equity larger",
        ),
    ),
    phases=Phase.SIZED,
    check=check,
    limits=(RuleLimit("order_notional_pct_of_power_max", "{} % of leveraged equity an order opens"),),
    needs_equity=True,
    can_be_excepted=True,
)
