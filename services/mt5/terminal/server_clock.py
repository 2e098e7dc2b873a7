"""Conversion between UTC and the broker's server time, a local time that the terminal reports as if it were UTC.

A server uses New-York-close time (`proto.trading.server_time`) or a zone of the time zone database. An hour occurs
twice when clocks are set back; the order of the events then decides which of the two UTC times is meant.
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
    """A server time does not exist in the configured zone, which is therefore wrong."""


class ServerClock:
    """Converts server time to UTC and back."""

    def __init__(self, zone: str = NEW_YORK_CLOSE) -> None:
        """Use the zone with the name `zone`.

        Raises:
            ValueError: there is no zone with this name.
        """
        self.zone = zone
        if not server_time.is_clock(zone):
            raise ValueError(ZONE_EXPECTED)

    def server_ns(self, utc_ns: int) -> int:
        """Server time at a UTC time, in nanoseconds since the server's 1970-01-01."""
        return server_time.server_ns(utc_ns, self.zone)

    def server_s(self, utc_ns: int) -> int:
        """Server time in whole seconds, the unit of requests to the terminal, at a UTC time."""
        return self.server_ns(utc_ns) // SECOND_NS

    def utc_ns(self, server_ns: int, *, not_before_ns: int = 0) -> int:
        """UTC nanoseconds of a server time.

        Args:
            server_ns: nanoseconds since the server's 1970-01-01.
            not_before_ns: UTC. If the server time occurs twice, the result is the earliest of the two UTC times that is
                not before this one, or else the later of the two.

        Raises:
            NoSuchTimeError: the server's clock is set forward over that time.
        """
        found = server_time.utc_times_of(server_ns, self.zone)
        if not found:
            shown = (EPOCH + timedelta(microseconds=server_ns // 1_000)).strftime("%Y-%m-%d %H:%M:%S")
            raise NoSuchTimeError(f"server time {shown} does not exist in {self.zone}")
        return next((utc for utc in found if utc >= not_before_ns), found[-1])

    def utc_of_ms(self, server_ms: int, *, not_before_ns: int = 0) -> int:
        """UTC nanoseconds of a server time in milliseconds, the unit of the terminal's rows; see `utc_ns`.

        Raises:
            NoSuchTimeError: the server's clock is set forward over that time.
        """
        return self.utc_ns(server_ms * MS_NS, not_before_ns=not_before_ns)

    def problem(self, server_ms: int, wall_ns: int) -> str | None:
        """The text of a contradiction between the zone and a tick that has just arrived; None if they agree.

        The difference to the host's clock is rounded to half hours, so that the check also works if the host's clock is
        wrong by a few minutes.

        Args:
            server_ms: server time of the tick, in milliseconds.
            wall_ns: the host's clock, UTC.
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
