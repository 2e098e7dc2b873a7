"""Events of a calendar of economic news, and a search by time. `news_calendar.py` reads the file."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Final

from msgspec import Meta, Struct

from proto.trading.units import TimeNs

NEWS_EVENTS_MAX: Final = 100_000
"""Highest number of events in a calendar: all releases of the eight major currencies over more than thirty years."""


class Impact(StrEnum):
    """Level of the price movement that a release usually causes, as stated by calendars of economic news."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"

    @property
    def rank(self) -> int:
        """Position of the level in ascending order: 0 for LOW."""
        return _RANKS[self]


_RANKS: Final = {impact: rank for rank, impact in enumerate(Impact)}


class NewsEvent(Struct, frozen=True, order=True):
    """One release: its time, currency, impact and name."""

    time_ns: TimeNs
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3,8}$", description="a currency's code in capitals, such as USD")]
    impact: Impact
    title: Annotated[str, Meta(min_length=1, max_length=120, description="1 to 120 characters")]


def news_events_between(events: tuple[NewsEvent, ...], *, after_ns: int, until_ns: int) -> Iterator[NewsEvent]:
    """Yield the events with `after_ns` < time <= `until_ns`, in UTC; `events` must be sorted by time."""
    for at in range(bisect_left(events, after_ns + 1, key=_time), len(events)):
        if events[at].time_ns > until_ns:
            return
        yield events[at]


def _time(event: NewsEvent) -> int:
    return event.time_ns
