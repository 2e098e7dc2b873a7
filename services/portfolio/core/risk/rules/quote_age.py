"""No opening on an old quote."""

from __future__ import annotations

from typing import Final

from proto.time import MS_NS
from services.portfolio.core.risk.rule import Phase, RiskRule, RuleCode, RuleLimit, until_event
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(_order: OrderProposal, context: RiskContext, _now_ns: int) -> Denial | None:
    """Deny with QUOTE_STALE if the quote of the decision is older than the limit, in venue time."""
    most = context.limits.quote_age_ms_max
    if most is None or context.tick_age_ns <= most * MS_NS:
        return None
    return Denial("QUOTE_STALE", f"{most} ms", f"{context.tick_age_ns // MS_NS} ms old")


RULE: Final = RiskRule(
    codes=(
        RuleCode(
            "QUOTE_STALE",
            "venue time minus the time of the signal's tick, ms; for a person's order, age of the latest quote",
            "the quote must be newer: check the delay of the feed",
        ),
    ),
    phases=Phase.BEFORE_SIZING,
    check=check,
    limits=(RuleLimit("quote_age_ms_max", "{} ms old"),),
    can_be_excepted=True,
    until=until_event,
)
