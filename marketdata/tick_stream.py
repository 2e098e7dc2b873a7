"""The ticks of a recorded market: the accepted ticks of all symbols in one order, numbered from 1.

Ticks are ordered by time, then by the given order of the symbols, then by row. The columns may be in memory or on disk.
They are read one block at a time, because publication and the simulated broker read single ticks in ascending order. A
reader that skips most ticks reads single ones. Memory holds a few blocks, and for each block the number of ticks of
each symbol before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from marketdata.columns import BLOCK_ROWS, MemoryColumn, SymbolRows, TickTable
from marketdata.stream_builder import StreamData, ValidatedRows, assemble
from proto.gateway import TickCounts

__all__ = ["MarketSource", "StreamTick", "SymbolRows", "TickBlock", "TickColumns", "TickStream", "build_stream"]

BLOCK_TICKS: Final = 1_024
CONSECUTIVE_MIN: Final = 8
"""Number of ticks that are read singly before their block is read, if each follows the one before.

A backtest that skips most ticks reads two or three ticks in a row; a whole block would cost it 300 times as much.
"""

BLOCKS_KEPT: Final = 8
"""Number of blocks kept in memory.

The simulated broker may be some thousand ticks behind publication, and both read these blocks.
"""


class StreamTick(NamedTuple):
    """One accepted tick, with Python numbers instead of numpy's."""

    symbol: str
    sequence: int
    ordinal: int
    time_ns: int
    bid: float
    ask: float
    volume: float


class TickColumns(NamedTuple):
    """Ticks of one symbol as columns of equal length; the first tick has sequence `from_sequence`."""

    from_sequence: int
    ordinal: list[int]
    time_ns: list[int]
    bid: list[float]
    ask: list[float]
    volume: list[float]


class TickBlock(NamedTuple):
    """Consecutive ticks of all symbols, from ordinal `first_ordinal`, as 1-D arrays, which must not be changed.

    `symbol_index` are indices in the symbols of the stream.
    """

    first_ordinal: int
    symbol_index: NDArray[np.uint16]
    time_ns: NDArray[np.int64]
    bid: NDArray[np.float64]
    ask: NDArray[np.float64]
    volume: NDArray[np.float64]


class MarketSource(Protocol):
    """Interface of a market for the gateway: ticks by ordinal and by sequence. A tick never changes."""

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols; of ticks at the same time, those of earlier symbols come first."""

    @property
    def first_time_ns(self) -> int:
        """UTC time at which the market begins; no tick is earlier."""

    @property
    def opening_ordinal(self) -> int:
        """Ordinal of the last tick before a new account begins, 0 for none; ticks up to it are history."""

    @property
    def last_ordinal(self) -> int:
        """Ordinal of the last tick; in a market without an end, an ordinal that is never reached."""

    @property
    def counts(self) -> TickCounts:
        """Counts of rows read, published and rejected."""

    @property
    def data_sha256(self) -> str:
        """SHA-256 of the rows in hexadecimal; empty if the ticks do not come from a file."""

    def tick_at(self, ordinal: int) -> StreamTick:
        """The tick with this ordinal."""

    def last_tick(self, symbol: str, ordinal: int) -> StreamTick | None:
        """The symbol's latest tick at or before `ordinal`; None before its first."""

    def sequences_at(self, ordinal: int) -> dict[str, int]:
        """Each symbol's last sequence at or before `ordinal`; 0 before its first tick."""

    def ticks(self, symbol: str, *, from_sequence: int, limit: int, published: int) -> TickColumns:
        """At most `limit` ticks of a symbol, beginning at `from_sequence`, and up to ordinal `published`.

        If the tick `from_sequence` is no longer kept, the page begins at the oldest kept tick.
        """


