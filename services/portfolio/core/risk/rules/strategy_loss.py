"""What one of several strategies on the account may lose in a day, by the plan."""

from __future__ import annotations

from decimal import Decimal

from proto.trading.server_time import server_day
from services.portfolio.core.account.position import ZERO
from services.portfolio.core.accounting.valuation import unrealized_pnl
from services.portfolio.core.plan.plan import Plan, Strategy
from services.portfolio.core.risk.formatting import format_percent
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(order: OrderProposal, context: RiskContext, now_ns: int) -> Denial | None:
    """STRATEGY_LOSS until the server's next day."""
    course = context.plan.for_symbol(order.instrument.symbol)
    if course.strategy is None or (most := course.strategy.daily_loss_pct_max) is None:
        return None
    lost_pct = strategy_daily_loss_pct(course.strategy, context, now_ns)
    limit = f"{format_percent(most)} a day of {course.tag}"
    if lost_pct is None:
        return Denial("STRATEGY_LOSS", limit, "no known equity of the day")
    return None if lost_pct < most else Denial("STRATEGY_LOSS", limit, format_percent(lost_pct))


def has_loss_budget(plan: Plan) -> bool:
    """Whether some strategy is measured by the equity at the day's start, which then has to be watched."""
    return any(strategy.daily_loss_pct_max is not None for strategy in plan.strategies.values())


def strategy_daily_loss_pct(strategy: Strategy, context: RiskContext, now_ns: int) -> Decimal | None:
    """What its symbols have lost by now in percent of the account's equity at the day's start; negative for a gain.

    It is the result of the server's day and the open profit together: a loss that was open when the day began counts
    whole.

    Returns:
        None before the day has an equity, and when a position of the strategy cannot be valued.
    """
    memory, day = context.risk_state, server_day(now_ns)
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
