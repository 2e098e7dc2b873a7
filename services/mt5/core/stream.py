"""A recorded market: the accepted ticks of all symbols in one order, numbered from 1.

The order is event time, then the symbols' order as given, then row. Columns are numpy arrays; the two places where ticks
are read one by one, publication and the book, walk forward, so rows are turned into Python values a block at a time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from proto.gateway import TickCounts
from services.mt5.core.tick_rules import ACCEPTED, count_reasons, judge

_N = TypeVar("_N", np.int64, np.float64)

BLOCK_TICKS: Final = 1_024
BLOCKS_KEPT: Final = 8
"""Publication runs ahead of the book by up to a window of some thousand ticks; both ends must stay in the blocks kept."""


class StreamTick(NamedTuple):
    """One accepted tick as plain Python values."""

    symbol: str
    sequence: int
    ordinal: int
    time_ns: int
    bid: float
    ask: float
    volume: float


class TickColumns(NamedTuple):
    """Ticks of one symbol as columns of equal length, the first of them `from_sequence`."""

    from_sequence: int
    ordinal: list[int]
    time_ns: list[int]
    bid: list[float]
    ask: list[float]
    volume: list[float]


class MarketSource(Protocol):
    """A market as the gateway needs it: ticks by ordinal and by sequence, the same whenever they are asked for.

    `last_ordinal` is that of the last tick; `opening_ordinal` the tick at which a new account stands, what lies before
    being history; `data_sha256` is empty where the ticks come from no file.
    """

    @property
    def symbols(self) -> tuple[str, ...]:
        """In the order that breaks ties of time."""

    @property
    def first_time_ns(self) -> int:
        """Time at which the market begins; no tick is before it."""

    @property
    def opening_ordinal(self) -> int:
        """Where a new account stands, 0 before the first tick."""

    @property
    def last_ordinal(self) -> int:
        """The last tick that there is or may ever be."""

    @property
    def counts(self) -> TickCounts:
        """Rows read, published and rejected."""

    @property
    def data_sha256(self) -> str:
        """Of the rows, or empty."""

    def tick_at(self, ordinal: int) -> StreamTick:
        """The tick with this ordinal."""

    def last_of(self, symbol: str, ordinal: int) -> StreamTick | None:
        """The symbol's latest tick at or before `ordinal`, or None when it has had none by then."""

    def sequences_at(self, ordinal: int) -> dict[str, int]:
        """Each symbol's last sequence at or before `ordinal`; 0 for one without a tick by then."""

    def ticks(self, symbol: str, *, from_sequence: int, limit: int, published: int) -> TickColumns:
        """At most `limit` ticks from a sequence on, or from the oldest kept; none past ordinal `published`."""


@dataclass(frozen=True)
class SymbolRows:
    """One symbol's rows as they were read, in the order in which they count. NaN stands for what was missing."""

    symbol: str
    time_ns: NDArray[np.int64]
    bid: NDArray[np.float64]
    ask: NDArray[np.float64]
    volume: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.time_ns)

    def head(self, count: int) -> SymbolRows:
        """The first `count` rows."""
        return SymbolRows(self.symbol, self.time_ns[:count], self.bid[:count], self.ask[:count], self.volume[:count])


class TickStream:
    """Accepted ticks in ordinal order; build it with `build_stream`."""

    def __init__(
        self,
        *,
        symbols: tuple[str, ...],
        symbol_index: NDArray[np.uint16],
        time_ns: NDArray[np.int64],
        bid: NDArray[np.float64],
        ask: NDArray[np.float64],
        volume: NDArray[np.float64],
        counts: TickCounts,
        data_sha256: str,
    ) -> None:
        """Take the columns as they are; they are ordered already."""
        self.symbols = symbols
        self.counts = counts
        self.data_sha256 = data_sha256
        self.last_ordinal = len(time_ns)
        self.opening_ordinal = 0
        self._symbol_index = symbol_index
        self._time_ns = time_ns
        self._bid = bid
        self._ask = ask
        self._volume = volume
        self._sequence = np.zeros(len(time_ns), dtype=np.uint32)
        self._rows_of: dict[str, NDArray[np.intp]] = {}
        for index, symbol in enumerate(symbols):
            rows = np.flatnonzero(symbol_index == index)
            self._rows_of[symbol] = rows
            self._sequence[rows] = np.arange(1, len(rows) + 1, dtype=np.uint32)
        self._blocks: dict[int, list[StreamTick]] = {}

    @property
    def first_time_ns(self) -> int:
        """Time of the first tick; 0 when there is none."""
        return int(self._time_ns[0]) if self.last_ordinal else 0

    def tick_at(self, ordinal: int) -> StreamTick:
        """The tick with this ordinal, from 1 to `last_ordinal`."""
        assert 1 <= ordinal <= self.last_ordinal, (ordinal, self.last_ordinal)
        number, offset = divmod(ordinal - 1, BLOCK_TICKS)
        block = self._blocks.get(number)
        if block is None:
            block = self._read_block(number)
        return block[offset]

    def last_of(self, symbol: str, ordinal: int) -> StreamTick | None:
        """The symbol's latest tick at or before `ordinal`, or None when it has had none by then."""
        rows = self._rows_of.get(symbol)
        if rows is None:
            return None
        seen = int(np.searchsorted(rows, ordinal, side="left"))
        return self.tick_at(int(rows[seen - 1]) + 1) if seen else None

    def sequences_at(self, ordinal: int) -> dict[str, int]:
        """Each symbol's last sequence at or before `ordinal`; 0 for one without a tick by then."""
        return {symbol: int(np.searchsorted(rows, ordinal, side="left")) for symbol, rows in self._rows_of.items()}

    def ticks(self, symbol: str, *, from_sequence: int, limit: int, published: int) -> TickColumns:
        """At most `limit` ticks of a symbol of the stream from a sequence on, none of them past ordinal `published`."""
        rows = self._rows_of[symbol]
        end = min(from_sequence - 1 + limit, int(np.searchsorted(rows, published, side="left")))
        chosen = rows[from_sequence - 1 : max(end, from_sequence - 1)]
        return TickColumns(
            from_sequence=from_sequence,
            ordinal=(chosen + 1).tolist(),
            time_ns=self._time_ns[chosen].tolist(),
            bid=self._bid[chosen].tolist(),
            ask=self._ask[chosen].tolist(),
            volume=self._volume[chosen].tolist(),
        )

    def _read_block(self, number: int) -> list[StreamTick]:
        start = number * BLOCK_TICKS
        part = slice(start, min(start + BLOCK_TICKS, self.last_ordinal))
        columns = zip(
            [self.symbols[index] for index in self._symbol_index[part].tolist()],
            self._sequence[part].tolist(),
            range(part.start + 1, part.stop + 1),
            self._time_ns[part].tolist(),
            self._bid[part].tolist(),
            self._ask[part].tolist(),
            self._volume[part].tolist(),
            strict=True,
        )
        if len(self._blocks) == BLOCKS_KEPT:
            del self._blocks[next(iter(self._blocks))]
        block = self._blocks[number] = [StreamTick._make(row) for row in columns]
        return block


