"""Paperdesk's Parquet files: `ts_ns` (nanoseconds since 1970), `bid`, `ask`, and optionally `symbol` and `volume`.

The times are UTC. If the user gives another clock, `ts_ns` is the local time of that clock, in nanoseconds since
1970-01-01 00:00 local time.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from common.errors import error_text
from marketdata.files.errors import TickFileError
from marketdata.files.time_zones import UTC, SourceClock
from marketdata.tick_validation import UNREADABLE_TIME_NS

MISSING_TIME_NS: Final = -1
"""Value that replaces a missing time. Validation rejects it as out of range."""

CHUNK_ROWS: Final = 1 << 18
"""Rows read at a time: the size of a row group that polars writes. Larger row groups in a file need more memory."""

_INTEGERS: Final = (pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64)
_TYPES: Final[dict[str, tuple[tuple[type[pl.DataType], ...], str]]] = {
    "ts_ns": ((pl.Int64,), "Int64, nanoseconds since 1970"),
    "bid": ((pl.Float64,), "Float64"),
    "ask": ((pl.Float64,), "Float64"),
    "volume": ((pl.Float64, pl.Float32, *_INTEGERS), "a number"),
    "symbol": ((pl.String, pl.Categorical, pl.Enum), "String"),
}
REQUIRED: Final = ("ts_ns", "bid", "ask")


class ParquetRows:
    """The rows of a Parquet file, in chunks."""

    def __init__(self, path: Path, clock: SourceClock) -> None:
        """Open the file and check its columns; `clock` is the clock of its times.

        Raises:
            TickFileError: the file is damaged, lacks a column, or has a column of a wrong type.
        """
        self._path = path
        self._clock = clock
        try:
            self._scan = pl.scan_parquet(path, glob=False)
            schema = self._scan.collect_schema()
            self._require_columns(schema)
            self.row_count = int(self._scan.select(pl.len()).collect().item())
        except (pl.exceptions.PolarsError, OSError) as error:
            raise self._unreadable(error) from None
        self._wanted = [name for name in _TYPES if name in schema]
        self.has_symbols = "symbol" in schema

    def chunks(self, first_row: int, last_row: int | None) -> Iterator[pl.DataFrame]:
        """Yield the rows as frames of `ts_ns` (UTC), `bid`, `ask`, `volume` and, if the file has it, `symbol`.

        Args:
            first_row: number of the first row to read, from 1.
            last_row: number of the last row to read; None reads to the end.

        Raises:
            TickFileError: the file cannot be read.
        """
        stop = self.row_count if last_row is None else min(last_row, self.row_count)
        for start in range(first_row - 1, stop, CHUNK_ROWS):
            try:
                # A new scan for each chunk, so that polars releases the mapped and cached memory of the previous scan.
                scan = pl.scan_parquet(self._path, glob=False).select(self._wanted)
                frame = scan.slice(start, min(CHUNK_ROWS, stop - start)).collect()
            except (pl.exceptions.PolarsError, OSError) as error:
                raise self._unreadable(error) from None
            volume = pl.col("volume").cast(pl.Float64).fill_null(0.0) if "volume" in self._wanted else pl.lit(0.0)
            yield frame.select(
                self._utc(frame["ts_ns"]),
                pl.col("bid").fill_null(np.nan),
                pl.col("ask").fill_null(np.nan),
                volume.alias("volume"),
                *([pl.col("symbol").cast(pl.String)] if self.has_symbols else []),
            )

    def _utc(self, ts_ns: pl.Series) -> pl.Series:
        """Convert times to UTC; a local time that the clock skips or repeats is unreadable."""
        if self._clock is UTC:
            return ts_ns.fill_null(MISSING_TIME_NS)
        utc_ns = self._clock.to_utc(ts_ns.cast(pl.Datetime("ns"))).fill_null(UNREADABLE_TIME_NS)
        return utc_ns.set(ts_ns.is_null(), MISSING_TIME_NS).alias("ts_ns")

    def _require_columns(self, schema: pl.Schema) -> None:
        missing = [name for name in REQUIRED if name not in schema]
        if missing:
            found = ", ".join(schema.names()) or "none"
            raise TickFileError(
                f"{self._path} has no column {', '.join(missing)}; found {found}, expected {', '.join(REQUIRED)}"
            )
        for name, (types, expected) in _TYPES.items():
            if name in schema and not isinstance(schema[name], types):
                raise TickFileError(f"{self._path} has column {name} of type {schema[name]}, expected {expected}")

    def _unreadable(self, error: Exception) -> TickFileError:
        text = error_text(error)[:200]
        return TickFileError(f"{self._path} cannot be read as Parquet: {text}")
