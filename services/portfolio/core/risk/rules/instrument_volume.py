"""The venue takes volumes between its minimum and maximum, in whole steps."""

from __future__ import annotations

from proto.trading.units import decimal_text, is_exact
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(order: OrderProposal, _context: RiskContext, _now_ns: int) -> Denial | None:
    """INVALID_VOLUME for what the venue would not take."""
    terms = order.instrument
    if not is_exact(order.volume):
        return Denial("INVALID_VOLUME", "a finite number of lots, of a sane size", f"{order.volume} of {terms.symbol}")
    if terms.takes_volume(order.volume):
        return None
    return Denial("INVALID_VOLUME", terms.volume_terms, f"{decimal_text(order.volume)} lots of {terms.symbol}")
