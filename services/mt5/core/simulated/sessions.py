"""When an instrument is traded: spans of the server's week."""

from __future__ import annotations

from proto.trading.instrument import Instrument
from proto.trading.server_time import is_in_session


def is_open(instrument: Instrument, time_ns: int) -> bool:
    """True within one of the instrument's sessions, its first minute included and its end not; always, where it has none."""
    return not instrument.sessions or is_in_session(instrument.sessions, time_ns)