class TickStream:
    """Accepted ticks in the order of their ordinals; created by `build_stream`, or from the result of `assemble`."""

    def __init__(self, assembled: StreamData) -> None:
        """Create the stream from the merged columns of `assembled`."""
        self.symbols = assembled.symbols
        self.counts = assembled.counts
        self.data_sha256 = assembled.data_sha256
        self.far_rows = assembled.far_rows
        self.long_pauses = assembled.long_pauses
        self.remarks: tuple[str, ...] = ()
        """Remarks on the times of the files."""
        self.last_ordinal = len(assembled.table)
        self.opening_ordinal = 0
        self._table = assembled.table
        self._place = {symbol: index for index, symbol in enumerate(self.symbols)}
        self._before = _counted_before(self._table, len(self.symbols))
        self._blocks: dict[int, list[StreamTick]] = {}
        self._single: StreamTick | None = None
        """The last tick that was read without the other ticks of its block."""
        self._consecutive = 0
        """Number of single ticks that were read one after the other before `_single`."""
        self._columns_of = -1
        """Number of the block of `_columns`; -1 for none."""
        self._columns: tuple[NDArray[Any], ...] = ()

    @property
    def first_time_ns(self) -> int:
        """UTC time of the first tick; 0 if there is none."""
        return int(self._table.time_ns.read(0, 1)[0]) if self.last_ordinal else 0

    def tick_at(self, ordinal: int) -> StreamTick:
        """The tick with this ordinal, from 1 to `last_ordinal`."""
        assert 1 <= ordinal <= self.last_ordinal, (ordinal, self.last_ordinal)
        number, offset = divmod(ordinal - 1, BLOCK_TICKS)
        block = self._blocks.get(number)
        if block is not None:
            return block[offset]
        single = self._single
        if single is not None and ordinal == single.ordinal:
            return single
        self._consecutive = self._consecutive + 1 if single is not None and ordinal == single.ordinal + 1 else 0
        if self._consecutive == CONSECUTIVE_MIN:
            self._consecutive = 0
            return self._read_block(number)[offset]
        single = self._single = self._read_tick(number, offset)
        return single

    def blocks(self) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]]:
        """Yield time, bid and ask of all ticks in order, as blocks of 1-D arrays."""
        for start in range(0, self.last_ordinal, BLOCK_ROWS):
            stop = min(start + BLOCK_ROWS, self.last_ordinal)
            yield (
                self._table.time_ns.read(start, stop),
                self._table.bid.read(start, stop),
                self._table.ask.read(start, stop),
            )

    def block(self, first: int, last: int) -> TickBlock:
        """The ticks with ordinals `first` to `last`, which must exist."""
        table, start = self._table, first - 1
        columns = (table.symbol_index, table.time_ns, table.bid, table.ask, table.volume)
        return TickBlock(first, *(column.read(start, last) for column in columns))

    def last_tick(self, symbol: str, ordinal: int) -> StreamTick | None:
        """The symbol's latest tick at or before `ordinal`; None before its first."""
        place = self._place.get(symbol)
        if place is None:
            return None
        ordinal = min(ordinal, self.last_ordinal)
        number = max(0, ordinal - 1) // BLOCK_TICKS
        start = number * BLOCK_TICKS
        rows = np.flatnonzero(self._table.symbol_index.read(start, ordinal) == place)
        if not len(rows):
            sequence = int(self._before[number, place])
            if not sequence:
                return None
            number = self._block_of(symbol, sequence)
            start, rows = 0, self._rows_of(symbol, number)
        return self.tick_at(start + int(rows[-1]) + 1)

    def sequences_at(self, ordinal: int) -> dict[str, int]:
        """Each symbol's last sequence at or before `ordinal`; 0 before its first tick."""
        ordinal = min(ordinal, self.last_ordinal)
        number = ordinal // BLOCK_TICKS
        here = self._table.symbol_index.read(number * BLOCK_TICKS, ordinal)
        counts = self._before[number] + np.bincount(here, minlength=len(self.symbols))
        return dict(zip(self.symbols, counts.tolist(), strict=True))

    def ticks(self, symbol: str, *, from_sequence: int, limit: int, published: int) -> TickColumns:
        """At most `limit` ticks of a symbol, beginning at `from_sequence`, and up to ordinal `published`."""
        columns = TickColumns(from_sequence, [], [], [], [], [])
        end = min(from_sequence - 1 + limit, self.sequences_at(published)[symbol])
        done = from_sequence - 1
        while done < end:
            number = self._block_of(symbol, done + 1)
            before = int(self._before[number, self._place[symbol]])
            rows = self._rows_of(symbol, number)[done - before : end - before]
            first, stop = int(rows[0]), int(rows[-1]) + 1
            columns.ordinal.extend((rows + 1).tolist())
            columns.time_ns.extend(self._table.time_ns.read(first, stop)[rows - first].tolist())
            columns.bid.extend(self._table.bid.read(first, stop)[rows - first].tolist())
            columns.ask.extend(self._table.ask.read(first, stop)[rows - first].tolist())
            columns.volume.extend(self._table.volume.read(first, stop)[rows - first].tolist())
            done += len(rows)
        return columns

    def _block_of(self, symbol: str, sequence: int) -> int:
        """Number of the block that contains the symbol's tick with this sequence, which must exist."""
        return int(np.searchsorted(self._before[:, self._place[symbol]], sequence, side="left")) - 1

    def _rows_of(self, symbol: str, number: int) -> NDArray[np.intp]:
        """Row numbers, from 0, of the symbol's ticks in the block `number`."""
        part = self._part(number)
        here = self._table.symbol_index.read(part.start, part.stop)
        return np.flatnonzero(here == self._place[symbol]) + part.start

    def _read_columns(self, part: range) -> tuple[NDArray[Any], ...]:
        """Index of the symbol, time, bid, ask and volume of these rows."""
        table = self._table
        columns = (table.symbol_index, table.time_ns, table.bid, table.ask, table.volume)
        return tuple(column.read(part.start, part.stop) for column in columns)

    def _read_tick(self, number: int, offset: int) -> StreamTick:
        """The tick at `offset` of the block `number`, without the other ticks of the block."""
        if self._columns_of != number:
            self._columns_of, self._columns = number, self._read_columns(self._part(number))
        symbol_index, time_ns, bid, ask, volume = self._columns
        index = symbol_index.item(offset)
        before = self._before.item(number, index)
        return StreamTick(
            self.symbols[index],
            before + int(np.count_nonzero(symbol_index[: offset + 1] == index)),
            number * BLOCK_TICKS + offset + 1,
            time_ns.item(offset),
            bid.item(offset),
            ask.item(offset),
            volume.item(offset),
        )

    def _part(self, number: int) -> range:
        start = number * BLOCK_TICKS
        return range(start, min(start + BLOCK_TICKS, self.last_ordinal))

    def _read_block(self, number: int) -> list[StreamTick]:
        part = self._part(number)
        symbol_index, *numbers = self._read_columns(part)
        sequence = np.zeros(len(part), dtype=np.int64)
        for index, before in enumerate(self._before[number].tolist()):
            rows = np.flatnonzero(symbol_index == index)
            sequence[rows] = np.arange(before + 1, before + 1 + len(rows))
        columns = zip(
            [self.symbols[index] for index in symbol_index.tolist()],
            sequence.tolist(),
            range(part.start + 1, part.stop + 1),
            *(column.tolist() for column in numbers),
            strict=True,
        )
        if len(self._blocks) == BLOCKS_KEPT:
            del self._blocks[next(iter(self._blocks))]
        block = self._blocks[number] = [StreamTick._make(row) for row in columns]
        return block


