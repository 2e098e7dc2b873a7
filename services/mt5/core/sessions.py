"""When an instrument is traded: spans of the server's week."""

from __future__ import annotations

from proto.instrument import Instrument
from proto.server_time import MINUTE_NS, of_day_ns, weekday

_DAY_MINUTES = 24 * 60


def is_open(instrument: Instrument, time_ns: int) -> bool:
    """True within one of the instrument's sessions, its first minute included and its end not; always, where it has none."""
    if not instrument.sessions:
        return True
    minute = weekday(time_ns) * _DAY_MINUTES + of_day_ns(time_ns) // MINUTE_NS
    return any(start <= minute < end for start, end in instrument.sessions)
