"""The close before the weekend, by the server's clock."""

from __future__ import annotations

from proto.trading.server_time import FRIDAY, time_of_day_ns, weekday
from services.portfolio.core.risk.formatting import format_server_time
from services.portfolio.core.risk.rules.hours import parse_time_of_day
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(_order: OrderProposal, context: RiskContext, now_ns: int) -> Denial | None:
    """FRIDAY_CLOSE after it on the server's Friday and on its weekend."""
    close = context.limits.friday_close
    if close is None:
        return None
    day = weekday(now_ns)
    if day > FRIDAY or (day == FRIDAY and time_of_day_ns(now_ns) >= parse_time_of_day(close)):
        return Denial("FRIDAY_CLOSE", f"before {close} on Friday", format_server_time(now_ns))
    return None
