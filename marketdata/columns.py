"""Columns of ticks: values are appended while files are read, and later read in blocks.

The column store determines where values are kept: `MemoryColumn` keeps them in memory, `marketdata.files.spool` moves
them to disk above a limit. A column need not fit into memory, so it must be read one block at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

BLOCK_ROWS: Final = 1 << 17
"""Rows of each symbol that are read at a time while columns are validated, merged and hashed."""


class Column(Protocol):
    """Values of one type, in the order in which they were appended."""

    def __len__(self) -> int:
        """The number of values."""

    def append(self, values: NDArray[Any]) -> None:
        """Append `values`, a 1-D array."""

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """The values with indices `start` to `stop - 1`, which must exist. The array must not be changed."""


ColumnStore = Callable[[type[np.generic]], Column]
"""Function that creates an empty column for values of a type."""


class MemoryColumn:
    """A column in memory."""

    def __init__(self, dtype: type[np.generic]) -> None:
        """Start empty."""
        self._dtype = dtype
        self._parts: list[NDArray[Any]] = []
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def append(self, values: NDArray[Any]) -> None:
        """Append `values`, a 1-D array."""
        self._parts.append(values.astype(self._dtype, copy=False))
        self._length += len(values)

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """The values with indices `start` to `stop - 1`."""
        if len(self._parts) != 1:
            self._parts = [np.concatenate([np.zeros(0, self._dtype), *self._parts])]
        return self._parts[0][start:stop]


@dataclass(frozen=True)
class SymbolRows:
    """Rows of one symbol in the order read, as 1-D arrays of equal length; a missing price or volume is NaN."""

    symbol: str
    time_ns: NDArray[np.int64]
    bid: NDArray[np.float64]
    ask: NDArray[np.float64]
    volume: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.time_ns)


class TickTable:
    """The columns of a tick stream; row n has ordinal n + 1."""

    def __init__(self, store: ColumnStore) -> None:
        """Start empty."""
        self.symbol_index = store(np.uint16)
        self.time_ns = store(np.int64)
        self.bid = store(np.float64)
        self.ask = store(np.float64)
        self.volume = store(np.float64)

    def __len__(self) -> int:
        return len(self.time_ns)

    def append(self, symbol_index: NDArray[np.uint16], columns: tuple[NDArray[Any], ...]) -> None:
        """Append ticks.

        Args:
            symbol_index: index of each tick's symbol, a 1-D array.
            columns: time (UTC nanoseconds), bid, ask and volume, 1-D arrays of the same length.
        """
        self.symbol_index.append(symbol_index)
        for column, values in zip((self.time_ns, self.bid, self.ask, self.volume), columns, strict=True):
            column.append(values)
