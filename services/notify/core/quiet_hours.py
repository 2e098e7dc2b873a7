"""Local times of day: quiet hours and the time of the daily summary, with changes to and from summer time.

A time of day that the clock skips counts as the moment at which the clock has just passed it. Of a time that comes
twice, the first is meant as the end of quiet hours and as the time of the summary.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Final

from msgspec import Struct

from proto.time import SECOND_NS

_DAY: Final = timedelta(days=1)

_ENDS_MAX: Final = 16
"""Ends of intervals after which quiet hours count as endless; more than the intervals of any rule that touch."""


class Interval(Struct, frozen=True):
    """Quiet from `start` until just before `end`; it contains midnight if `end` is not after `start`."""

    start: time
    end: time

    def __contains__(self, at: time) -> bool:
        """Whether a time of day is quiet."""
        if self.start < self.end:
            return self.start <= at < self.end
        return at >= self.start or at < self.end


def quiet_until(now_ns: int, intervals: list[Interval], zone: tzinfo) -> int:
    """The time at which quiet hours end, in UTC nanoseconds; `now_ns` if it is not quiet.

    Args:
        now_ns: the time in UTC nanoseconds.
        intervals: quiet hours of the local day, which must leave a part of it.
        zone: the local time zone.
    """
    at = now_ns
    for _ in range(_ENDS_MAX):
        local = _local(at, zone)
        inside = [one for one in intervals if local.time() in one]
        if not inside:
            return at
        at = max(next_time_of_day(at, one.end, zone) for one in inside)
    return at


def is_never_over(intervals: list[Interval]) -> bool:
    """Whether the intervals cover the whole day."""
    at = time(0)
    for _ in range(_ENDS_MAX):
        inside = [one for one in intervals if at in one]
        if not inside:
            return False
        ends = [one.end for one in inside]
        if any(end <= at for end in ends):  # one of them reaches midnight
            return True
        at = max(ends)
    return True


def next_time_of_day(after_ns: int, at: time, zone: tzinfo) -> int:
    """The first moment after `after_ns` at which the local clock shows `at`, in UTC nanoseconds."""
    day = _local(after_ns, zone).date()
    for days in (-1, 0, 1, 2):
        moment = datetime.combine(day + days * _DAY, at, zone).astimezone(UTC)
        moment_ns = int(moment.timestamp()) * SECOND_NS
        if moment_ns > after_ns:
            return moment_ns
    raise AssertionError((after_ns, at))


def local_text(time_ns: int, zone: tzinfo) -> str:
    """Local date and time to the second, with the offset from UTC."""
    return _local(time_ns, zone).isoformat(sep=" ", timespec="seconds")


def _local(time_ns: int, zone: tzinfo) -> datetime:
    return datetime.fromtimestamp(time_ns // SECOND_NS, zone)
