"""Halts a desk that makes too many consecutive orders of a symbol in one direction, a sign of a faulty strategy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from proto.control import TradingState
from services.portfolio.core.account.events import OrderCreated, RiskReset
from services.portfolio.core.risk.limits import Limits
from services.portfolio.core.risk.rule import (
    LimitUtilization,
    Phase,
    RiskRule,
    RuleCode,
    RuleLimit,
    RuleReset,
    count_utilization,
    select_names,
    select_symbol,
    until_event,
)
from services.portfolio.core.risk.state import RiskState
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(order: OrderProposal, context: RiskContext, _now_ns: int) -> Denial | None:
    """Deny with REPEATED_ORDERS an order that exceeds the limit of consecutive orders of a symbol in one direction."""
    most = context.limits.repeated_orders_max
    run = context.risk_state.runs.get(order.instrument.symbol, 0) * order.direction
    if most is None or run < most:
        return None
    return Denial("REPEATED_ORDERS", f"{most} in a row", str(run + 1), TradingState.HALTED)


def _on_order(risk_state: RiskState, event: OrderCreated, _limits: Limits) -> None:
    symbol, sign = event.order.symbol, event.order.side.sign
    run = risk_state.runs.get(symbol, 0)
    risk_state.runs[symbol] = run + sign if run * sign > 0 else sign


def _utilization(context: RiskContext, _now_ns: int) -> Iterator[LimitUtilization]:
    limit = context.limits.repeated_orders_max
    if limit is None:
        return
    for symbol, run in sorted(context.risk_state.runs.items()):
        yield count_utilization("REPEATED_ORDERS", symbol, f"{limit} in a row", count=abs(run), limit=limit)


def _remembered(risk_state: RiskState, symbol: str) -> dict[str, str]:
    runs = {name: f"{abs(run)} {'buys' if run > 0 else 'sells'} in a row" for name, run in risk_state.runs.items()}
    return select_symbol(symbol, runs)


def _clear(risk_state: RiskState, event: RiskReset) -> None:
    for name in select_names(event.symbol, risk_state.runs):
        del risk_state.runs[name]


def _on_resume(risk_state: RiskState) -> None:
    risk_state.runs.clear()


RULE: Final = RiskRule(
    codes=(
        RuleCode(
            "REPEATED_ORDERS",
            "consecutive orders of a symbol in one direction; one more halts the desk",
            "find out why the desk orders one direction repeatedly, then `paperdesk resume --reason ...`",
        ),
    ),
    phases=Phase.BEFORE_SIZING,
    check=check,
    limits=(RuleLimit("repeated_orders_max"),),
    escalates_to=(TradingState.HALTED,),
    reset=RuleReset(by_symbol=True, values=_remembered, clear=_clear),
    on_resume=_on_resume,
    updates={OrderCreated: _on_order},
    utilization=_utilization,
    until=until_event,
)
