"""Percentages, server times and pauses as text for people."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from proto.time import MINUTE_NS, utc_text
from proto.trading.server_time import time_of_day_ns, weekday
from proto.trading.units import decimal_text

HUNDREDTH: Final = Decimal("0.01")
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def format_percent(value: Decimal) -> str:
    """Return a percentage as text, rounded half up to two decimals."""
    return f"{decimal_text(value.quantize(HUNDREDTH, rounding=ROUND_HALF_UP))} %"


def format_server_time(time_ns: int) -> str:
    """Return the time of day on the server's clock as text, to the minute."""
    minutes = time_of_day_ns(time_ns) // MINUTE_NS
    return f"{minutes // 60:02d}:{minutes % 60:02d} server time"


def format_server_weekday_time(time_ns: int) -> str:
    """Return weekday and time of day on the server's clock as text."""
    return f"{_DAYS[weekday(time_ns)]} {format_server_time(time_ns)}"


def format_pause(losses: int, until_ns: int) -> str:
    """Describe a pause of the circuit breaker: its end and the number of consecutive `losses` before it."""
    return f"until {utc_text(until_ns)[:19]}Z, {losses} losses in a row"
