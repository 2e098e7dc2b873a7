"""What a set of limits may say: the ranges of its numbers, and what its limits need of one another."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import Final

from proto.trading.units import is_exact
from services.portfolio.core.risk.limits import DEFAULT_LIMITS, Limits

EXPECTED: Final = {
    "trading_hours": "hours and minutes such as '07:00-20:00', from 00:00 to 24:00, or 'none'",
    "friday_close": "hours and minutes such as '20:00', or 'none'",
    "foreign_orders": "'halt', 'adopt' or 'ignore'",
    "news_impact_min": "'low', 'medium' or 'high'",
}
"""What a limit may be whose pattern or enumeration says little to a reader."""

_DRAWDOWN: Final = ("drawdown_warn_pct", "drawdown_reduce_pct", "drawdown_halt_pct")
"""In the order in which a growing drawdown has to meet them."""


class LimitsError(ValueError):
    """What a set of limits says cannot be kept; the text has the limit, its value and what was expected."""


def validate_limits(limits: Limits) -> None:
    """Refuse limits out of range, and such as contradict one another.

    Raises:
        LimitsError: names the limit, its value and what was expected.
    """
    for field in Limits.__struct_fields__:
        value = getattr(limits, field)
        is_kept = value == getattr(DEFAULT_LIMITS, field)
        if isinstance(value, Decimal) and not is_kept and not (is_exact(value) and value > 0):
            raise LimitsError(f"{field} is {value}, expected a number above 0, or 'none'")
    if limits.trading_hours is not None:
        _judge_hours(limits.trading_hours)
    if limits.breaker_cooldown_max_s is not None and limits.breaker_cooldown_max_s < limits.breaker_cooldown_s:
        raise LimitsError(
            f"breaker_cooldown_max_s is {limits.breaker_cooldown_max_s}, "
            f"expected at least breaker_cooldown_s, which is {limits.breaker_cooldown_s}"
        )
    levels = [(field, value) for field in _DRAWDOWN if (value := getattr(limits, field)) is not None]
    for (lower, least), (upper, most) in pairwise(levels):
        if least > most:
            raise LimitsError(
                f"{lower} is {_told(lower, least)}, expected at most {upper}, which is {_told(upper, most)}"
            )


def _judge_hours(hours: str) -> None:
    begin, end = hours.split("-")
    if end > "24:00":
        raise LimitsError(f"trading_hours is {hours!r}, expected {EXPECTED['trading_hours']}")
    if begin == end:
        raise LimitsError(
            f"trading_hours is {hours!r}, which is no time at all, expected an end that is not the beginning"
        )


def _told(field: str, value: Decimal) -> str:
    return f"{value:f}{' by default' if value == getattr(DEFAULT_LIMITS, field) else ''}"
