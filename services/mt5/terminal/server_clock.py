"""Conversion between UTC and the broker's server time, which is a local time written as if it were UTC.

A server runs on New-York-close time (`proto.trading.server_time`) or on a zone of the time zone database. When clocks
are set back, an hour occurs twice; which of the two is meant follows from the order of the events.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from proto.time import EPOCH, HOUR_NS, MINUTE_NS, MS_NS, SECOND_NS
from proto.trading import server_time
from proto.trading.server_time import NEW_YORK_CLOSE

ZONE_EXPECTED: Final = f"{NEW_YORK_CLOSE}, UTC, or a zone such as Europe/Athens"

_HALF_HOUR_NS: Final = 30 * MINUTE_NS


class NoSuchTimeError(ValueError):
    """A server time that does not exist in the configured zone: the zone is wrong."""


class ServerClock:
    """Converts server time to UTC and back."""

    def __init__(self, zone: str = NEW_YORK_CLOSE) -> None:
        """Use a zone by its name.

        Raises:
            ValueError: there is no such zone.
        """
        self.zone = zone
        if not server_time.is_clock(zone):
            raise ValueError(ZONE_EXPECTED)

    def server_ns(self, utc_ns: int) -> int:
        """Server time at a UTC time, in nanoseconds since the server's 1970-01-01."""
        return server_time.server_ns(utc_ns, self.zone)

    def server_s(self, utc_ns: int) -> int:
        """The same in whole seconds, the unit of requests to the terminal."""
        return self.server_ns(utc_ns) // SECOND_NS

    def utc_ns(self, server_ns: int, *, not_before_ns: int = 0) -> int:
        """UTC nanoseconds of a server time.

        Args:
            server_ns: nanoseconds since the server's 1970-01-01.
            not_before_ns: UTC; of a time that occurs twice, the first one from here on is meant, else the later one.

        Raises:
            NoSuchTimeError: the clock is set forward over that time.
        """
        found = server_time.moments_of(server_ns, self.zone)
        if not found:
            shown = (EPOCH + timedelta(microseconds=server_ns // 1_000)).strftime("%Y-%m-%d %H:%M:%S")
            raise NoSuchTimeError(f"server time {shown} does not exist in {self.zone}")
        return next((utc for utc in found if utc >= not_before_ns), found[-1])

    def utc_of_ms(self, server_ms: int, *, not_before_ns: int = 0) -> int:
        """The same for milliseconds, the unit of rows."""
        return self.utc_ns(server_ms * MS_NS, not_before_ns=not_before_ns)

    def problem(self, server_ms: int, wall_ns: int) -> str | None:
        """The contradiction between the zone and a tick that has just come; None where they agree.

        The difference is rounded to half hours, in which zones differ: a host whose clock is a few minutes wrong still
        finds a wrong zone, and a right one.
        """
        ahead_ns = server_ms * MS_NS - wall_ns
        live = round(ahead_ns / _HALF_HOUR_NS) * _HALF_HOUR_NS
        expected = self.server_ns(wall_ns) - wall_ns
        if live == expected:
            return None
        return (
            f"MT5_SERVER_ZONE: value '{self.zone}' puts the server {_hours(expected)} from UTC, but its newest tick is "
            f"{_hours(live)} from this host's clock; expected the zone that the broker's server runs ({ZONE_EXPECTED})"
        )


def _hours(offset_ns: int) -> str:
    return f"{offset_ns / HOUR_NS:+g} h"
