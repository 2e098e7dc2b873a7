"""Trading hours by the server's clock, and the close before the weekend."""

from __future__ import annotations

from proto.trading.server_time import FRIDAY, HOUR_NS, MINUTE_NS, time_of_day_ns, weekday
from services.portfolio.core.risk.formatting import format_server_time
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(_order: OrderProposal, context: RiskContext, now_ns: int) -> Denial | None:
    """TRADING_HOURS outside of them; FRIDAY_CLOSE after it on the server's Friday and on its weekend."""
    limits = context.limits
    if limits.trading_hours is not None:
        begin, end = (_of_day(text) for text in limits.trading_hours.split("-"))
        moment = time_of_day_ns(now_ns)
        is_within = begin <= moment < end if begin <= end else moment >= begin or moment < end
        if not is_within:
            return Denial("TRADING_HOURS", limits.trading_hours, format_server_time(now_ns))
    if limits.friday_close is not None:
        day = weekday(now_ns)
        if day > FRIDAY or (day == FRIDAY and time_of_day_ns(now_ns) >= _of_day(limits.friday_close)):
            return Denial("FRIDAY_CLOSE", f"before {limits.friday_close} on Friday", format_server_time(now_ns))
    return None


def _of_day(text: str) -> int:
    hour, minute = text.split(":")
    return int(hour) * HOUR_NS + int(minute) * MINUTE_NS
