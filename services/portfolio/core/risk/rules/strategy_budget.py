"""Limit on the lots of a strategy, set in the plan.

A strategy's positions are all positions in its symbols, because no symbol belongs to two strategies.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from proto.trading.units import ZERO, decimal_text
from services.portfolio.core.plan.plan import Strategy
from services.portfolio.core.risk.exposure import projected_legs
from services.portfolio.core.risk.rule import LimitUtilization, Phase, RiskRule, RuleCode, measured_utilization
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(order: OrderProposal, context: RiskContext, _now_ns: int) -> Denial | None:
    """Deny with STRATEGY_VOLUME if the strategy would hold more lots than its limit after this order."""
    plan = context.plan.for_symbol(order.instrument.symbol)
    if plan.strategy is None or (most := plan.strategy.volume_max) is None:
        return None
    seen = strategy_volume(plan.strategy, context, order)
    if seen <= most:
        return None
    return Denial("STRATEGY_VOLUME", f"{decimal_text(most)} lots of {plan.tag}", f"{decimal_text(seen)} lots")


def strategy_volume(strategy: Strategy, context: RiskContext, order: OrderProposal | None = None) -> Decimal:
    """Return the sum of the absolute lots of the strategy's symbols, including `order`.

    The unfilled volume of open orders counts. On a hedging account both sides of a symbol count, as in gross exposure.
    """
    return sum((abs(volume) for symbol, volume in projected_legs(order, context) if symbol in strategy.symbols), ZERO)


def _utilization(context: RiskContext, _now_ns: int) -> Iterator[LimitUtilization]:
    for tag, strategy in context.plan.strategies.items() if context.book.stream is not None else ():
        if strategy.volume_max is not None:
            limit, seen = strategy.volume_max, strategy_volume(strategy, context)
            limit_text, now_text = (f"{decimal_text(volume)} lots" for volume in (limit, seen))
            yield measured_utilization(
                "STRATEGY_VOLUME", tag, limit_text, now_text, amount=seen, limit=limit, unit="lots", decimals=None
            )


RULE: Final = RiskRule(
    codes=(
        RuleCode(
            "STRATEGY_VOLUME",
            "lots of all symbols of a strategy, long plus short, including open orders",
            "the strategy must hold less, or its volume_max in the plan must be larger",
        ),
    ),
    phases=Phase.SIZED,
    check=check,
    budgets=("volume_max",),
    can_be_excepted=True,
    utilization=_utilization,
)
