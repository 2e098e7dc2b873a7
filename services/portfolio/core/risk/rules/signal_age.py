"""A signal of an old tick opens nothing: the market has moved since."""

from __future__ import annotations

from typing import Final

from proto.time import MS_NS
from services.portfolio.core.risk.rule import Phase, RiskRule, RuleCode, until_event
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(_order: OrderProposal, context: RiskContext, _now_ns: int) -> Denial | None:
    """SIGNAL_STALE above SIGNAL_AGE_MAX_MS by the venue's clock, in any set of limits."""
    most_ns = context.signal_age_ns_max
    if most_ns is None or context.tick_age_ns <= most_ns:
        return None
    return Denial("SIGNAL_STALE", f"{most_ns // MS_NS} ms", f"{context.tick_age_ns // MS_NS} ms old")


RULE: Final = RiskRule(
    codes=(
        RuleCode(
            "SIGNAL_STALE",
            "venue time minus the time of the signal's tick, ms, in any set; not in a replay, which waits for the desk",
            "signals must arrive sooner after their tick, or SIGNAL_AGE_MAX_MS must allow more",
        ),
    ),
    phases=Phase.BEFORE_SIZING,
    check=check,
    setting="SIGNAL_AGE_MAX_MS",
    until=until_event,
)
