"""How percentages, server times and pauses are written for people."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from proto.time import utc_text
from proto.trading.server_time import MINUTE_NS, time_of_day_ns, weekday
from proto.trading.units import decimal_text

_HUNDREDTH: Final = Decimal("0.01")
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def format_percent(value: Decimal) -> str:
    """To two decimals."""
    return f"{decimal_text(value.quantize(_HUNDREDTH, rounding=ROUND_HALF_UP))} %"


def format_server_time(time_ns: int) -> str:
    """To the minute, by the server's clock."""
    minutes = time_of_day_ns(time_ns) // MINUTE_NS
    return f"{minutes // 60:02d}:{minutes % 60:02d} server time"


def format_server_weekday_time(time_ns: int) -> str:
    """The same with the day of the week."""
    return f"{_DAYS[weekday(time_ns)]} {format_server_time(time_ns)}"


def format_pause(losses: int, until_ns: int) -> str:
    """A pause of the circuit breaker, for people."""
    return f"until {utc_text(until_ns)[:19]}Z, {losses} losses in a row"
