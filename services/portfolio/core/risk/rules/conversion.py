"""A profit that could not be turned into account currency must not arise."""

from __future__ import annotations

from services.portfolio.core.accounting.valuation import can_convert
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(order: OrderProposal, context: RiskContext, _now_ns: int) -> Denial | None:
    """NO_CONVERSION_RATE where no pair of the profit currency is quoted."""
    if can_convert(order.instrument, context.book, context.cursor.marks):
        return None
    return Denial("NO_CONVERSION_RATE", "a quoted pair", f"none for {order.instrument.profit_currency}")
