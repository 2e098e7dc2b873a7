"""Clocks of a file's times: a fixed offset from UTC, a time zone with daylight saving, or New-York-close time.

A local time that a clock skips or repeats is not converted, because it has no unique UTC time.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import polars as pl

from marketdata.files.errors import TickFileError
from marketdata.files.tick_input import ZONE_EXPECTED
from proto.time import EPOCH, MINUTE_NS, SECOND_NS
from proto.trading import server_time
from proto.trading.server_time import AHEAD_OF_NEW_YORK, NEW_YORK, NEW_YORK_CLOSE

_OFFSET: Final = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2}):?([0-5]\d)", re.ASCII)
_OFFSET_MINUTES_MAX: Final = 14 * 60
_MICROSECOND: Final = timedelta(microseconds=1)


class SourceClock:
    """Converts local times of one clock to UTC."""

    def __init__(self, name: str) -> None:
        """Create the clock named `name`: an offset such as `+02:00`, `UTC`, `new_york_close`, or a time zone.

        Raises:
            TickFileError: `name` has none of these forms.
        """
        self.name = name
        self._offset_ns: int | None = None
        self._zone = name
        self._ahead_of_zone_ns = 0
        found = _OFFSET.fullmatch(name)
        if name.upper() in ("UTC", "GMT", "Z"):
            self._offset_ns = 0
        elif found:
            minutes = int(found[2]) * 60 + int(found[3])
            if minutes > _OFFSET_MINUTES_MAX:
                raise TickFileError(f"the time zone is {name!r}, expected {ZONE_EXPECTED}, at most 14 hours from UTC")
            self._offset_ns = (-1 if found[1] == "-" else 1) * minutes * MINUTE_NS
        elif name == NEW_YORK_CLOSE:
            self._zone, self._ahead_of_zone_ns = NEW_YORK, AHEAD_OF_NEW_YORK // _MICROSECOND * 1_000
        else:
            try:
                if not name:
                    raise pl.exceptions.ComputeError("no zone")
                self.to_utc(pl.Series([datetime(2000, 1, 1)]))  # noqa: DTZ001 - a local time has no zone
            except pl.exceptions.PolarsError:
                raise TickFileError(f"the time zone is {name!r}, expected {ZONE_EXPECTED}") from None

    def to_utc(self, wall: pl.Series) -> pl.Series:
        """Convert local times (Datetime without a zone) to nanoseconds UTC; null if the clock skips or repeats one."""
        wall_ns = wall.cast(pl.Datetime("ns")).cast(pl.Int64)
        if self._offset_ns is not None:
            return wall_ns - self._offset_ns
        in_zone = (wall_ns - self._ahead_of_zone_ns).cast(pl.Datetime("ns"))
        aware = in_zone.to_frame("wall").select(
            pl.col("wall").dt.replace_time_zone(self._zone, ambiguous="null", non_existent="null")
        )["wall"]
        return aware.dt.convert_time_zone("UTC").cast(pl.Int64)

    def ahead_ns(self, utc_ns: int) -> int:
        """Offset of the clock from UTC, in nanoseconds, at UTC time `utc_ns`; positive east of Greenwich."""
        if self._offset_ns is not None:
            return self._offset_ns
        if self.name == NEW_YORK_CLOSE:
            return server_time.server_ns(utc_ns) - utc_ns
        offset = (EPOCH + timedelta(seconds=utc_ns // SECOND_NS)).astimezone(ZoneInfo(self._zone)).utcoffset()
        assert offset is not None
        return int(offset.total_seconds()) * SECOND_NS


UTC: Final = SourceClock("UTC")
EASTERN: Final = "-05:00"
"""Eastern Standard Time during the whole year, without daylight saving."""
