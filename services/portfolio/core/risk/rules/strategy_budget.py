"""What one of several strategies on the account may hold, and may lose in a day, by the plan.

A strategy's positions are those of its symbols: no symbol belongs to two.
"""

from __future__ import annotations

from decimal import Decimal

from proto.trading.server_time import server_day
from proto.trading.units import decimal_text
from services.portfolio.core.account.position import ZERO
from services.portfolio.core.accounting.valuation import unrealized_pnl
from services.portfolio.core.plan.plan import Plan, Strategy
from services.portfolio.core.risk.exposure import projected_legs
from services.portfolio.core.risk.formatting import format_percent
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(order: OrderProposal, context: RiskContext, now_ns: int) -> Denial | None:
    """STRATEGY_VOLUME past the lots of its budget with this order; STRATEGY_LOSS until the server's next day."""
    course = context.plan.for_symbol(order.instrument.symbol)
    if course.strategy is None:
        return None
    return _by_volume(order, context, course.tag, course.strategy) or _by_loss(
        context, course.tag, course.strategy, now_ns
    )


def has_loss_budget(plan: Plan) -> bool:
    """Whether some strategy is measured by the equity at the day's start, which then has to be watched."""
    return any(strategy.daily_loss_pct_max is not None for strategy in plan.strategies.values())


def strategy_volume(strategy: Strategy, context: RiskContext, order: OrderProposal | None = None) -> Decimal:
    """Lots of all its symbols without their signs, with the order if there is one; what may still be executed counts.

    On a hedging account the long and the short lots of a symbol are added up, as in gross exposure.
    """
    return sum((abs(volume) for symbol, volume in projected_legs(order, context) if symbol in strategy.symbols), ZERO)


def strategy_daily_loss_pct(strategy: Strategy, context: RiskContext, now_ns: int) -> Decimal | None:
    """What its symbols have lost by now in percent of the account's equity at the day's start; negative for a gain.

    It is the result of the server's day and the open profit together: a loss that was open when the day began counts whole.

    Returns:
        None before the day has an equity, and when a position of the strategy cannot be valued.
    """
    memory, day = context.cursor.risk, server_day(now_ns)
    start = memory.peaks.day_start if memory.peaks.day == day else None
    if start is None or start <= 0:
        return None
    result = ZERO
    for symbol in strategy.symbols:
        open_profit = unrealized_pnl(symbol, context.book, context.cursor.marks)
        if open_profit is None:
            return None
        result += open_profit
        if memory.result_day == day:
            result += memory.results_of_day.get(symbol, ZERO)
    return -result / start * 100


def _by_volume(order: OrderProposal, context: RiskContext, tag: str, strategy: Strategy) -> Denial | None:
    most = strategy.volume_max
    if most is None:
        return None
    seen = strategy_volume(strategy, context, order)
    return (
        None
        if seen <= most
        else Denial("STRATEGY_VOLUME", f"{decimal_text(most)} lots of {tag}", f"{decimal_text(seen)} lots")
    )


def _by_loss(context: RiskContext, tag: str, strategy: Strategy, now_ns: int) -> Denial | None:
    most = strategy.daily_loss_pct_max
    if most is None:
        return None
    lost_pct, limit = strategy_daily_loss_pct(strategy, context, now_ns), f"{format_percent(most)} a day of {tag}"
    if lost_pct is None:
        return Denial("STRATEGY_LOSS", limit, "no known equity of the day")
    return None if lost_pct < most else Denial("STRATEGY_LOSS", limit, format_percent(lost_pct))
