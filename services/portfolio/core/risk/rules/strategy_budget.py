"""What one of several strategies on the account may hold, by the plan.

A strategy's positions are those of its symbols: no symbol belongs to two.
"""

from __future__ import annotations

from decimal import Decimal

from proto.trading.units import decimal_text
from services.portfolio.core.account.position import ZERO
from services.portfolio.core.plan.plan import Strategy
from services.portfolio.core.risk.exposure import projected_legs
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(order: OrderProposal, context: RiskContext, _now_ns: int) -> Denial | None:
    """STRATEGY_VOLUME past the lots of its budget with this order."""
    course = context.plan.for_symbol(order.instrument.symbol)
    if course.strategy is None or (most := course.strategy.volume_max) is None:
        return None
    seen = strategy_volume(course.strategy, context, order)
    if seen <= most:
        return None
    return Denial("STRATEGY_VOLUME", f"{decimal_text(most)} lots of {course.tag}", f"{decimal_text(seen)} lots")


def strategy_volume(strategy: Strategy, context: RiskContext, order: OrderProposal | None = None) -> Decimal:
    """Lots of all its symbols without their signs, with the order if there is one; what may still be executed counts.

    On a hedging account the long and the short lots of a symbol are added up, as in gross exposure.
    """
    return sum((abs(volume) for symbol, volume in projected_legs(order, context) if symbol in strategy.symbols), ZERO)
