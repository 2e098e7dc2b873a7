"""No opening from a time on Friday until the end of the weekend, by the server's clock."""

from __future__ import annotations

from typing import Final

from proto.time import DAY_NS
from proto.trading.server_time import FRIDAY, time_of_day_ns, weekday
from services.portfolio.core.risk.formatting import format_server_time
from services.portfolio.core.risk.rule import (
    Phase,
    RiskRule,
    RuleCode,
    RuleLimit,
    clock_time_ahead_ns,
)
from services.portfolio.core.risk.rules.hours import parse_time_of_day
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(_order: OrderProposal, context: RiskContext, now_ns: int) -> Denial | None:
    """Deny with FRIDAY_CLOSE from the limit's time on the server's Friday until the end of the server's Sunday.

    `now_ns` is venue time.
    """
    close = context.limits.friday_close
    if close is None:
        return None
    day = weekday(now_ns)
    if day > FRIDAY or (day == FRIDAY and time_of_day_ns(now_ns) >= parse_time_of_day(close)):
        return Denial("FRIDAY_CLOSE", f"before {close} on Friday", format_server_time(now_ns))
    return None


def until(_order: OrderProposal, context: RiskContext, now_ns: int) -> int:
    """Return the next Friday close or end of the weekend (see `rule.Until`)."""
    close = context.limits.friday_close
    assert close is not None
    day, since_midnight_ns = weekday(now_ns), time_of_day_ns(now_ns)
    to_close_ns = (FRIDAY - day) * DAY_NS + parse_time_of_day(close) - since_midnight_ns
    ahead_ns = to_close_ns if to_close_ns > 0 else 7 * DAY_NS - day * DAY_NS - since_midnight_ns
    return clock_time_ahead_ns(now_ns, ahead_ns)


RULE: Final = RiskRule(
    codes=(
        RuleCode(
            "FRIDAY_CLOSE",
            "time such as `\"20:00\"` on the server's Friday; nothing is opened from then until the server's Monday",
            "wait until the next week begins",
        ),
    ),
    phases=Phase.BEFORE_SIZING | Phase.RESTING,
    check=check,
    limits=(RuleLimit("friday_close", "before {} on Friday"),),
    can_be_excepted=True,
    until=until,
)
