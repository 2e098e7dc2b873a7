"""The numba kernel that walks over ticks without a consequence, and counts them.

A walk stops at the first tick that may have a consequence. For all ticks before it, the kernel updates the arrays of
the walk's state. Numbers of symbols and of kinds of signals are indices. An array is passed to a compiled function in a
fraction of a microsecond, so that values that belong together share an array.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from proto.time import MINUTE_NS
from research.event_engine.signal_blocks import KINDS
from services.portfolio.core.risk.state_updates import next_spread_median
from services.signal.core.jit import kernel_calling, kernel_helper

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

END: Final = 0
OUTSIDE: Final = 1
SIGNAL: Final = 2
"""Why a walk stops: at the given row, at a tick outside the plan, or at a signal that must be decided."""

LATEST: Final = KINDS
"""Column of `passed` with the latest row of the first kind; the columns before it count the rows of each kind."""

LATEST_OF_ALL: Final = 2 * KINDS
"""Column of `passed` with the latest row of all kinds."""

PASSED_COLUMNS: Final = 2 * KINDS + 1

_next_spread_median = kernel_helper(next_spread_median)


@kernel_helper
def _is_outside(symbol: int, time_ns: int, bid: float, ask: float, any_ns: int, tick_ns: Ints, prices: Floats) -> bool:
    """Whether a tick is outside the bounds (`TickBounds`)."""
    return (
        time_ns >= any_ns
        or time_ns >= tick_ns[symbol]
        or bid <= prices[symbol, 0]
        or bid >= prices[symbol, 1]
        or ask <= prices[symbol, 2]
        or ask >= prices[symbol, 3]
    )


@kernel_helper
def _count(row: int, symbol: int, kind: int, passed: Ints, order: Ints) -> None:
    """Count a row without a consequence."""
    if passed[symbol, LATEST_OF_ALL] < 0:
        order[order[-1]] = symbol
        order[-1] += 1
    passed[symbol, kind] += 1
    passed[symbol, LATEST + kind] = row
    passed[symbol, LATEST_OF_ALL] = row


@kernel_helper
def _forget(passed: Ints, order: Ints) -> None:
    """Reset the counts of an earlier walk."""
    for place in range(order[-1]):
        symbol = order[place]
        passed[symbol, :LATEST] = 0
        passed[symbol, LATEST:] = -1
    order[-1] = 0


@kernel_calling(next_spread_median)
def walk(
    first: int,
    end: int,
    symbols: npt.NDArray[np.uint16],
    times_ns: Ints,
    bids: Floats,
    asks: Floats,
    kinds: npt.NDArray[np.int8],
    confidences: Floats,
    any_ns: int,
    tick_ns: Ints,
    prices: Floats,
    until_ns: Ints,
    sureness: Floats,
    passed: Ints,
    order: Ints,
    spreads: Floats,
    minutes: Ints,
    minute_rows: Ints,
) -> tuple[int, int, int]:
    """Walk from row `first` to the first row that may have a consequence, at most to row `end`.

    Args:
        first: first row.
        end: row before which the walk ends.
        symbols: the symbol of each row.
        times_ns: venue time of each row.
        bids: bid of each row.
        asks: ask of each row.
        kinds: kind of each row's signal.
        confidences: confidence of each row's signal.
        any_ns: as in `TickBounds`, like the two arrays after it.
        tick_ns: by symbol.
        prices: by symbol.
        until_ns: by symbol and kind, the time from which on a signal must be decided; 0 for any time.
        sureness: by symbol and kind, the lowest confidence below which a signal must be decided; then, in further
            columns, the highest above which it must be decided.
        passed: by symbol, the columns `LATEST` and `LATEST_OF_ALL` describe; filled.
        order: filled with the symbols in `passed`, in the order of their first rows; the last element is their number.
        spreads: by symbol, the size of a point, NaN if the median of the spread is not needed, and the running median
            of the spread, which is updated.
        minutes: by symbol, minute of the latest row; updated. -1 if the minutes are not needed.
        minute_rows: filled with the last row of each minute, if a later row of its symbol is in the walk.

    Returns:
        The row at which the walk stopped, the reason, and the number of `minute_rows`.
    """
    _forget(passed, order)
    minute_count = 0
    for row in range(first, end):
        symbol, kind, time_ns, bid, ask = symbols[row], kinds[row], times_ns[row], bids[row], asks[row]
        if _is_outside(symbol, time_ns, bid, ask, any_ns, tick_ns, prices):
            return row, OUTSIDE, minute_count
        if time_ns >= until_ns[symbol, kind]:
            return row, (OUTSIDE if until_ns[symbol, kind] else SIGNAL), minute_count
        if not sureness[symbol, kind] <= confidences[row] <= sureness[symbol, KINDS + kind]:
            return row, SIGNAL, minute_count
        if not np.isnan(spreads[symbol, 0]):
            spreads[symbol, 1] = _next_spread_median(spreads[symbol, 1], ask - bid, spreads[symbol, 0])
        if minutes[symbol] >= 0:
            minute = time_ns // MINUTE_NS
            if minute != minutes[symbol]:
                minutes[symbol] = minute
                if passed[symbol, LATEST_OF_ALL] >= 0:
                    minute_rows[minute_count] = passed[symbol, LATEST_OF_ALL]
                    minute_count += 1
        _count(row, symbol, kind, passed, order)
    return end, END, minute_count
