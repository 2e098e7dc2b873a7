"""Building of a stream's columns: validation of each symbol's rows, merging by time, counts, and hash.

Rows are processed block by block, so that memory use does not grow with their number. `ValidatedRows` keeps the rows of
one symbol with the results of their validation. `assemble` merges the accepted rows of all symbols.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from marketdata.columns import BLOCK_ROWS, ColumnStore, SymbolRows, TickTable
from marketdata.pauses import LongPause, Pause
from marketdata.tick_validation import ACCEPTED, REASONS, FarRow, RowValidator, label_reason_counts
from proto.gateway import TickCounts

_NONE: Final = np.zeros(0)


class ValidatedRows:
    """The rows of one symbol in the order read, with the result of their validation."""

    def __init__(self, symbol: str, *, accept_crossed: bool, store: ColumnStore) -> None:
        """Start empty; `store` creates the columns."""
        self.symbol = symbol
        self.accepted = 0
        self.verdict_counts = np.zeros(len(REASONS), dtype=np.int64)
        self._validator = RowValidator(accept_crossed=accept_crossed)
        self._time_ns = store(np.int64)
        self._numbers = tuple(store(np.float64) for _ in range(3))
        self._verdict = store(np.uint8)

    def __len__(self) -> int:
        return len(self._verdict)

    def add(self, rows: SymbolRows) -> None:
        """Add the next rows, and validate the rows that are followed by enough other rows."""
        self._time_ns.append(rows.time_ns)
        for column, values in zip(self._numbers, (rows.bid, rows.ask, rows.volume), strict=True):
            column.append(values)
        self._add_verdicts(self._validator.validate(rows.time_ns, rows.bid, rows.ask, rows.volume))

    def finish(self) -> None:
        """Validate the remaining rows at the end of the data."""
        self._add_verdicts(self._validator.finish())

    @property
    def far_rows(self) -> list[FarRow]:
        """The first rejected rows whose times are far ahead of the rows after them."""
        return self._validator.far_rows

    def _add_verdicts(self, verdict: NDArray[np.uint8]) -> None:
        self._verdict.append(verdict)
        counted = np.bincount(verdict, minlength=len(REASONS))
        self.verdict_counts += counted
        self.accepted += int(counted[ACCEPTED])

    def accepted_rows(self, start: int, stop: int) -> tuple[NDArray[Any], ...]:
        """Time, bid, ask and volume of the accepted rows with indices from `start` to `stop - 1`."""
        good = self._verdict.read(start, stop) == ACCEPTED
        return tuple(column.read(start, stop)[good] for column in (self._time_ns, *self._numbers))

    def rows_up_to(self, accepted: int) -> int:
        """Number of rows up to and including the accepted row number `accepted`, from 1; 0 if `accepted` is 0."""
        seen = 0
        for start, stop in _blocks(len(self) if accepted else 0):
            good = np.flatnonzero(self._verdict.read(start, stop) == ACCEPTED)
            if seen + len(good) >= accepted:
                return start + int(good[accepted - seen - 1]) + 1
            seen += len(good)
        return 0

    def counted(self, rows: int) -> NDArray[np.int64]:
        """Counts by verdict of the first `rows` rows, a 1-D array of the length of `REASONS`."""
        if rows == len(self):
            return self.verdict_counts
        counts = np.zeros(len(REASONS), dtype=np.int64)
        for start, stop in _blocks(rows):
            counts += np.bincount(self._verdict.read(start, stop), minlength=len(REASONS))
        return counts

    def add_to_hash(self, digest: hashlib._Hash, rows: int) -> None:
        """Add the symbol, the number of rows, and the columns of the first `rows` rows to `digest`, little-endian."""
        name = self.symbol.encode()
        digest.update(len(name).to_bytes(8, "little") + name + rows.to_bytes(8, "little"))
        for start, stop in _blocks(rows):
            digest.update(np.ascontiguousarray(self._time_ns.read(start, stop), dtype="<i8").data)
        for column in self._numbers:
            for start, stop in _blocks(rows):
                values = column.read(start, stop)
                # Every NaN is replaced by the same one, because the bits of a missing value depend on the reader.
                digest.update(np.where(np.isnan(values), np.nan, values).astype("<f8", copy=False).data)


class StreamData(NamedTuple):
    """The columns of a stream, with counts, hash and warnings about its rows."""

    symbols: tuple[str, ...]
    table: TickTable
    counts: TickCounts
    data_sha256: str
    far_rows: tuple[tuple[str, FarRow], ...]
    long_pauses: tuple[tuple[str, Pause], ...]
    """The longest long pause of each symbol that has one.

    If no symbol has one: the longest long pause between successive ticks of all symbols, for example between the last
    tick of one symbol and the first tick of another.
    """


def assemble(sources: Sequence[ValidatedRows], *, store: ColumnStore, ticks_max: int | None = None) -> StreamData:
    """Merge the accepted rows of all symbols by time, then by the order of `sources`, then by row.

    Args:
        sources: the rows of each symbol.
        store: creates the columns of the stream.
        ticks_max: number of ticks after which the stream ends; None for no limit. If the stream ends early, rows after
            a symbol's last tick are neither counted nor part of the hash.
    """
    for source in sources:
        source.finish()
    table = TickTable(store)
    published = np.zeros(len(sources), dtype=np.int64)
    pause_of_all, pause_of_each = LongPause(), [LongPause() for _ in sources]
    for symbol_index, columns in _merged(sources):
        left = len(symbol_index) if ticks_max is None else min(ticks_max - len(table), len(symbol_index))
        table.append(symbol_index[:left], tuple(values[:left] for values in columns))
        published += np.bincount(symbol_index[:left], minlength=len(sources))
        time_ns = columns[0][:left]
        pause_of_all.add(time_ns)
        for index, pause in enumerate(pause_of_each):
            pause.add(time_ns if len(sources) == 1 else time_ns[symbol_index[:left] == index])
        if ticks_max is not None and len(table) >= ticks_max:
            break
    is_cut = len(table) < sum(source.accepted for source in sources)
    ends = [
        source.rows_up_to(count) if is_cut else len(source)
        for source, count in zip(sources, published.tolist(), strict=True)
    ]
    digest = hashlib.sha256()
    verdicts = np.zeros(len(REASONS), dtype=np.int64)
    for source, end in zip(sources, ends, strict=True):
        verdicts += source.counted(end)
        source.add_to_hash(digest, end)
    return StreamData(
        symbols=tuple(source.symbol for source in sources),
        table=table,
        counts=TickCounts(read=sum(ends), published=len(table), rejected=label_reason_counts(verdicts)),
        data_sha256=digest.hexdigest(),
        far_rows=tuple(
            (source.symbol, far)
            for source, end in zip(sources, ends, strict=True)
            for far in source.far_rows
            if far.row <= end
        ),
        long_pauses=_long_pauses([source.symbol for source in sources], pause_of_each, pause_of_all),
    )


def _long_pauses(
    symbols: Sequence[str], pause_of_each: Sequence[LongPause], pause_of_all: LongPause
) -> tuple[tuple[str, Pause], ...]:
    found = [(symbol, one.longest) for symbol, one in zip(symbols, pause_of_each, strict=True)]
    found = found if any(pause for _, pause in found) else [(", ".join(symbols), pause_of_all.longest)]
    return tuple((name, pause) for name, pause in found if pause is not None)


class _UnmergedRows:
    """The accepted rows of one symbol that are in memory and not merged yet."""

    def __init__(self, source: ValidatedRows) -> None:
        self._source = source
        self._row = 0
        self.columns: tuple[NDArray[Any], ...] = (np.zeros(0, dtype=np.int64), _NONE, _NONE, _NONE)

    @property
    def time_ns(self) -> NDArray[np.int64]:
        return self.columns[0]

    @property
    def has_unread_rows(self) -> bool:
        """Whether there are rows after the ones in memory."""
        return self._row < len(self._source)

    def fill(self) -> None:
        """If no rows are in memory, read blocks until one has an accepted row, or to the end."""
        while not len(self.time_ns) and self.has_unread_rows:
            stop = min(self._row + BLOCK_ROWS, len(self._source))
            self.columns = self._source.accepted_rows(self._row, stop)
            self._row = stop

    def take(self, count: int) -> tuple[NDArray[Any], ...]:
        taken = tuple(values[:count] for values in self.columns)
        self.columns = tuple(values[count:] for values in self.columns)
        return taken


def _merged(sources: Sequence[ValidatedRows]) -> Iterator[tuple[NDArray[np.uint16], tuple[NDArray[Any], ...]]]:
    """Yield blocks of merged ticks: the indices of their sources, and the columns time, bid, ask and volume."""
    unmerged = [_UnmergedRows(source) for source in sources]
    while True:
        for one in unmerged:
            one.fill()
        if not any(len(one.time_ns) for one in unmerged):
            return
        # Choose the source whose last row in memory is earliest; of equal times, the first source. All rows in memory
        # up to that row can be merged, because no unread row is earlier. Of rows at the same time, those of earlier
        # sources come before it and those of later sources after it.
        ends = [(int(one.time_ns[-1]), index) for index, one in enumerate(unmerged) if one.has_unread_rows]
        if ends:
            time_ns, first = min(ends)
            counts = [
                int(np.searchsorted(one.time_ns, time_ns, side="right" if index <= first else "left"))
                for index, one in enumerate(unmerged)
            ]
        else:
            counts = [len(one.time_ns) for one in unmerged]
        parts = [one.take(count) for one, count in zip(unmerged, counts, strict=True)]
        symbol_index = np.repeat(np.arange(len(unmerged), dtype=np.uint16), counts)
        columns = tuple(np.concatenate(values) for values in zip(*parts, strict=True))
        if len(unmerged) > 1:
            # A stable sort keeps the order of the sources, and of the rows of each source, for equal times.
            order = np.argsort(columns[0], kind="stable")
            symbol_index, columns = symbol_index[order], tuple(values[order] for values in columns)
        yield symbol_index, columns


def _blocks(rows: int) -> Iterator[tuple[int, int]]:
    for start in range(0, rows, BLOCK_ROWS):
        yield start, min(start + BLOCK_ROWS, rows)
