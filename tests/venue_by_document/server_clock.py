"""The server's clock: its midnight is 17:00 in New York, in summer and in winter."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from tests.venue_by_document.terms import WEEKDAYS, Spans

NEW_YORK: Final = ZoneInfo("America/New_York")
AHEAD_OF_NEW_YORK: Final = timedelta(hours=7)

SECOND_NS: Final = 1_000_000_000
MINUTE_NS: Final = 60 * SECOND_NS
HOUR_NS: Final = 60 * MINUTE_NS
DAY_NS: Final = 24 * HOUR_NS
WEEK_NS: Final = WEEKDAYS * DAY_NS
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_WEEKDAY_OF_EPOCH: Final = 3


@lru_cache(maxsize=4_096)
def _offset_ns(hour: int) -> int:
    """What the server's clock shows more than UTC in an hour since 1970; clocks are changed on the hour."""
    there = datetime.fromtimestamp(hour * 3_600, UTC).astimezone(NEW_YORK).utcoffset()
    assert there is not None
    return int((there + AHEAD_OF_NEW_YORK).total_seconds()) * SECOND_NS


def server_ns(time_ns: int) -> int:
    """What the server's clock shows, as if it were UTC."""
    return time_ns + _offset_ns(time_ns // HOUR_NS)


def server_day(time_ns: int) -> int:
    """Number of the server's day since 1970."""
    return server_ns(time_ns) // DAY_NS


def weekday(day: int) -> int:
    """Of a server's day, 0 for Monday."""
    return (day + _WEEKDAY_OF_EPOCH) % WEEKDAYS


@lru_cache(maxsize=1_024)
def midnight_ns(day: int) -> int:
    """When a server's day begins."""
    evening = (_EPOCH + timedelta(days=day)).replace(tzinfo=None) - AHEAD_OF_NEW_YORK
    return int(evening.replace(tzinfo=NEW_YORK).timestamp()) * SECOND_NS


def midnights(after_ns: int, until_ns: int) -> Iterator[tuple[int, int]]:
    """The midnights after one moment and up to another: when each is, and the weekday that ends there."""
    for day in range(server_day(after_ns) + 1, server_day(until_ns) + 1):
        yield midnight_ns(day), weekday(day - 1)


def is_in_spans(spans: Spans, time_ns: int) -> bool:
    """Whether a moment is within a session: it has begun at its first minute and is over at its end. None: always."""
    of_week = (server_ns(time_ns) + _WEEKDAY_OF_EPOCH * DAY_NS) % WEEK_NS
    return not spans or any(begin * MINUTE_NS <= of_week < end * MINUTE_NS for begin, end in spans)


def session_begin_ns(spans: Spans, time_ns: int) -> int:
    """When the session began in which a moment is; sessions that touch each other are one."""
    of_week = (server_ns(time_ns) + _WEEKDAY_OF_EPOCH * DAY_NS) % WEEK_NS
    begin = max(begin for begin, end in spans if begin * MINUTE_NS <= of_week < end * MINUTE_NS)
    while earlier := [first for first, end in spans if end == begin]:
        begin = earlier[0]
    return time_ns - (of_week - begin * MINUTE_NS)
