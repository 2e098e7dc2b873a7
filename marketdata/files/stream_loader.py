"""Loading of tick files into one tick stream, for the gateway's replay and the backtest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

from marketdata.columns import SymbolRows
from marketdata.files.errors import TickFileError
from marketdata.files.source import TickFile, files_of
from marketdata.files.spool import Spool
from marketdata.files.tick_input import Crossed, TickInput
from marketdata.stream_builder import ValidatedRows, assemble
from marketdata.tick_stream import TickStream
from marketdata.tick_validation import UNREADABLE_TIME_NS


def load_stream(
    inputs: Sequence[TickInput],
    *,
    crossed: Crossed,
    from_row: int | None = None,
    to_row: int | None = None,
    ticks_max: int | None = None,
    spool_folder: Path | None = None,
) -> TickStream:
    """Read the files, validate their rows and merge the accepted rows by time.

    Files of one symbol are concatenated in the order given. Of ticks at the same time, those of the symbol that is
    given first come first. Rows of large files are moved to a temporary file.

    Args:
        inputs: one or more files.
        crossed: whether rows whose bid is above their ask are rejected or accepted.
        from_row: number of the first row of each input to read, from 1; None for 1.
        to_row: number of the last row of each input to read; None reads to the end.
        ticks_max: number of ticks after which the merged stream ends; None for no limit.
        spool_folder: folder of the temporary file; None for the system's folder for temporary files.

    Raises:
        TickFileError: an argument is out of range, a file is missing, unreadable or empty or lacks a column, or no row
            is accepted.
    """
    if not inputs:
        raise TickFileError("no tick file given, expected at least one FILE:SYMBOL")
    first = 1 if from_row is None else from_row
    if first < 1 or (to_row is not None and to_row < first):
        raise TickFileError(f"rows {from_row} to {to_row} requested, expected 1 <= first <= last")
    if ticks_max is not None and ticks_max < 1:
        raise TickFileError(f"at most {ticks_max} ticks requested, expected 1 or more")
    return read_stream(
        open_inputs(inputs),
        accept_crossed=crossed == "accept",
        first_row=first,
        last_row=to_row,
        ticks_max=ticks_max,
        spool_folder=spool_folder,
    )


class OpenedInput(NamedTuple):
    """An input and its files, whose layouts are recognized but whose rows are not read yet."""

    path: Path
    symbol: str
    sources: list[TickFile]


def open_inputs(inputs: Sequence[TickInput]) -> list[OpenedInput]:
    """Recognize the layouts of all files, so that an unusable file is reported before any rows are read.

    Raises:
        TickFileError: a file cannot be used.
    """
    return [
        OpenedInput(one.path, one.symbol, [TickFile(path, one.zone) for path in files_of(one.path)]) for one in inputs
    ]


def read_stream(
    inputs: Sequence[OpenedInput],
    *,
    accept_crossed: bool,
    first_row: int = 1,
    last_row: int | None = None,
    ticks_max: int | None = None,
    spool_folder: Path | None = None,
) -> TickStream:
    """Read the rows of opened inputs, validate them and merge the accepted rows by time, as `load_stream` does.

    Args:
        inputs: opened inputs.
        accept_crossed: whether to accept rows whose bid is above their ask.
        first_row: number of the first row of each input to read, from 1.
        last_row: number of the last row of each input to read; None reads to the end.
        ticks_max: number of ticks after which the merged stream ends; None for no limit.
        spool_folder: folder of the temporary file; None for the system's folder for temporary files.

    Raises:
        TickFileError: a file cannot be read or lacks the symbol, or no row is accepted.
    """
    as_read, accepted = Spool(spool_folder), Spool(spool_folder)
    by_symbol: dict[str, ValidatedRows] = {}
    for one in inputs:
        validated = by_symbol.get(one.symbol)
        if validated is None:
            validated = by_symbol[one.symbol] = ValidatedRows(one.symbol, accept_crossed=accept_crossed, store=as_read)
        for rows in _rows_of(one, first_row=first_row, last_row=last_row):
            # The first `ticks_max` ticks of the stream include at most `ticks_max` ticks of each symbol.
            if ticks_max is not None and validated.accepted >= ticks_max:
                break
            validated.add(rows)
    stream = TickStream(assemble(list(by_symbol.values()), store=accepted, ticks_max=ticks_max))
    stream.remarks = (
        *remarks_on([source for one in inputs for source in one.sources]),
        *(f"{name}: {pause.warning}" for name, pause in stream.long_pauses),
    )
    if stream.last_ordinal == 0:
        files = ", ".join(str(one.path) for one in inputs)
        reasons = ", ".join(f"{count} {reason}" for reason, count in stream.counts.rejected.items())
        lines = "; ".join(message for one in inputs for message in unreadable_line_messages(one.sources)[:1])
        raise TickFileError(
            f"{files}: none of {stream.counts.read} rows became a tick ({reasons})" + (f"; {lines}" if lines else "")
        )
    return stream


def remarks_on(sources: Sequence[TickFile]) -> tuple[str, ...]:
    """Remarks on the times of files; a remark on several files is given once, with the name of the first file."""
    found: dict[str, TickFile] = {}
    for source in sources:
        for remark in source.remarks:
            found.setdefault(remark, source)
    return tuple(f"{source.path.name}: {remark}" for remark, source in found.items())


def unreadable_line_messages(sources: Sequence[TickFile]) -> list[str]:
    """Messages about the first unreadable lines of each file, with the line numbers."""
    return [
        f"{source.path.name} line {number} cannot be read: {text}"
        for source in sources
        for number, text in source.unreadable
    ]


def frames_of(
    sources: Sequence[TickFile], *, first_row: int = 1, last_row: int | None = None
) -> Iterator[pl.DataFrame]:
    """Yield the rows of several files in order; rows are numbered from 1 over all files.

    Args:
        sources: the files.
        first_row: number of the first row to return.
        last_row: number of the last row to return; None returns all to the end.

    Raises:
        TickFileError: there are fewer rows than `first_row`.
    """
    done = 0
    is_any = False
    for source in sources:
        if last_row is not None and done >= last_row:
            break
        for frame in source.chunks(max(1, first_row - done), None if last_row is None else last_row - done):
            is_any = True
            yield frame
        done += source.rows_passed
    if not is_any:
        path = sources[0].path if len(sources) == 1 else sources[0].path.parent
        had = f"has {done} rows, expected row {first_row} among them" if done else "is empty, expected rows"
        raise TickFileError(f"{path} {had}")


def _rows_of(one: OpenedInput, *, first_row: int, last_row: int | None) -> Iterator[SymbolRows]:
    others: set[str] = set()
    is_there = False
    for frame in frames_of(one.sources, first_row=first_row, last_row=last_row):
        if "symbol" in frame.columns:
            # The symbol of an unreadable row is unknown, so the row counts as read for every symbol of its file.
            unreadable = pl.col("symbol").is_null() & (pl.col("ts_ns") == UNREADABLE_TIME_NS)
            chosen = frame.filter((pl.col("symbol") == one.symbol) | unreadable)
            if not is_there:
                names = frame["symbol"].drop_nulls().unique().to_list()
                is_there = one.symbol in names
                others.update(names)
            frame = chosen
        else:
            is_there = True
        yield SymbolRows(
            symbol=one.symbol,
            time_ns=frame["ts_ns"].to_numpy(),
            bid=frame["bid"].to_numpy(),
            ask=frame["ask"].to_numpy(),
            volume=frame["volume"].to_numpy(),
        )
    if not is_there:
        found = ", ".join(sorted(others)[:10]) or "none"
        raise TickFileError(f"{one.path} has no rows of symbol {one.symbol}; found {found}")
