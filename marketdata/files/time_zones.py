"""Whose clock the times of a file are: a fixed offset from UTC, or a zone with its summer time.

A local time that a zone does not have, or has twice, gives no instant; it is never guessed which one was meant.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

import polars as pl

from marketdata.files.errors import TickFileError

_OFFSET: Final = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2}):?([0-5]\d)", re.ASCII)
_MINUTE_NS: Final = 60_000_000_000
_OFFSET_MINUTES_MAX: Final = 14 * 60
ZONE_EXPECTED: Final = "an offset such as +02:00 or a zone such as Europe/Athens"


class SourceClock:
    """Turns wall clock readings into UTC."""

    def __init__(self, name: str) -> None:
        """Read `+02:00`, `UTC` or a zone of the time zone database.

        Raises:
            TickFileError: it is none of these.
        """
        self.name = name
        self._offset_ns: int | None = None
        found = _OFFSET.fullmatch(name)
        if name.upper() in ("UTC", "GMT", "Z"):
            self._offset_ns = 0
        elif found:
            minutes = int(found[2]) * 60 + int(found[3])
            if minutes > _OFFSET_MINUTES_MAX:
                raise TickFileError(f"the time zone is {name!r}, expected {ZONE_EXPECTED}, at most 14 hours from UTC")
            self._offset_ns = (-1 if found[1] == "-" else 1) * minutes * _MINUTE_NS
        else:
            try:
                if not name:
                    raise pl.exceptions.ComputeError("no zone")
                self.to_utc(pl.Series([datetime(2000, 1, 1)]))  # noqa: DTZ001 - a wall clock has no zone of its own
            except pl.exceptions.PolarsError:
                raise TickFileError(f"the time zone is {name!r}, expected {ZONE_EXPECTED}") from None

    def to_utc(self, wall: pl.Series) -> pl.Series:
        """Nanoseconds UTC of readings (Datetime without a zone), null where the clock does not show it exactly once."""
        wall = wall.cast(pl.Datetime("ns"))
        if self._offset_ns is not None:
            return wall.cast(pl.Int64) - self._offset_ns
        aware = wall.to_frame("wall").select(
            pl.col("wall").dt.replace_time_zone(self.name, ambiguous="null", non_existent="null")
        )["wall"]
        return aware.dt.convert_time_zone("UTC").cast(pl.Int64)


UTC: Final = SourceClock("UTC")
EST: Final = SourceClock("-05:00")
"""Eastern Standard Time the whole year, which is what HistData.com writes."""
