"""Events of a calendar of economic news, and finding them by time; `config_files` reads the file."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Final

from msgspec import Meta, Struct

from proto.trading.units import TimeNs

NEWS_EVENTS_MAX: Final = 100_000
"""More than thirty years of every release that the large calendars list for the eight majors."""

NEWS_TIME_NS_MAX: Final = 2**63 - 1
"""No event is later."""


class Impact(StrEnum):
    """How much a release usually moves its currency, in the three levels of the calendars."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"

    @property
    def rank(self) -> int:
        """0 for the least."""
        return _RANKS[self]


_RANKS: Final = {impact: rank for rank, impact in enumerate(Impact)}


class NewsEvent(Struct, frozen=True, order=True):
    """One release: its time, currency, impact and name."""

    time_ns: TimeNs
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3,8}$", description="a currency's code in capitals, such as USD")]
    impact: Impact
    title: Annotated[str, Meta(min_length=1, max_length=120, description="1 to 120 characters")]


def news_events_between(events: tuple[NewsEvent, ...], *, after_ns: int, until_ns: int) -> Iterator[NewsEvent]:
    """Events, which are sorted by time, with `after_ns` < time <= `until_ns`."""
    for at in range(bisect_left(events, after_ns + 1, key=_time), len(events)):
        if events[at].time_ns > until_ns:
            return
        yield events[at]


def _time(event: NewsEvent) -> int:
    return event.time_ns