def _counted_before(table: TickTable, symbol_count: int) -> NDArray[np.int64]:
    """Array whose row n is the number of ticks of each symbol before block n; the last row counts all ticks."""
    block_count = -(-len(table) // BLOCK_TICKS)
    # One row more than blocks, because `sequences_at` reads the row after the last block if that block is full.
    counted = np.zeros((block_count + 1, symbol_count), dtype=np.int64)
    blocks_at_once = BLOCK_ROWS // BLOCK_TICKS
    for number in range(0, block_count, blocks_at_once):
        here = table.symbol_index.read(
            number * BLOCK_TICKS, min((number + blocks_at_once) * BLOCK_TICKS, len(table))
        ).astype(np.int64)
        cells = np.arange(len(here)) // BLOCK_TICKS * symbol_count + here
        blocks = -(-len(here) // BLOCK_TICKS)
        counts = np.bincount(cells, minlength=blocks * symbol_count).reshape(blocks, symbol_count)
        counted[number + 1 : number + 1 + blocks] = counts
    return np.cumsum(counted, axis=0)


def build_stream(sources: Sequence[SymbolRows], *, accept_crossed: bool, ticks_max: int | None = None) -> TickStream:
    """Validate the rows of each symbol in memory, and merge the accepted rows by time.

    Args:
        sources: the rows of each symbol; of ticks at the same time, those of earlier entries come first.
        accept_crossed: whether to accept rows whose bid is above their ask.
        ticks_max: number of ticks after which the stream ends; None for no limit. If the stream ends early, rows after
            a symbol's last tick are neither counted nor part of the hash.
    """
    validated = [ValidatedRows(source.symbol, accept_crossed=accept_crossed, store=MemoryColumn) for source in sources]
    assert len({one.symbol for one in validated}) == len(validated), [one.symbol for one in validated]
    for one, source in zip(validated, sources, strict=True):
        one.add(source)
    return TickStream(assemble(validated, store=MemoryColumn, ticks_max=ticks_max))
