"""Clocks of time zones, and the server's clock, whose midnight is 17:00 in New York in summer and winter."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

SECOND_NS: Final = 1_000_000_000
MINUTE_NS: Final = 60 * SECOND_NS
HOUR_NS: Final = 60 * MINUTE_NS
DAY_NS: Final = 24 * HOUR_NS
WEEKDAYS: Final = 7
WEEK_NS: Final = WEEKDAYS * DAY_NS

EPOCH: Final = datetime.fromisoformat("1970-01-01")
_WEEKDAY_OF_EPOCH: Final = 3

Spans = tuple[tuple[int, int], ...]
"""Minutes of a clock's week from Monday 00:00, as [begin, end)."""


class Clock(NamedTuple):
    """A clock with the time of a time zone plus an offset."""

    zone: str
    ahead: timedelta = timedelta(0)

    def shown_ns(self, time_ns: int) -> int:
        """Local time of the clock, in nanoseconds since 1970-01-01 00:00 local time."""
        return time_ns + _offset_ns(self, time_ns // HOUR_NS)

    def day(self, time_ns: int) -> int:
        """Day of the clock, numbered from 1970-01-01."""
        return self.shown_ns(time_ns) // DAY_NS

    def midnight_ns(self, day: int) -> int:
        """UTC time at which a day begins, in nanoseconds."""
        return _midnight_ns(self, day)

    def utc_ns(self, shown: datetime) -> int:
        """UTC time in nanoseconds at which the clock shows `shown`; the earlier one if there are two."""
        there = (shown - self.ahead).replace(tzinfo=ZoneInfo(self.zone))
        return int(there.timestamp()) * SECOND_NS

    def days_ended(self, after_ns: int, until_ns: int) -> Iterator[int]:
        """The days that end after `after_ns` and not later than `until_ns`, numbered from 1970-01-01."""
        yield from range(self.day(after_ns), self.day(until_ns))

    def is_in(self, spans: Spans, time_ns: int) -> bool:
        """Whether a time is in one of the spans of the week; the end of a span is excluded."""
        of_week = self._of_week_ns(time_ns)
        return any(begin * MINUTE_NS <= of_week < end * MINUTE_NS for begin, end in spans)

    def span_begin_ns(self, spans: Spans, time_ns: int) -> int:
        """Beginning of the span that contains a time; adjacent spans count as one."""
        of_week = self._of_week_ns(time_ns)
        begin = max(begin for begin, end in spans if begin * MINUTE_NS <= of_week < end * MINUTE_NS)
        while earlier := [first for first, end in spans if end == begin]:
            begin = earlier[0]
        return time_ns - (of_week - begin * MINUTE_NS)

    def _of_week_ns(self, time_ns: int) -> int:
        return (self.shown_ns(time_ns) + _WEEKDAY_OF_EPOCH * DAY_NS) % WEEK_NS


SERVER: Final = Clock("America/New_York", timedelta(hours=7))


def weekday(day: int) -> int:
    """The weekday of a day since 1970, 0 for Monday."""
    return (day + _WEEKDAY_OF_EPOCH) % WEEKDAYS


@lru_cache(maxsize=16_384)
def _offset_ns(clock: Clock, hour: int) -> int:
    """The clock's offset from UTC in nanoseconds, in the UTC hour `hour`, numbered from 1970-01-01 00:00.

    Offsets change on the hour.
    """
    there = datetime.fromtimestamp(hour * 3_600, UTC).astimezone(ZoneInfo(clock.zone)).utcoffset()
    assert there is not None
    return int((there + clock.ahead).total_seconds()) * SECOND_NS


@lru_cache(maxsize=4_096)
def _midnight_ns(clock: Clock, day: int) -> int:
    return clock.utc_ns(EPOCH + timedelta(days=day))
