"""No opening around the end of the server's day, when spreads are wide and swaps are charged."""

from __future__ import annotations

from typing import Final

from proto.time import DAY_NS, MINUTE_NS
from proto.trading.server_time import time_of_day_ns
from services.portfolio.core.risk.rule import (
    Phase,
    RiskRule,
    RuleCode,
    RuleLimit,
    clock_time_ahead_ns,
)
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(_order: OrderProposal, context: RiskContext, now_ns: int) -> Denial | None:
    """Deny with ROLLOVER within the limit's minutes before and after the server's midnight; `now_ns` is venue time."""
    minutes = context.limits.rollover_pause_min
    if minutes is None:
        return None
    until_ns = pause_end(context, now_ns)
    if not until_ns:
        return None
    distance_ns = abs(until_ns - minutes * MINUTE_NS - now_ns)
    return Denial(
        "ROLLOVER", f"{minutes} minutes from the rollover", f"{distance_ns // MINUTE_NS} minutes", until_ns=until_ns
    )


def pause_end(context: RiskContext, now_ns: int) -> int:
    """Return the venue time at which the pause at venue time `now_ns` ends; 0 outside it."""
    minutes = context.limits.rollover_pause_min
    if minutes is None:
        return 0
    since_midnight_ns = time_of_day_ns(now_ns)
    to_midnight_ns = DAY_NS - since_midnight_ns
    if min(since_midnight_ns, to_midnight_ns) >= minutes * MINUTE_NS:
        return 0
    nearest_ns = now_ns - since_midnight_ns if since_midnight_ns <= to_midnight_ns else now_ns + to_midnight_ns
    return nearest_ns + minutes * MINUTE_NS


def until(_order: OrderProposal, context: RiskContext, now_ns: int) -> int:
    """Return the next beginning or end of the pause (see `rule.Until`)."""
    minutes = context.limits.rollover_pause_min
    assert minutes is not None
    since_midnight_ns = time_of_day_ns(now_ns)
    # The pause begins 1 ns after `minutes` before midnight, and ends exactly `minutes` after it (see `check`).
    bounds_ns = (minutes * MINUTE_NS, 1 - minutes * MINUTE_NS)
    ahead_ns = min((bound - since_midnight_ns) % DAY_NS or DAY_NS for bound in bounds_ns)
    return clock_time_ahead_ns(now_ns, ahead_ns)


RULE: Final = RiskRule(
    codes=(
        RuleCode(
            "ROLLOVER",
            "minutes before and after the end of the server's day",
            "wait for the end of the pause around the server's midnight",
        ),
    ),
    phases=Phase.BEFORE_SIZING,
    check=check,
    limits=(RuleLimit("rollover_pause_min", "{} minutes from the rollover"),),
    can_be_excepted=True,
    pause_end=pause_end,
    until=until,
)
