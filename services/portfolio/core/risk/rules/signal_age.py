"""No opening on the signal of an old tick, because the market may have moved since."""

from __future__ import annotations

from typing import Final

from proto.time import MS_NS
from services.portfolio.core.risk.rule import Phase, RiskRule, RuleCode, until_event
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(_order: OrderProposal, context: RiskContext, _now_ns: int) -> Denial | None:
    """Deny with SIGNAL_STALE, under any limits, if the age of the signal's tick is above SIGNAL_AGE_MAX_MS."""
    most_ns = context.signal_age_ns_max
    if most_ns is None or context.tick_age_ns <= most_ns:
        return None
    return Denial("SIGNAL_STALE", f"{most_ns // MS_NS} ms", f"{context.tick_age_ns // MS_NS} ms old")


RULE: Final = RiskRule(
    codes=(
        RuleCode(
            "SIGNAL_STALE",
            "venue time minus the time of the signal's tick, ms, in any set; not in a replay, which waits for the desk",
            "signals must arrive sooner after their tick, or SIGNAL_AGE_MAX_MS must be higher",
        ),
    ),
    phases=Phase.BEFORE_SIZING,
    check=check,
    setting="SIGNAL_AGE_MAX_MS",
    until=until_event,
)
