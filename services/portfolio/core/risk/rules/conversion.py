"""An order's profit must be convertible into account currency."""

from __future__ import annotations

from typing import Final

from proto.time import NEVER_NS
from services.portfolio.core.accounting.valuation import can_convert
from services.portfolio.core.risk.rule import Phase, RiskRule, RuleCode
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(order: OrderProposal, context: RiskContext, _now_ns: int) -> Denial | None:
    """Deny with NO_CONVERSION_RATE if no quoted pair converts the profit currency into account currency."""
    if can_convert(order.instrument, context.book, context.cursor.marks):
        return None
    return Denial("NO_CONVERSION_RATE", "a quoted pair", f"none for {order.instrument.profit_currency}")


def until(order: OrderProposal, context: RiskContext, now_ns: int) -> int:
    """Return `NEVER_NS` if a pair is quoted; otherwise the next tick may quote one (see `rule.Until`)."""
    return NEVER_NS if can_convert(order.instrument, context.book, context.cursor.marks) else now_ns


RULE: Final = RiskRule(
    codes=(
        RuleCode(
            "NO_CONVERSION_RATE",
            "a symbol whose profit no quoted pair converts into account currency",
            "also trade or watch a symbol that converts the profit currency into the account currency",
        ),
    ),
    phases=Phase.BASE,
    check=check,
    until=until,
)
