"""The clock of the broker's server: its day begins at 17:00 in New York, when banks close theirs.

That is the midnight of servers at UTC+2, and UTC+3 during New York's daylight saving, which is what most MetaTrader 5
brokers run for the sake of five daily bars a week.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

SECOND_NS: Final = 1_000_000_000
MINUTE_NS: Final = 60 * SECOND_NS
HOUR_NS: Final = 60 * MINUTE_NS
DAY_NS: Final = 24 * HOUR_NS
FRIDAY: Final = 4

NEW_YORK_CLOSE: Final = "new_york_close"
"""What this clock is called wherever a zone is asked for."""

NEW_YORK: Final = "America/New_York"
AHEAD_OF_NEW_YORK: Final = timedelta(hours=7)

_NEW_YORK: Final = ZoneInfo(NEW_YORK)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def server_ns(time_ns: int) -> int:
    """The server's local time in nanoseconds since the beginning of its 1970-01-01; `time_ns` is UTC."""
    return time_ns + _offset_ns(time_ns // HOUR_NS)


def server_day(time_ns: int) -> int:
    """The number of the server's day, counted from 1970-01-01."""
    return server_ns(time_ns) // DAY_NS


def time_of_day_ns(time_ns: int) -> int:
    """How far the server's day has gone."""
    return server_ns(time_ns) % DAY_NS


def next_day_ns(time_ns: int) -> int:
    """UTC time at which the server's next day begins; the day may have 23 or 25 hours."""
    midnight = (server_day(time_ns) + 1) * DAY_NS
    end = midnight - _offset_ns(time_ns // HOUR_NS)
    return midnight - _offset_ns(end // HOUR_NS)


def weekday(time_ns: int) -> int:
    """0 for the server's Monday to 6 for its Sunday."""
    return (server_day(time_ns) + 3) % 7


def minute_of_week(time_ns: int) -> int:
    """Whole minutes since the beginning of the server's Monday."""
    return (weekday(time_ns) * DAY_NS + time_of_day_ns(time_ns)) // MINUTE_NS


def is_in_session(sessions: Iterable[tuple[int, int]], time_ns: int) -> bool:
    """Whether one of the spans, in minutes of the server's week, has begun and not ended."""
    minute = minute_of_week(time_ns)
    return any(begin <= minute < end for begin, end in sessions)


@lru_cache(maxsize=64)
def _offset_ns(hour: int) -> int:
    """What the server is ahead of UTC by; clocks are changed at full hours."""
    offset = (_EPOCH + timedelta(hours=hour)).astimezone(_NEW_YORK).utcoffset()
    assert offset is not None
    return int((offset + AHEAD_OF_NEW_YORK).total_seconds()) * SECOND_NS


def within_last_minute(times_ns: list[int], now_ns: int) -> list[int]:
    """Those of the moments that are less than a minute ago."""
    return [time_ns for time_ns in times_ns if time_ns > now_ns - MINUTE_NS]
