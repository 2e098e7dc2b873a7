"""Local clock of the broker's server: its midnight is 17:00 in New York, the end of the banking day.

The server is at UTC+2, and at UTC+3 during New York's daylight saving time. Most MetaTrader 5 brokers use this time,
because it gives five daily bars a week. A symbol may have another clock, named by a time zone.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from proto.time import DAY_NS, EPOCH, HOUR_NS, MINUTE_NS, SECOND_NS

FRIDAY: Final = 4

NEW_YORK_CLOSE: Final = "new_york_close"
"""Name of the server's clock, accepted wherever the name of a time zone is accepted."""

NEW_YORK: Final = "America/New_York"
AHEAD_OF_NEW_YORK: Final = timedelta(hours=7)

QUARTER_NS: Final = 15 * MINUTE_NS
"""The offset of a clock from UTC changes only at multiples of this time."""

_NEW_YORK: Final = ZoneInfo(NEW_YORK)
_AHEAD_MAX_NS: Final = 15 * HOUR_NS


def is_clock(name: str) -> bool:
    """Whether `name` names the server's clock or a time zone."""
    if name == NEW_YORK_CLOSE:
        return True
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def server_ns(time_ns: int, clock: str = NEW_YORK_CLOSE) -> int:
    """Local time of a clock at UTC time `time_ns`, in nanoseconds since 1970-01-01 00:00 local time."""
    return time_ns + _offset_ns(time_ns // QUARTER_NS, clock)


def server_day(time_ns: int, clock: str = NEW_YORK_CLOSE) -> int:
    """Day of a clock at UTC time `time_ns`, numbered from 1970-01-01."""
    return server_ns(time_ns, clock) // DAY_NS


def time_of_day_ns(time_ns: int, clock: str = NEW_YORK_CLOSE) -> int:
    """Nanoseconds since the clock's midnight at UTC time `time_ns`."""
    return server_ns(time_ns, clock) % DAY_NS


def next_day_ns(time_ns: int, clock: str = NEW_YORK_CLOSE) -> int:
    """UTC nanoseconds at which the clock's next day begins after `time_ns`; a day may have 23 or 25 hours.

    For a clock that is set forward at midnight, the result may be an hour early.
    """
    midnight = (server_day(time_ns, clock) + 1) * DAY_NS
    end = midnight - _offset_ns(time_ns // QUARTER_NS, clock)
    return midnight - _offset_ns(end // QUARTER_NS, clock)


def weekday_of_day(day: int) -> int:
    """Weekday of a day numbered from 1970-01-01: 0 Monday to 6 Sunday."""
    return (day + 3) % 7


def weekday(time_ns: int, clock: str = NEW_YORK_CLOSE) -> int:
    """Weekday of a clock at UTC time `time_ns`: 0 Monday to 6 Sunday."""
    return weekday_of_day(server_day(time_ns, clock))


def minute_of_week(time_ns: int, clock: str = NEW_YORK_CLOSE) -> int:
    """Whole minutes since the clock's Monday 00:00 at UTC time `time_ns`."""
    return (weekday(time_ns, clock) * DAY_NS + time_of_day_ns(time_ns, clock)) // MINUTE_NS


def is_in_session(sessions: Iterable[tuple[int, int]], time_ns: int, clock: str = NEW_YORK_CLOSE) -> bool:
    """Whether UTC time `time_ns` is within one of `sessions`.

    Args:
        sessions: begin and end of each session, in minutes from the clock's Monday 00:00; the end is excluded.
        time_ns: UTC time.
        clock: `NEW_YORK_CLOSE` or the name of a time zone.
    """
    minute = minute_of_week(time_ns, clock)
    return any(begin <= minute < end for begin, end in sessions)


def utc_times_of(local_ns: int, clock: str = NEW_YORK_CLOSE) -> list[int]:
    """The UTC times at which a clock shows the local time `local_ns`, the earlier one first.

    A local time that a clock change repeats has two UTC times. A local time that a clock change skips has none.
    """
    around = (local_ns - _AHEAD_MAX_NS, local_ns, local_ns + _AHEAD_MAX_NS)
    # A clock changes at most once in these 30 hours.
    offsets = {server_ns(time_ns, clock) - time_ns for time_ns in around}
    return sorted(local_ns - offset for offset in offsets if server_ns(local_ns - offset, clock) == local_ns)


@lru_cache(maxsize=256)
def _offset_ns(quarter: int, clock: str = NEW_YORK_CLOSE) -> int:
    """Offset of a clock from UTC in nanoseconds; it changes only at full quarters of an hour."""
    moment = EPOCH + timedelta(minutes=15 * quarter)
    is_server = clock == NEW_YORK_CLOSE
    offset = moment.astimezone(_NEW_YORK if is_server else ZoneInfo(clock)).utcoffset()
    assert offset is not None
    return int((offset + AHEAD_OF_NEW_YORK if is_server else offset).total_seconds()) * SECOND_NS


def within_last_minute(times_ns: list[int], now_ns: int) -> list[int]:
    """The elements of `times_ns` that are less than a minute before `now_ns`."""
    return [time_ns for time_ns in times_ns if time_ns > now_ns - MINUTE_NS]
