"""The volume of an order must be a multiple of the venue's volume step, between the venue's minimum and maximum."""

from __future__ import annotations

from typing import Final

from proto.trading.units import decimal_text, is_exact
from services.portfolio.core.risk.rule import Phase, RiskRule, RuleCode, until_event
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(order: OrderProposal, _context: RiskContext, _now_ns: int) -> Denial | None:
    """Deny with INVALID_VOLUME a volume that the venue would refuse."""
    terms = order.instrument
    if not is_exact(order.volume):
        return Denial(
            "INVALID_VOLUME", "a finite number of lots within the number range", f"{order.volume} of {terms.symbol}"
        )
    if terms.takes_volume(order.volume):
        return None
    return Denial("INVALID_VOLUME", terms.volume_terms, f"{decimal_text(order.volume)} lots of {terms.symbol}")


RULE: Final = RiskRule(
    codes=(
        RuleCode(
            "INVALID_VOLUME",
            "a volume that is no number, not above 0, outside the venue's bounds or not a multiple of its step",
            "the volume must be a multiple of the venue's step, between its minimum and maximum",
        ),
    ),
    phases=Phase.BASE | Phase.CLOSED_PART,
    check=check,
    until=until_event,
)
