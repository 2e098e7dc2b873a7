"""Limit on the daily loss of a strategy, set in the plan."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from proto.gateway import DealKind
from proto.trading.server_time import server_day
from proto.trading.units import ZERO, decimal_text
from services.portfolio.core.account.events import DealBooked, RiskReset
from services.portfolio.core.accounting.valuation import unrealized_pnl
from services.portfolio.core.plan.plan import Strategy
from services.portfolio.core.risk.formatting import format_percent
from services.portfolio.core.risk.limits import Limits
from services.portfolio.core.risk.rule import (
    LimitUtilization,
    Phase,
    RiskRule,
    RuleCode,
    RuleReset,
    measured_utilization,
    select_names,
    select_symbol,
)
from services.portfolio.core.risk.state import RiskState
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext

_NO_RESULT: Final = (DealKind.BALANCE, DealKind.CORRECTION)
"""Kinds of deals whose cash does not come from trading."""


def check(order: OrderProposal, context: RiskContext, now_ns: int) -> Denial | None:
    """Deny with STRATEGY_LOSS if the strategy's loss of the day is at or above the limit, or not known.

    `now_ns` is venue time.
    """
    plan = context.plan.for_symbol(order.instrument.symbol)
    if plan.strategy is None or (most := plan.strategy.daily_loss_pct_max) is None:
        return None
    lost_pct = strategy_daily_loss_pct(plan.strategy, context, now_ns)
    limit = f"{format_percent(most)} a day of {plan.tag}"
    if lost_pct is None:
        return Denial("STRATEGY_LOSS", limit, "no known equity of the day")
    return None if lost_pct < most else Denial("STRATEGY_LOSS", limit, format_percent(lost_pct))


def strategy_daily_loss_pct(strategy: Strategy, context: RiskContext, now_ns: int) -> Decimal | None:
    """Return the strategy's loss of the day in percent of the account's equity at the day's start; a gain is negative.

    The loss is computed from the sum of the booked results of the server's day and the unrealized profit. So an open
    loss counts in full, including the part from before the day. `now_ns` is venue time.

    Returns:
        None before the day's first equity, if that equity is not above 0, and if a position cannot be valued.
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


def _on_deal(risk_state: RiskState, event: DealBooked, _limits: Limits) -> None:
    """Add a deal to the day's result of its symbol. A late deal of an earlier day is not added."""
    deal = event.deal
    if not deal.symbol or deal.kind in _NO_RESULT:
        return
    day = server_day(deal.time_ns)
    if day > risk_state.result_day:
        risk_state.result_day, risk_state.results_of_day = day, {}
    if day == risk_state.result_day:
        risk_state.results_of_day[deal.symbol] = risk_state.results_of_day.get(deal.symbol, ZERO) + deal.cash


def _utilization(context: RiskContext, now_ns: int) -> Iterator[LimitUtilization]:
    for tag, strategy in context.plan.strategies.items() if context.book.stream is not None else ():
        limit = strategy.daily_loss_pct_max
        if limit is None:
            continue
        lost_pct, limit_text = strategy_daily_loss_pct(strategy, context, now_ns), f"{format_percent(limit)} a day"
        if lost_pct is None:
            yield LimitUtilization("STRATEGY_LOSS", tag, limit_text, "not known")
        else:
            now_text = format_percent(lost_pct)
            yield measured_utilization(
                "STRATEGY_LOSS", tag, limit_text, now_text, amount=lost_pct, limit=limit, unit="%", decimals="0.01"
            )


def _remembered(risk_state: RiskState, symbol: str) -> dict[str, str]:
    results = {name: decimal_text(result) for name, result in risk_state.results_of_day.items() if result}
    return select_symbol(symbol, results)


def _clear(risk_state: RiskState, event: RiskReset) -> None:
    for name in select_names(event.symbol, risk_state.results_of_day):
        del risk_state.results_of_day[name]


RULE: Final = RiskRule(
    codes=(
        RuleCode(
            "STRATEGY_LOSS",
            "percent of the account's first equity of the day: loss of the strategy's symbols, from the day's result "
            "and the unrealized profit",
            "wait for the server's next day or a smaller loss, or raise the strategy's daily_loss_pct_max",
        ),
    ),
    phases=Phase.SIZED,
    check=check,
    budgets=("daily_loss_pct_max",),
    needs_equity=True,
    can_be_excepted=True,
    reset=RuleReset(by_symbol=True, values=_remembered, clear=_clear),
    updates={DealBooked: _on_deal},
    utilization=_utilization,
)
