"""Recorded ticks in: Parquet files become a tick stream, for the gateway's replay and the backtest alike.

A file has the columns `ts_ns` (UTC nanoseconds), `bid` and `ask`, and may have `symbol` and `volume`. What a row has to be
to become a tick is decided in `services.mt5.core.tick_rules`; here a file is only found readable or not.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple

import numpy as np
import polars as pl

from common.errors import StartError
from services.mt5.core.stream import SymbolRows, TickStream, build_stream

Crossed = Literal["reject", "accept"]

MISSING_TIME_NS: Final = -1
"""Stands for a time that is not there; the rules refuse it as out of range."""

_INTEGERS: Final = (pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64)
_TYPES: Final[dict[str, tuple[tuple[type[pl.DataType], ...], str]]] = {
    "ts_ns": ((pl.Int64,), "Int64, nanoseconds UTC"),
    "bid": ((pl.Float64,), "Float64"),
    "ask": ((pl.Float64,), "Float64"),
    "volume": ((pl.Float64, pl.Float32, *_INTEGERS), "a number"),
    "symbol": ((pl.String, pl.Categorical, pl.Enum), "String"),
}
_REQUIRED: Final = ("ts_ns", "bid", "ask")


class TickFileError(StartError):
    """A file cannot serve as a tick source; one line that names the file, the fact and what was expected."""


class TickInput(NamedTuple):
    """One file and the symbol, by the desk's name, whose ticks it has."""

    path: Path
    symbol: str


def load_stream(
    inputs: Sequence[TickInput],
    *,
    crossed: Crossed,
    from_row: int | None = None,
    to_row: int | None = None,
    ticks_max: int | None = None,
) -> TickStream:
    """Read the files, judge their rows and merge what is accepted.

    Files of one symbol are joined in the order given; the order in which symbols come first breaks ties of time.

    Args:
        inputs: at least one file.
        crossed: what to do with rows whose bid is above their ask.
        from_row: first row of each file to read, from 1.
        to_row: last row of each file to read.
        ticks_max: cut the merged stream after so many ticks.

    Raises:
        TickFileError: a file is missing, unreadable, empty, has other columns, or no row of all is accepted.
    """
    if not inputs:
        raise TickFileError("no tick file given, expected at least one FILE:SYMBOL")
    first = 1 if from_row is None else from_row
    if first < 1 or (to_row is not None and to_row < first):
        raise TickFileError(f"rows {from_row} to {to_row} asked for, expected 1 <= first <= last")
    if ticks_max is not None and ticks_max < 1:
        raise TickFileError(f"at most {ticks_max} ticks asked for, expected 1 or more")
    parts: dict[str, list[SymbolRows]] = {}
    for source in inputs:
        rows = _read(source, first_row=first, last_row=to_row)
        parts.setdefault(source.symbol, []).append(rows)
    stream = build_stream(
        [_join(symbol, rows) for symbol, rows in parts.items()],
        accept_crossed=crossed == "accept",
        ticks_max=ticks_max,
    )
    if stream.last_ordinal == 0:
        files = ", ".join(str(source.path) for source in inputs)
        reasons = ", ".join(f"{count} {reason}" for reason, count in stream.counts.rejected.items())
        raise TickFileError(f"{files}: none of {stream.counts.read} rows became a tick ({reasons})")
    return stream


def _read(source: TickInput, *, first_row: int, last_row: int | None) -> SymbolRows:
    path = source.path
    if not path.is_file():
        what = "is no file" if path.exists() else "is not there"
        raise TickFileError(f"{path} {what}, expected a Parquet file with {', '.join(_REQUIRED)}")
    try:
        scan = pl.scan_parquet(path, glob=False)
        schema = scan.collect_schema()
        _require_columns(path, schema)
        wanted = [name for name in _TYPES if name in schema]
        count = None if last_row is None else last_row - first_row + 1
        frame = scan.select(wanted).slice(first_row - 1, count).collect()
        if frame.height == 0:
            height = scan.select(pl.len()).collect().item()
            had = f"has {height} rows, expected row {first_row} among them" if height else "is empty, expected rows"
            raise TickFileError(f"{path} {had}")
    except (pl.exceptions.PolarsError, OSError) as error:
        words = " ".join(str(error).split())[:200]
        raise TickFileError(f"{path} cannot be read as Parquet: {words}") from None
    if "symbol" in frame.columns:
        frame = _only(frame, source)
    volume = frame["volume"].cast(pl.Float64).fill_null(0.0) if "volume" in frame.columns else None
    return SymbolRows(
        symbol=source.symbol,
        time_ns=frame["ts_ns"].fill_null(MISSING_TIME_NS).to_numpy(),
        bid=frame["bid"].fill_null(np.nan).to_numpy(),
        ask=frame["ask"].fill_null(np.nan).to_numpy(),
        volume=np.zeros(frame.height) if volume is None else volume.to_numpy(),
    )


def _require_columns(path: Path, schema: pl.Schema) -> None:
    missing = [name for name in _REQUIRED if name not in schema]
    if missing:
        found = ", ".join(schema.names()) or "none"
        raise TickFileError(
            f"{path} has no column {', '.join(missing)}; found {found}, expected {', '.join(_REQUIRED)}"
        )
    for name, (types, expected) in _TYPES.items():
        if name in schema and not isinstance(schema[name], types):
            raise TickFileError(f"{path} has column {name} of type {schema[name]}, expected {expected}")


def _only(frame: pl.DataFrame, source: TickInput) -> pl.DataFrame:
    chosen = frame.filter(pl.col("symbol").cast(pl.String) == source.symbol)
    if chosen.height == 0:
        names = frame["symbol"].cast(pl.String).unique().drop_nulls().sort()
        found = ", ".join(names.head(10).to_list()) or "none"
        raise TickFileError(f"{source.path} has no rows of symbol {source.symbol}; found {found}")
    return chosen


def _join(symbol: str, parts: Sequence[SymbolRows]) -> SymbolRows:
    if len(parts) == 1:
        return parts[0]
    return SymbolRows(
        symbol,
        np.concatenate([part.time_ns for part in parts]),
        np.concatenate([part.bid for part in parts]),
        np.concatenate([part.ask for part in parts]),
        np.concatenate([part.volume for part in parts]),
    )
