"""The two times every core is told, and how a time is written for people."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, NamedTuple

_NS_PER_S: Final = 1_000_000_000


class Now(NamedTuple):
    """The present, as the shell sees it when it calls a core.

    `domain_ns` is venue time in UTC nanoseconds (ages, expiry, sessions); in replay it is never past the last tick.
    `mono_ns` is the monotonic clock (timeouts, resending, heartbeats) and never decides anything of trading.
    """

    domain_ns: int
    mono_ns: int


@lru_cache(maxsize=1_024)
def utc_text(time_ns: int) -> str:
    """Nanoseconds since 1970 as a date and time of UTC, to the millisecond, or to the microsecond where it has any.

    Cached: a pause of the circuit breaker names its end in each denial.

    >>> utc_text(1_577_836_800_000_000_000)
    '2020-01-01 00:00:00.000Z'
    """
    seconds, rest = divmod(time_ns, _NS_PER_S)
    at = datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1_000)
    return at.isoformat(sep=" ", timespec="milliseconds" if rest % 1_000_000 == 0 else "microseconds")[:-6] + "Z"
