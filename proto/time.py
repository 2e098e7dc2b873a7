"""The two times that every core receives, and text formats of times for people and for programs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

US_NS: Final = 1_000
MS_NS: Final = 1_000 * US_NS
SECOND_NS: Final = 1_000 * MS_NS
MINUTE_NS: Final = 60 * SECOND_NS
HOUR_NS: Final = 60 * MINUTE_NS
DAY_NS: Final = 24 * HOUR_NS

NEVER_NS: Final = 2**63 - 1
"""A time that is never reached."""

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

TIME_SUFFIX: Final = "_ns"
"""Suffix of fields that hold a time in nanoseconds since 1970, UTC."""


class Now(NamedTuple):
    """The current time, as the shell passes it to a core.

    `domain_ns` is venue time in UTC nanoseconds, for ages, expiry and sessions. In a replay it is never later than the
    last tick. `mono_ns` is the host's monotonic clock in nanoseconds, for timeouts, resending and heartbeats. No
    trading decision depends on `mono_ns`.
    """

    domain_ns: int
    mono_ns: int


@lru_cache(maxsize=1_024)
def utc_text(time_ns: int) -> str:
    """Date and time in UTC, to the millisecond if the time is a whole number of milliseconds, else to the microsecond.

    Cached, because every denial during a pause of the circuit breaker has the same end of the pause in its text.

    >>> utc_text(1_577_836_800_000_000_000)
    '2020-01-01 00:00:00.000Z'
    """
    seconds, rest = divmod(time_ns, SECOND_NS)
    at = datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1_000)
    return at.isoformat(sep=" ", timespec="milliseconds" if rest % 1_000_000 == 0 else "microseconds")[:-6] + "Z"


def iso_text(time_ns: int) -> str:
    """Date and time in ISO 8601 and UTC, to the nanosecond.

    >>> iso_text(1_577_836_800_000_000_001)
    '2020-01-01T00:00:00.000000001Z'
    """
    seconds, rest = divmod(time_ns, SECOND_NS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def with_time_texts(fields: Mapping[Any, Any]) -> dict[Any, Any]:
    """Add for each field `*_ns` its time as text, under the name without `_ns`; None for a time of 0 or None.

    Many programs read numbers as doubles, which cannot represent nanoseconds since 1970 exactly.

    >>> with_time_texts({"ended_ns": 0})
    {'ended_ns': 0, 'ended': None}
    """
    shown: dict[Any, Any] = {}
    for name, value in fields.items():
        shown[name] = value
        if isinstance(name, str) and name.endswith(TIME_SUFFIX) and isinstance(value, int | None):
            shown[name.removesuffix(TIME_SUFFIX)] = iso_text(value) if value else None
    return shown
