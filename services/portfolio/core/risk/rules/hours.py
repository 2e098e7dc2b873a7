"""Trading hours by the server's clock."""

from __future__ import annotations

from typing import Final

from proto.time import DAY_NS, HOUR_NS, MINUTE_NS
from proto.trading.server_time import time_of_day_ns
from services.portfolio.core.risk.formatting import format_server_time
from services.portfolio.core.risk.limits import Limits
from services.portfolio.core.risk.rule import (
    Phase,
    RiskRule,
    RuleCode,
    RuleLimit,
    clock_time_ahead_ns,
)
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(_order: OrderProposal, context: RiskContext, now_ns: int) -> Denial | None:
    """Deny with TRADING_HOURS outside the trading hours; `now_ns` is venue time."""
    hours = context.limits.trading_hours
    if hours is None:
        return None
    begin, end = (parse_time_of_day(text) for text in hours.split("-"))
    since_midnight_ns = time_of_day_ns(now_ns)
    is_within = (
        begin <= since_midnight_ns < end if begin <= end else since_midnight_ns >= begin or since_midnight_ns < end
    )
    return None if is_within else Denial("TRADING_HOURS", hours, format_server_time(now_ns))


def until(_order: OrderProposal, context: RiskContext, now_ns: int) -> int:
    """Return the next beginning or end of the hours (see `rule.Until`)."""
    hours = context.limits.trading_hours
    assert hours is not None
    since_midnight_ns = time_of_day_ns(now_ns)
    ahead_ns = min((parse_time_of_day(text) - since_midnight_ns) % DAY_NS or DAY_NS for text in hours.split("-"))
    return clock_time_ahead_ns(now_ns, ahead_ns)


def parse_time_of_day(text: str) -> int:
    """Return the nanoseconds since midnight of a time of day such as 20:00."""
    hour, minute = text.split(":")
    return int(hour) * HOUR_NS + int(minute) * MINUTE_NS


def _contradiction(limits: Limits) -> str:
    begin, _, end = (limits.trading_hours or "").partition("-")
    if begin != end or not begin:
        return ""
    return f"trading_hours is '{begin}-{end}', which contains no time, expected an end other than the beginning"


RULE: Final = RiskRule(
    codes=(
        RuleCode(
            "TRADING_HOURS",
            'hours such as `"07:00-20:00"` on the server\'s clock; they may extend over midnight',
            "wait until the trading hours begin",
        ),
    ),
    phases=Phase.BEFORE_SIZING | Phase.RESTING,
    check=check,
    limits=(RuleLimit("trading_hours", "{} of the server's day"),),
    contradiction=_contradiction,
    can_be_excepted=True,
    until=until,
)
