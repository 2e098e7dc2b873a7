"""Ticks of all symbols with their signals, as columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from marketdata.tick_stream import TickBlock
from services.signal.core.strategy import TickArrays
from services.signal.core.strategy_fault import StrategyError
from services.signal.core.symbol_engine import SymbolEngine

SELL: Final = 0
HOLD: Final = 1
BUY: Final = 2
WARM_UP: Final = 3
NO_STRATEGY: Final = 4
"""Kinds of signals: by direction + 1, then a HOLD of the warm-up, and the HOLD of a watched symbol."""

KINDS: Final = 5


class SignalBlock(NamedTuple):
    """Consecutive ticks with their signals; the arrays have equal length.

    The block ends before the first tick at which a strategy fails; `error` is its fault, None if there is none.
    """

    ticks: TickBlock
    kind: NDArray[np.int8]
    confidence: NDArray[np.float64]
    error: StrategyError | None

    @property
    def size(self) -> int:
        """Number of ticks before the end or the fault."""
        return len(self.kind)


def signal_block(ticks: TickBlock, symbols: Sequence[str], engines: Mapping[str, SymbolEngine]) -> SignalBlock:
    """Pass ticks to the engines of their symbols, and return the ticks with the signals.

    Args:
        ticks: the ticks after those that the engines have processed.
        symbols: the symbols of the stream, in the order of `TickBlock.symbol_index`.
        engines: engine of each symbol that has a strategy.
    """
    count, error = len(ticks.time_ns), None
    end = count
    kind = np.full(count, NO_STRATEGY, dtype=np.int8)
    confidence = np.zeros(count)
    for index, symbol in enumerate(symbols):
        engine = engines.get(symbol)
        rows: NDArray[np.intp] | slice = slice(None)
        of_symbol = TickArrays(ticks.time_ns, ticks.bid, ticks.ask, ticks.volume)
        if len(symbols) > 1:
            rows = np.flatnonzero(ticks.symbol_index == index)
            of_symbol = TickArrays(ticks.time_ns[rows], ticks.bid[rows], ticks.ask[rows], ticks.volume[rows])
        if engine is None or not len(of_symbol.bid):
            continue
        signals = engine.process_ticks(of_symbol)
        kinds = signals.direction + np.int8(1)
        kinds[: signals.warming_up] = WARM_UP
        done = len(kinds)
        if signals.error is not None:
            row = done if isinstance(rows, slice) else int(rows[done])
            if row < end:
                end, error = row, signals.error
        if isinstance(rows, slice):
            kind[:done], confidence[:done] = kinds, signals.confidence
        else:
            kind[rows[:done]], confidence[rows[:done]] = kinds, signals.confidence
    return SignalBlock(ticks, kind[:end], confidence[:end], error)
