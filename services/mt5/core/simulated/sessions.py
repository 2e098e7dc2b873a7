"""When an instrument is traded: spans of the server's week."""

from __future__ import annotations

from proto.trading.instrument import Instrument
from proto.trading.server_time import MINUTE_NS, minute_of_week, time_of_day_ns


def session_age_ns(instrument: Instrument, time_ns: int) -> int | None:
    """How long the session that holds `time_ns` has lasted; None between sessions, and `time_ns` itself without any."""
    if not instrument.sessions:
        return time_ns
    minute = minute_of_week(time_ns)
    for begin, end in instrument.sessions:
        if begin <= minute < end:
            return (minute - begin) * MINUTE_NS + time_of_day_ns(time_ns) % MINUTE_NS
    return None


def is_open(instrument: Instrument, time_ns: int) -> bool:
    """True within one of the instrument's sessions, its first minute included and its end not; always, where it has none."""
    return instrument.is_traded(time_ns)
