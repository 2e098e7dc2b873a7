"""Lots that a single order opens."""

from __future__ import annotations

from typing import Final

from proto.trading.units import decimal_text
from services.portfolio.core.risk.rule import Phase, RiskRule, RuleCode, RuleLimit
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(order: OrderProposal, context: RiskContext, _now_ns: int) -> Denial | None:
    """Deny with ORDER_VOLUME an order that opens more lots than the limit."""
    most = context.limits.order_volume_max
    if most is None or order.opening_volume <= most:
        return None
    return Denial("ORDER_VOLUME", f"{decimal_text(most)} lots", f"{decimal_text(order.opening_volume)} lots")


RULE: Final = RiskRule(
    codes=(
        RuleCode(
            "ORDER_VOLUME",
            "lots that one order opens",
            "the order must be smaller, or order_volume_max larger",
        ),
    ),
    phases=Phase.SIZED,
    check=check,
    limits=(RuleLimit("order_volume_max", "{} lots an order opens"),),
    can_be_excepted=True,
)
