"""Conversion of tick files to one Parquet file with every readable row, in the order of the input.

Rows that a run would reject, such as crossed quotes, are written too, because each run validates the rows itself. The
output file gets its name only when it is complete.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl
from polars.io.plugins import register_io_source

from common.errors import error_text
from common.whole_files import whole_file
from marketdata.files.errors import TickFileError
from marketdata.files.source import TickFile, files_of
from marketdata.files.stream_loader import remarks_on, unreadable_line_messages
from marketdata.tick_validation import REASONS, UNREADABLE, UNREADABLE_TIME_NS, RowValidator, label_reason_counts

SCHEMA: Final = {"ts_ns": pl.Int64(), "bid": pl.Float64(), "ask": pl.Float64(), "volume": pl.Float64()}
GROUP_ROWS: Final = 1 << 18


ConvertProgress = Callable[[float, int, int], None]
"""Function called with the number of files read, the number of all files, and the number of rows read.

The number of files read includes the fraction read of the current file.
"""


class ConvertInput(NamedTuple):
    """A file or a folder, the symbol whose rows to select (None for all rows), and the name of the clock of the times.

    `zone` is None for the clock that the file or its layout determines.
    """

    path: Path
    symbol: str | None
    zone: str | None = None


def convert(
    inputs: Sequence[ConvertInput], out: Path, *, force: bool = False, progress: ConvertProgress = lambda *_: None
) -> dict[str, Any]:
    """Write the rows of the inputs to the Parquet file `out`.

    The file has a column `symbol` if the symbol of every input is known.

    Returns:
        The report: counts of rows read, of rows written, and of written rows that a run would reject, by reason.

    Raises:
        TickFileError: an input cannot be read, no row is readable, the symbols of only some inputs are known, `out`
            exists and `force` is False, or `out` cannot be written.
    """
    _require_free(inputs, out, force=force)
    conversion = _Conversion(
        [(one, [TickFile(path, one.zone) for path in files_of(one.path)]) for one in inputs], progress
    )
    try:
        with whole_file(out, replaces=force) as part:
            _sink(conversion, part)
            if not conversion.written:
                raise TickFileError(
                    f"{', '.join(str(one.path) for one in inputs)}: no readable row; {out} is not written"
                )
    except FileExistsError:
        raise _exists_error(out) from None
    except OSError as error:
        raise TickFileError(f"{out} cannot be written: {error.strerror or error}; expected a writable file") from None
    return {"out": str(out), **conversion.report()}


class _Conversion:
    """Reads the rows of all inputs, and counts them."""

    def __init__(self, inputs: Sequence[tuple[ConvertInput, list[TickFile]]], progress: ConvertProgress) -> None:
        self._progress = progress
        self.read = self.written = 0
        self.other_symbols = 0
        self.failure: TickFileError | None = None
        self._inputs = inputs
        self._validators: dict[str | None, RowValidator] = {}
        self._reason_counts = np.zeros(len(REASONS), dtype=np.int64)
        self._range: tuple[int, int] | None = None
        self.has_symbols = self._all_known()

    def _all_known(self) -> bool:
        """Whether the symbol of each input is known, from its rows or from the request.

        Raises:
            TickFileError: the symbol of some inputs is known and of others not.
        """
        known = [
            one.symbol is not None or all(source.has_symbols for source in sources) for one, sources in self._inputs
        ]
        if any(known) and not all(known):
            path = self._inputs[known.index(False)][0].path
            raise TickFileError(
                f"no symbol for {path}, expected {path}:SYMBOL or --symbol SYMBOL, because other inputs have a symbol"
            )
        return all(known)

    def frames(self) -> Iterator[pl.DataFrame]:
        """Yield the rows to write."""
        files, count = 0, sum(len(sources) for _, sources in self._inputs)
        for one, sources in self._inputs:
            before = self.written
            for source in sources:
                read_before = self.read
                for frame in source.chunks():
                    yield self._kept(frame, one.symbol)
                    self._progress(files + source.part_passed(self.read - read_before), count, self.read)
                files += 1
            if self.written == before and one.symbol is not None and any(source.has_symbols for source in sources):
                raise TickFileError(f"{one.path} has no rows of symbol {one.symbol}")
        for validator in self._validators.values():
            self._reason_counts += np.bincount(validator.finish(), minlength=len(REASONS))

    def _kept(self, frame: pl.DataFrame, symbol: str | None) -> pl.DataFrame:
        self.read += frame.height
        is_bad = pl.col("ts_ns") == UNREADABLE_TIME_NS
        self._reason_counts[UNREADABLE] += frame.select(is_bad.sum()).item()
        frame = frame.filter(~is_bad)
        if symbol is not None and "symbol" in frame.columns:
            height = frame.height
            frame = frame.filter(pl.col("symbol") == symbol)
            self.other_symbols += height - frame.height
        elif self.has_symbols and "symbol" not in frame.columns:
            frame = frame.with_columns(pl.lit(symbol).alias("symbol"))
        self.written += frame.height
        if frame.height:
            self._count(frame, symbol)
        return frame.select(list(self.schema))

    def _count(self, frame: pl.DataFrame, symbol: str | None) -> None:
        low, high = frame["ts_ns"].to_numpy().min(), frame["ts_ns"].to_numpy().max()
        self._range = (
            (int(low), int(high))
            if self._range is None
            else (min(self._range[0], int(low)), max(self._range[1], int(high)))
        )
        is_mixed = symbol is None and self.has_symbols
        for part in frame.partition_by("symbol", maintain_order=True) if is_mixed else [frame]:
            name = part["symbol"][0] if is_mixed else symbol
            validator = self._validators.setdefault(name, RowValidator(accept_crossed=False))
            verdict = validator.validate(*(part[column].to_numpy() for column in SCHEMA))
            self._reason_counts += np.bincount(verdict, minlength=len(REASONS))

    @property
    def schema(self) -> dict[str, pl.DataType]:
        return {**SCHEMA, "symbol": pl.String()} if self.has_symbols else dict(SCHEMA)

    def report(self) -> dict[str, Any]:
        sources = [source for _, found in self._inputs for source in found]
        rejected = label_reason_counts(self._reason_counts)
        unreadable = rejected.pop(REASONS[UNREADABLE], 0)
        first_ns, last_ns = self._range or (0, 0)
        return {
            "inputs": [
                {"file": str(source.path), "layout": source.detected.layout, "zone": source.detected.zone}
                for source in sources
            ],
            "rows": self.read,
            "written": self.written,
            "unreadable": unreadable,
            "unreadable_lines": unreadable_line_messages(sources),
            "remarks": list(remarks_on(sources)),
            "blank_lines": sum(source.blank_lines for source in sources),
            "of_other_symbols": self.other_symbols,
            "symbols": sorted(name for name in self._validators if name is not None),
            "rejected_when_used": rejected,
            "first_ns": first_ns,
            "last_ns": last_ns,
        }


def _sink(conversion: _Conversion, path: Path) -> None:
    """Write the frames to a Parquet file as they are read, so that memory use does not grow with their number."""

    def frames(
        with_columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        del predicate, n_rows, batch_size
        try:
            for frame in conversion.frames():
                yield frame if with_columns is None else frame.select(with_columns)
        except TickFileError as error:
            # Stored instead of raised, because polars would replace the error by one of its own.
            conversion.failure = error

    try:
        register_io_source(frames, schema=pl.Schema(conversion.schema)).sink_parquet(path, row_group_size=GROUP_ROWS)
    except pl.exceptions.PolarsError as error:
        text = error_text(error)[:200]
        raise TickFileError(f"{path.parent} cannot be written to: {text}") from None
    if conversion.failure is not None:
        raise conversion.failure


def _require_free(inputs: Sequence[ConvertInput], out: Path, *, force: bool) -> None:
    if out.is_dir():
        raise TickFileError(f"{out} is a folder, expected a file to write")
    if not out.parent.is_dir():
        raise TickFileError(f"{out}: there is no folder {out.parent}, expected an existing one")
    if out.exists() and not out.is_file():
        raise TickFileError(f"{out} is a device or a pipe, expected the name of a file")
    if out.exists():
        for one in inputs:
            if any(file.exists() and out.samefile(file) for file in files_of(one.path)):
                raise TickFileError(f"{out} is one of the files to read, expected another name")
        if not force:
            raise _exists_error(out)


def _exists_error(out: Path) -> TickFileError:
    return TickFileError(f"{out} already exists, expected a new name, or --force to replace it")
