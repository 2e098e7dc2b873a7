"""A generated market without end, whose ticks can be computed again from the seed and the stored states.

`GeneratedMarket` is a `MarketSource` for a live gateway. It keeps the state at the beginning of each of the last
`HISTORY_BLOCKS` minutes, and computes the ticks of a minute from that state on request. Older ticks are not available.
`generate` makes ticks for training and files. docs/market.md describes the model. A block is one minute of the market.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from marketdata import price_model_parameters as terms
from marketdata.instruments import find_instrument
from marketdata.price_model import BLOCK_NS, BLOCK_S, Block, MarketState, advance, first_state
from marketdata.price_model_parameters import PairParameters, pair_parameters
from marketdata.tick_stream import StreamTick, TickColumns
from proto.gateway import TickCounts

HISTORY_BLOCKS: Final = 120
"""Minutes that stay available, far more than a process falls behind the gateway."""

BLOCKS_KEPT: Final = 48
"""Minutes whose ticks stay in memory: enough for a process that fetches the missed ticks of all symbols."""

PAGE_BLOCKS_MAX: Final = 16
"""Number of minutes after which a page that has ticks ends.

The computation of each minute takes milliseconds, and delays other requests.
"""

WARM_UP_NS: Final = 10 * BLOCK_NS
"""Length of a new market's history, so that a strategy can warm up at once."""

ENDLESS: Final = 2**53 - 1
"""`last_ordinal` of a stream without end; a message can hold an ordinal up to 2**53."""

STREAM_ID_CHARS: Final = 16


class UnknownSymbolError(ValueError):
    """The market does not have the symbol; the text has the symbol and the expectation."""


class MarketHistory(Struct, frozen=True, kw_only=True):
    """The stored part of a generated market: its identity, and the states at the beginning of successive minutes."""

    stream_id: str
    symbols: tuple[str, ...]
    seed: int
    start_ns: int
    opening_ordinal: int
    """Ordinal of the last tick of the market's initial history of `WARM_UP_NS`."""
    states: tuple[MarketState, ...]


