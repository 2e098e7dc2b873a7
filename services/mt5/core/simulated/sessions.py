"""The age of an instrument's current trading session."""

from __future__ import annotations

from proto.time import MINUTE_NS
from proto.trading.instrument import Instrument
from proto.trading.server_time import minute_of_week, time_of_day_ns


def session_age_ns(instrument: Instrument, time_ns: int) -> int | None:
    """Time since the last break in trading, in ns; None during a break.

    A break ends when a session begins, or when a holiday ends within a session. An instrument without sessions and
    without past holidays has had no break; the result is then `time_ns` itself (UTC).
    """
    if not instrument.is_traded(time_ns):
        return None
    minute = minute_of_week(time_ns, instrument.clock)
    within_minute_ns = time_of_day_ns(time_ns, instrument.clock) % MINUTE_NS
    ages = [
        (minute - begin) * MINUTE_NS + within_minute_ns for begin, end in instrument.sessions if begin <= minute < end
    ]
    ages += [time_ns - end for _, end in instrument.holidays if end <= time_ns]
    return min(ages, default=time_ns)
