"""A symbol that loses again and again has a pause, and then has to show that it is over."""

from __future__ import annotations

from proto.time import utc_text
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(order: OrderProposal, context: RiskContext, now_ns: int) -> Denial | None:
    """CIRCUIT_BREAKER until the pause of the symbol is over; what follows it are trials, which may trade."""
    losses = context.limits.breaker_losses
    breaker = context.risk_state.breakers.get(order.instrument.symbol)
    if losses is None or breaker is None or now_ns >= breaker.until_ns:
        return None
    return Denial(
        "CIRCUIT_BREAKER",
        f"{losses} losses in a row",
        f"pause until {utc_text(breaker.until_ns)}",
        until_ns=breaker.until_ns,
    )