def build_stream(sources: Sequence[SymbolRows], *, accept_crossed: bool, ticks_max: int | None = None) -> TickStream:
    """Judge the rows of each symbol and merge what is accepted.

    Args:
        sources: one entry per symbol, in the order that breaks ties of time.
        accept_crossed: take rows whose bid is above their ask.
        ticks_max: cut the merged stream after so many ticks. A cut leaves the rows after each symbol's last tick unread:
            they are neither counted nor part of the hash.
    """
    symbols = tuple(source.symbol for source in sources)
    assert len(set(symbols)) == len(symbols), symbols
    verdicts = [
        judge(source.time_ns, source.bid, source.ask, source.volume, accept_crossed=accept_crossed)
        for source in sources
    ]
    accepted = [np.flatnonzero(verdict == ACCEPTED) for verdict in verdicts]
    symbol_index = np.repeat(np.arange(len(sources), dtype=np.uint16), [len(rows) for rows in accepted])
    time_ns = _gather([source.time_ns for source in sources], accepted, np.int64)
    bid = _gather([source.bid for source in sources], accepted, np.float64)
    ask = _gather([source.ask for source in sources], accepted, np.float64)
    volume = _gather([source.volume for source in sources], accepted, np.float64)
    # Each symbol's times rise and the symbols stand in their order: a stable sort by time leaves both ties right.
    order = np.argsort(time_ns, kind="stable") if len(sources) > 1 else np.arange(len(time_ns))
    if ticks_max is not None and ticks_max < len(order):
        order = order[:ticks_max]
        published = np.bincount(symbol_index[order], minlength=len(sources)).tolist()
        ends = [int(rows[count - 1]) + 1 if count else 0 for rows, count in zip(accepted, published, strict=True)]
        sources = [source.head(end) for source, end in zip(sources, ends, strict=True)]
        verdicts = [verdict[:end] for verdict, end in zip(verdicts, ends, strict=True)]
    return TickStream(
        symbols=symbols,
        symbol_index=symbol_index[order],
        time_ns=time_ns[order],
        bid=bid[order],
        ask=ask[order],
        volume=volume[order],
        counts=TickCounts(
            read=sum(len(source) for source in sources),
            published=len(order),
            rejected=count_reasons(np.concatenate([*verdicts, np.zeros(0, dtype=np.uint8)])),
        ),
        data_sha256=_hash_of(sources),
    )


def _gather(columns: Sequence[NDArray[_N]], accepted: Sequence[NDArray[np.intp]], dtype: type[_N]) -> NDArray[_N]:
    parts: list[NDArray[_N]] = [column[rows] for column, rows in zip(columns, accepted, strict=True)]
    return np.concatenate([np.zeros(0, dtype=dtype), *parts])


def _hash_of(sources: Sequence[SymbolRows]) -> str:
    """SHA-256 over names and little-endian columns, so that neither file layout nor machine matters."""
    digest = hashlib.sha256()
    for source in sources:
        name = source.symbol.encode()
        digest.update(len(name).to_bytes(8, "little") + name + len(source).to_bytes(8, "little"))
        digest.update(np.ascontiguousarray(source.time_ns, dtype="<i8").data)
        for column in (source.bid, source.ask, source.volume):
            # One NaN for all: which bits a missing value has is the reader's whim.
            digest.update(np.where(np.isnan(column), np.nan, column).astype("<f8", copy=False).data)
    return digest.hexdigest()
