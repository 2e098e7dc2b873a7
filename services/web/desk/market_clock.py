"""Times of a symbol's market: whether it is open, when it closes and opens, and its next rollover. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from proto.time import DAY_NS, MINUTE_NS
from proto.trading.instrument import Instrument
from proto.trading.server_time import (
    is_in_session,
    minute_of_week,
    server_day,
    server_ns,
    utc_times_of,
    weekday_of_day,
)

WEEKS_AHEAD: Final = 3
"""Number of weeks that are searched for the next change; a longer break of trading counts as one without an end."""

_DAY_MINUTES: Final = 24 * 60
_WEEK_DAYS: Final = 7


class MarketTimes(NamedTuple):
    """Times of a market, UTC nanoseconds, 0 for none.

    `closes_ns` is the end of the current session, 0 while the market is closed or if it never closes. `opens_ns` is the
    next opening after a break. `rollover_ns` is the next end of a day after which a swap is charged. `session_text`
    describes the sessions of today on the symbol's clock.
    """

    is_open: bool
    closes_ns: int
    opens_ns: int
    rollover_ns: int
    session_text: str


def market_times(instrument: Instrument, now_ns: int) -> MarketTimes:
    """The times of a symbol's market at UTC time `now_ns`."""
    is_open = instrument.is_traded(now_ns)
    changes = sorted(time_ns for time_ns in _boundaries(instrument, now_ns) if time_ns > now_ns)
    closes_ns = next((time_ns for time_ns in changes if not instrument.is_traded(time_ns)), 0) if is_open else 0
    opens_ns = 0
    if not is_open or closes_ns:
        opens_ns = next((time_ns for time_ns in changes if time_ns > closes_ns and instrument.is_traded(time_ns)), 0)
    return MarketTimes(
        is_open, closes_ns, opens_ns, _rollover_ns(instrument, now_ns), _session_text(instrument, now_ns)
    )


def _boundaries(instrument: Instrument, now_ns: int) -> Iterator[int]:
    """Times at which trading may begin or end: bounds of sessions, holidays, and the expiry."""
    day = server_day(now_ns, instrument.clock)
    monday = day - weekday_of_day(day)
    for week in range(WEEKS_AHEAD):
        midnight_ns = (monday + week * _WEEK_DAYS) * DAY_NS
        for minute in {minute for span in instrument.sessions for minute in span}:
            yield from utc_times_of(midnight_ns + minute * MINUTE_NS, instrument.clock)
    for begin_ns, end_ns in instrument.holidays:
        yield begin_ns
        yield end_ns
    if instrument.expires_ns:
        yield instrument.expires_ns


def _rollover_ns(instrument: Instrument, now_ns: int) -> int:
    day = server_day(now_ns, instrument.clock)
    for ended in range(day, day + _WEEK_DAYS):
        if instrument.swap_weekdays[weekday_of_day(ended)]:
            return next((time_ns for time_ns in utc_times_of((ended + 1) * DAY_NS, instrument.clock)), 0)
    return 0


def _session_text(instrument: Instrument, now_ns: int) -> str:
    if instrument.expires_ns and now_ns >= instrument.expires_ns:
        return "expired"
    if is_in_session(instrument.sessions, now_ns, instrument.clock) and not instrument.is_traded(now_ns):
        return "holiday"
    if not instrument.sessions:
        return "open at all times" if instrument.is_traded(now_ns) else "holiday"
    start = minute_of_week(now_ns, instrument.clock) // _DAY_MINUTES * _DAY_MINUTES
    spans = [
        (max(begin, start) - start, min(end, start + _DAY_MINUTES) - start)
        for begin, end in instrument.sessions
        if begin < start + _DAY_MINUTES and end > start
    ]
    return ", ".join(f"{_hour(begin)}-{_hour(end)}" for begin, end in sorted(spans)) or "closed today"


def _hour(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def utc_offset_s(time_ns: int) -> int:
    """Offset of the server's clock from UTC at UTC time `time_ns`, in seconds."""
    return (server_ns(time_ns) - time_ns) // (MINUTE_NS // 60)
