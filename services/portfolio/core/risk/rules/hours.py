"""Trading hours by the server's clock."""

from __future__ import annotations

from proto.trading.server_time import HOUR_NS, MINUTE_NS, time_of_day_ns
from services.portfolio.core.risk.formatting import format_server_time
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(_order: OrderProposal, context: RiskContext, now_ns: int) -> Denial | None:
    """TRADING_HOURS outside of them."""
    hours = context.limits.trading_hours
    if hours is None:
        return None
    begin, end = (parse_time_of_day(text) for text in hours.split("-"))
    moment = time_of_day_ns(now_ns)
    is_within = begin <= moment < end if begin <= end else moment >= begin or moment < end
    return None if is_within else Denial("TRADING_HOURS", hours, format_server_time(now_ns))


def parse_time_of_day(text: str) -> int:
    """Nanoseconds since midnight of a time of day such as 20:00."""
    hour, minute = text.split(":")
    return int(hour) * HOUR_NS + int(minute) * MINUTE_NS