def open_market(
    *,
    symbols: Sequence[str],
    seed: int,
    before: MarketHistory | None,
    after_ns: int = 0,
    symbol_map: Mapping[str, str] | None = None,
) -> GeneratedMarket:
    """Continue the stored market `before`, or begin a new market.

    Args:
        symbols: the desk's names of the symbols. Ticks at the same time are in the order of `symbols`.
        seed: seed of all random numbers.
        before: the stored market. If it has another seed or other symbols, a new market begins, at the last prices of
            the stored one.
        after_ns: UTC time; a new market begins later than that.
        symbol_map: the broker's names by the desk's names, where they differ.

    Raises:
        UnknownSymbolError: the broker does not trade one of the symbols.
    """
    names = tuple(symbols)
    pairs = pairs_of(names, symbol_map)
    if before is not None and before.symbols == names and before.seed == seed:
        return GeneratedMarket(before, pairs)
    values = {} if before is None else {code: c.value for code, c in before.states[-1].currencies.items()}
    last_ns = max(after_ns, 0 if before is None else (before.states[-1].block + 1) * BLOCK_NS)
    start_ns = max(terms.OPENING_NS - WARM_UP_NS, -(-(last_ns + 1) // BLOCK_NS) * BLOCK_NS)
    state = first_state(pairs, start_ns=start_ns, values=values)
    text = f"{terms.MODEL_VERSION} {seed} {start_ns} {','.join(names)} {sorted(values.items())}"
    history = MarketHistory(
        stream_id=f"generated-{hashlib.sha256(text.encode()).hexdigest()[:STREAM_ID_CHARS]}",
        symbols=names,
        seed=seed,
        start_ns=start_ns,
        opening_ordinal=_ordinal_at(state, pairs, seed, blocks=WARM_UP_NS // BLOCK_NS),
        states=(state,),
    )
    return GeneratedMarket(history, pairs, is_new=True)


def pairs_of(symbols: Sequence[str], symbol_map: Mapping[str, str] | None = None) -> tuple[PairParameters, ...]:
    """Parameters of the price model for each symbol, in the given order.

    Raises:
        UnknownSymbolError: the broker does not trade one of the symbols.
    """
    pairs = []
    for symbol in symbols:
        found = find_instrument((symbol_map or {}).get(symbol, symbol))
        if found is None:
            raise UnknownSymbolError(
                f"the generated market has no {symbol}, expected a pair of currencies such as EURUSD, XAUUSD or XAGUSD"
            )
        pairs.append(pair_parameters(symbol, found))
    return tuple(pairs)


def _ordinal_at(state: MarketState, pairs: Sequence[PairParameters], seed: int, *, blocks: int) -> int:
    for _ in range(blocks):
        _, state = advance(state, pairs, seed)
    return state.ordinal


class GeneratedMarket:
    """The ticks of a generated market by ordinal and by sequence; created by `open_market`."""

    def __init__(self, history: MarketHistory, pairs: Sequence[PairParameters], *, is_new: bool = False) -> None:
        """Continue from the states of `history`; `is_new` means that none of them is saved yet."""
        assert history.states, history.stream_id
        self.symbols = history.symbols
        self.stream_id = history.stream_id
        self.seed = history.seed
        self.first_time_ns = history.start_ns
        self.opening_ordinal = history.opening_ordinal
        self.last_ordinal = ENDLESS
        self.counts = TickCounts(read=0, published=0, rejected={})
        self.data_sha256 = ""
        self._pairs = tuple(pairs)
        self._index = {symbol: number for number, symbol in enumerate(history.symbols)}
        self._states = list(history.states)
        self._unsaved = len(self._states) if is_new else 0
        self._blocks: dict[int, Block] = {}
        self._rows: dict[int, list[StreamTick]] = {}

    # -------------------------------------------------------------------------------------------------------- queries

    def tick_at(self, ordinal: int) -> StreamTick:
        """The tick with this ordinal, which must be within the kept minutes or later."""
        place = self._place_of(ordinal)
        return self._rows_of(place)[ordinal - self._states[place].ordinal - 1]

    def last_tick(self, symbol: str, ordinal: int) -> StreamTick | None:
        """The symbol's latest tick at or before `ordinal`; None before its first."""
        index = self._index.get(symbol)
        if index is None or ordinal < 1:
            return None
        place = self._place_of(ordinal)
        state, block = self._states[place], self._block_of(place)
        rows = np.flatnonzero(block.symbol_index[: ordinal - state.ordinal] == index)
        if len(rows):
            return self._rows_of(place)[int(rows[-1])]
        last = state.quotes[symbol]
        if not last.sequence:
            return None
        scale = 10 ** self._pairs[index].digits
        bid, ask = last.bid_points / scale, last.ask_points / scale
        return StreamTick(symbol, last.sequence, last.ordinal, last.time_ns, bid, ask, last.volume)

    def sequences_at(self, ordinal: int) -> dict[str, int]:
        """Each symbol's last sequence at or before `ordinal`; 0 before its first tick."""
        if ordinal < 1:
            return dict.fromkeys(self.symbols, 0)
        place = self._place_of(ordinal)
        state, block = self._states[place], self._block_of(place)
        seen = np.bincount(block.symbol_index[: ordinal - state.ordinal], minlength=len(self.symbols)).tolist()
        return {symbol: state.quotes[symbol].sequence + seen[index] for symbol, index in self._index.items()}

    def ticks(self, symbol: str, *, from_sequence: int, limit: int, published: int) -> TickColumns:
        """At most `limit` ticks of a symbol, beginning at `from_sequence`, and up to ordinal `published`.

        If the tick `from_sequence` is no longer kept, the page begins at the oldest kept tick. A page that
        has ticks ends after `PAGE_BLOCKS_MAX` minutes. An empty page continues to the next minute with a tick of the
        symbol.
        """
        index = self._index[symbol]
        first = max(from_sequence, self._states[0].quotes[symbol].sequence + 1)
        columns = TickColumns(first, [], [], [], [], [])
        place = max(0, bisect_right(self._states, first - 1, key=lambda state: state.quotes[symbol].sequence) - 1)
        end = place + PAGE_BLOCKS_MAX
        while len(columns.ordinal) < limit and self._state(place).ordinal < published:
            if place >= end and columns.ordinal:
                break
            state, block = self._states[place], self._block_of(place)
            chosen = np.flatnonzero((block.symbol_index == index) & (block.sequence >= first))
            chosen = chosen[chosen < published - state.ordinal][: limit - len(columns.ordinal)]
            columns.ordinal.extend((chosen + state.ordinal + 1).tolist())
            for column, values in (
                (columns.time_ns, block.time_ns),
                (columns.bid, block.bid),
                (columns.ask, block.ask),
                (columns.volume, block.volume),
            ):
                column.extend(values[chosen].tolist())
            place += 1
        return columns

    # -------------------------------------------------------------------------------------------------------- storage

    def unsaved(self) -> MarketHistory | None:
        """The states that were added since the last `mark_saved`; None if there are none."""
        return self._history(self._states[-self._unsaved :]) if self._unsaved else None

    def mark_saved(self) -> None:
        """Record that the states of `unsaved` are durable."""
        self._unsaved = 0

    @property
    def oldest_block(self) -> int:
        """The oldest available minute, numbered from 1970-01-01 00:00 UTC."""
        return self._states[0].block

    def discard_before(self, ordinal: int) -> None:
        """Discard the states more than `HISTORY_BLOCKS` minutes before tick `ordinal`; none if `ordinal` is 0."""
        surplus = self._place_of(ordinal) - HISTORY_BLOCKS if ordinal else 0
        if surplus > 0:
            del self._states[:surplus]
            for kept in (self._blocks, self._rows):
                for number in [number for number in kept if number < self.oldest_block]:
                    del kept[number]

    def _history(self, states: Sequence[MarketState]) -> MarketHistory:
        return MarketHistory(
            stream_id=self.stream_id,
            symbols=self.symbols,
            seed=self.seed,
            start_ns=self.first_time_ns,
            opening_ordinal=self.opening_ordinal,
            states=tuple(states),
        )

    # ---------------------------------------------------------------------------------------------------------- blocks

    def _place_of(self, ordinal: int) -> int:
        """Index of the state at the start of the minute that contains the tick."""
        while self._states[-1].ordinal < ordinal:
            self._extend()
        place = bisect_left(self._states, ordinal, key=lambda state: state.ordinal) - 1
        assert place >= 0, (ordinal, self._states[0].ordinal)
        return place

    def _state(self, place: int) -> MarketState:
        while place >= len(self._states):
            self._extend()
        return self._states[place]

    def _extend(self) -> None:
        block, following = advance(self._states[-1], self._pairs, self.seed)
        self._keep(self._states[-1].block, block)
        self._states.append(following)
        self._unsaved += 1

    def _block_of(self, place: int) -> Block:
        state = self._states[place]
        block = self._blocks.get(state.block)
        if block is None:
            block, _ = advance(state, self._pairs, self.seed)
            self._keep(state.block, block)
        return block

    def _keep(self, number: int, block: Block) -> None:
        if len(self._blocks) >= BLOCKS_KEPT:
            oldest = next(iter(self._blocks))
            del self._blocks[oldest]
            self._rows.pop(oldest, None)
        self._blocks[number] = block

    def _rows_of(self, place: int) -> list[StreamTick]:
        number = self._states[place].block
        block = self._block_of(place)
        rows = self._rows.get(number)
        if rows is None:
            first = block.first_ordinal
            columns = zip(
                [self.symbols[index] for index in block.symbol_index.tolist()],
                block.sequence.tolist(),
                range(first, first + len(block)),
                block.time_ns.tolist(),
                block.bid.tolist(),
                block.ask.tolist(),
                block.volume.tolist(),
                strict=True,
            )
            rows = self._rows[number] = [StreamTick._make(row) for row in columns]
        return rows


# ---------------------------------------------------------------------------------------------------------- to files


@dataclass(frozen=True)
class GeneratedTicks:
    """Ticks of all symbols in the order of time, as 1-D arrays of equal length; `time_ns` is in UTC."""

    symbols: tuple[str, ...]
    symbol_index: NDArray[np.uint16]
    time_ns: NDArray[np.int64]
    bid: NDArray[np.float64]
    ask: NDArray[np.float64]
    volume: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.time_ns)


def generate_blocks(symbols: Sequence[str], *, seed: int, start_ns: int = terms.OPENING_NS) -> Iterator[GeneratedTicks]:
    """Yield the ticks of a market minute by minute, without end, beginning with the minute of UTC time `start_ns`.

    Raises:
        UnknownSymbolError: the broker does not trade one of the symbols.
    """
    pairs = pairs_of(symbols)
    state = first_state(pairs, start_ns=start_ns)
    while True:
        block, state = advance(state, pairs, seed)
        yield GeneratedTicks(tuple(symbols), block.symbol_index, block.time_ns, block.bid, block.ask, block.volume)


def generated_minutes(
    symbols: Sequence[str], *, seed: int, hours: float, start_ns: int = terms.OPENING_NS
) -> Iterator[GeneratedTicks]:
    """Yield the ticks of `hours` hours of a market, minute by minute.

    The duration is rounded to whole minutes and is at least one minute.

    Raises:
        UnknownSymbolError: the broker does not trade one of the symbols.
    """
    return islice(generate_blocks(symbols, seed=seed, start_ns=start_ns), max(1, round(hours * 3_600 / BLOCK_S)))


def generate(symbols: Sequence[str], *, seed: int, hours: float, start_ns: int = terms.OPENING_NS) -> GeneratedTicks:
    """The ticks of `hours` hours of a market, beginning with the minute of UTC time `start_ns`.

    Raises:
        UnknownSymbolError: the broker does not trade one of the symbols.
    """
    parts = list(generated_minutes(symbols, seed=seed, hours=hours, start_ns=start_ns))
    names = ("symbol_index", "time_ns", "bid", "ask", "volume")
    return GeneratedTicks(tuple(symbols), *(np.concatenate([getattr(part, name) for part in parts]) for name in names))
