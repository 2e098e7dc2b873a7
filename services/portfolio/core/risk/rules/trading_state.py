"""Orders that the trading state allows: in HALTED a person's closes and changes of stops, in REDUCE_ONLY any close.

The closes of FLATTEN are made without a check of the rules.
"""

from __future__ import annotations

from typing import Final

from proto.control import TradingState
from proto.trading.units import decimal_text
from services.portfolio.core.risk.rule import Phase, RiskRule, RuleCode, until_event
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(order: OrderProposal, context: RiskContext, _now_ns: int) -> Denial | None:
    """Deny with HALTED any order except a person's close or change of stops, with REDUCE_ONLY an order that opens."""
    state = context.book.trading_state
    if state is TradingState.HALTED and (order.opening_volume > 0 or not order.is_manual):
        return Denial("HALTED", TradingState.ACTIVE, state)
    if state is TradingState.REDUCE_ONLY and order.opening_volume > 0:
        return Denial("REDUCE_ONLY", "0 lots", f"{decimal_text(order.opening_volume)} lots")
    return None


RULE: Final = RiskRule(
    codes=(
        RuleCode(
            "HALTED",
            "any order while the trading state is HALTED, except a person's closes and changes of stops",
            "find out why trading was halted, then `paperdesk resume --reason ...`",
        ),
        RuleCode(
            "REDUCE_ONLY",
            "opening while the trading state is REDUCE_ONLY",
            "`paperdesk resume --reason ...`; until then positions are only closed",
        ),
    ),
    phases=Phase.BASE | Phase.RESTING,
    check=check,
    has_condition=True,
    until=until_event,
)
