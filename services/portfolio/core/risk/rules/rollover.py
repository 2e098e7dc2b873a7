"""No new position around the end of the server's day, when spreads are wide and swaps are charged."""

from __future__ import annotations

from proto.trading.server_time import DAY_NS, MINUTE_NS, time_of_day_ns
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(_order: OrderProposal, context: RiskContext, now_ns: int) -> Denial | None:
    """ROLLOVER within so many minutes of the server's midnight."""
    minutes = context.limits.rollover_pause_min
    if minutes is None:
        return None
    moment = time_of_day_ns(now_ns)
    distance_ns = min(moment, DAY_NS - moment)
    if distance_ns >= minutes * MINUTE_NS:
        return None
    to_midnight_ns = -moment if moment == distance_ns else DAY_NS - moment
    return Denial(
        "ROLLOVER",
        f"{minutes} minutes from the rollover",
        f"{distance_ns // MINUTE_NS} minutes",
        until_ns=now_ns + to_midnight_ns + minutes * MINUTE_NS,
    )
