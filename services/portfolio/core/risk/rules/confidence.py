"""Lower limit of the signal's confidence."""

from __future__ import annotations

from typing import Final

from proto.trading.units import FINEST, decimal_text, to_decimal
from services.portfolio.core.risk.rule import Phase, RiskRule, RuleCode, RuleLimit, until_event
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(order: OrderProposal, context: RiskContext, _now_ns: int) -> Denial | None:
    """Deny with CONFIDENCE a confidence below the limit, and under any limits a confidence outside 0 to 1."""
    if not 0 <= order.confidence <= 1:
        return Denial("CONFIDENCE", "0 to 1", f"{order.confidence:g}")
    least = context.limits.confidence_min
    if least is None or to_decimal(order.confidence) >= least:
        return None
    return Denial("CONFIDENCE", f"at least {decimal_text(least)}", f"{order.confidence:g}")


def confidences(order: OrderProposal, context: RiskContext) -> tuple[float, float]:
    """Return bounds of the confidences with the code of the order's confidence (see `rule.Confidences`)."""
    mine, least = order.confidence, context.limits.confidence_min
    if not 0 <= mine <= 1:
        return mine, mine
    if least is None:
        return 0.0, 1.0
    # A confidence is compared as a decimal of at most 12 places, which may differ from the float by half of the last.
    if to_decimal(mine) >= least:
        return min(mine, float(least + FINEST)), 1.0
    return 0.0, max(mine, float(least - FINEST))


RULE: Final = RiskRule(
    codes=(
        RuleCode(
            "CONFIDENCE",
            "lowest confidence of a signal; a confidence outside 0 to 1 is denied in any set",
            "the signal's confidence must be higher, or confidence_min lower",
        ),
    ),
    phases=Phase.BEFORE_SIZING,
    check=check,
    limits=(RuleLimit("confidence_min", "at least {}"),),
    is_always_asked=True,
    until=until_event,
    confidences=confidences,
)
