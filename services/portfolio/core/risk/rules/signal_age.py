"""A signal of a tick that is long past opens nothing: the market has moved on since."""

from __future__ import annotations

from typing import Final

from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext

_NS_PER_MS: Final = 1_000_000


def check(_order: OrderProposal, context: RiskContext, _now_ns: int) -> Denial | None:
    """SIGNAL_STALE past SIGNAL_AGE_MAX_MS by the venue's clock, in any set of limits."""
    most_ns = context.signal_age_ns_max
    if most_ns is None or context.tick_age_ns <= most_ns:
        return None
    return Denial("SIGNAL_STALE", f"{most_ns // _NS_PER_MS} ms", f"{context.tick_age_ns // _NS_PER_MS} ms old")
