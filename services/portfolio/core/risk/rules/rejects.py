"""Restricts the desk to REDUCE_ONLY when venue and gateway reject too many orders within a minute."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from proto.control import TradingState
from proto.time import MINUTE_NS, NEVER_NS
from proto.trading.server_time import within_last_minute
from services.portfolio.core.account.events import OrderUpdated, RiskReset
from services.portfolio.core.account.order_status import OrderStatus
from services.portfolio.core.risk.limits import Limits
from services.portfolio.core.risk.rule import (
    LimitUtilization,
    Phase,
    RiskRule,
    RuleCode,
    RuleLimit,
    RuleReset,
    count_utilization,
)
from services.portfolio.core.risk.state import RiskState
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(_order: OrderProposal, context: RiskContext, now_ns: int) -> Denial | None:
    """Deny with REJECTS if the rejects within the last minute have reached the limit; `now_ns` is venue time."""
    most = context.limits.rejects_per_minute_max
    if most is None:
        return None
    seen = len(within_last_minute(context.risk_state.reject_times_ns, now_ns))
    if seen < most:
        return None
    return Denial("REJECTS", f"fewer than {most} a minute", str(seen), TradingState.REDUCE_ONLY)


def until(_order: OrderProposal, context: RiskContext, now_ns: int) -> int:
    """Return the time at which the oldest reject of the last minute is a minute old (see `rule.Until`)."""
    recent_ns = within_last_minute(context.risk_state.reject_times_ns, now_ns)
    return min(recent_ns) + MINUTE_NS if recent_ns else NEVER_NS


def _on_order_update(risk_state: RiskState, event: OrderUpdated, _limits: Limits) -> None:
    if event.status is OrderStatus.REJECTED:
        recent_ns = within_last_minute(risk_state.reject_times_ns, event.time_ns)
        risk_state.reject_times_ns = [*recent_ns, event.time_ns]


def _utilization(context: RiskContext, now_ns: int) -> Iterator[LimitUtilization]:
    limit = context.limits.rejects_per_minute_max
    if limit is not None:
        count = len(within_last_minute(context.risk_state.reject_times_ns, now_ns))
        limit_text = f"fewer than {limit} a minute"
        yield count_utilization("REJECTS", "", limit_text, count=count, limit=limit, unit="rejects")


def _remembered(risk_state: RiskState, _symbol: str) -> dict[str, str]:
    count = len(risk_state.reject_times_ns)
    return {"rejects of the last minute": str(count)} if count else {}


def _clear(risk_state: RiskState, _event: RiskReset) -> None:
    risk_state.reject_times_ns = []


def _on_resume(risk_state: RiskState) -> None:
    risk_state.reject_times_ns.clear()


RULE: Final = RiskRule(
    codes=(
        RuleCode(
            "REJECTS",
            "orders that venue or gateway rejected in the last minute; at the limit the desk becomes REDUCE_ONLY",
            "find out why the orders are rejected, then `paperdesk resume --reason ...`",
        ),
    ),
    phases=Phase.BEFORE_SIZING | Phase.RESTING,
    check=check,
    limits=(RuleLimit("rejects_per_minute_max"),),
    escalates_to=(TradingState.REDUCE_ONLY,),
    ends_with_day=True,
    reset=RuleReset(by_symbol=False, values=_remembered, clear=_clear),
    on_resume=_on_resume,
    updates={OrderUpdated: _on_order_update},
    utilization=_utilization,
    until=until,
)
