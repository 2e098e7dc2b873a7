"""The numba kernel that walks over ticks without a consequence, and counts them.

A walk stops at the first tick that may have a consequence. For all ticks before it, the kernel updates the arrays of
the walk's state (`walk.py` describes them).
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from proto.time import MINUTE_NS
from services.portfolio.core.decision.standing_decision import Action
from services.portfolio.core.risk.state_updates import next_spread_median
from services.signal.core.jit import kernel_calling, kernel_helper

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.int8]

END: Final = 0
OUTSIDE: Final = 1
SIGNAL: Final = 2
"""Why a walk stops: at the given row, at a tick outside the plan, or at a signal that must be decided."""

DENIED: Final = int(Action.DENIED)
VISIT: Final = int(Action.VISIT)

_next_spread_median = kernel_helper(next_spread_median)


@kernel_helper
def _is_outside(
    symbol: int,
    time_ns: int,
    bid: float,
    ask: float,
    any_ns: int,
    tick_ns: Ints,
    bid_low: Floats,
    bid_high: Floats,
    ask_low: Floats,
    ask_high: Floats,
) -> bool:
    """Whether a tick is outside the bounds (`TickBounds`)."""
    return (
        time_ns >= any_ns
        or time_ns >= tick_ns[symbol]
        or bid <= bid_low[symbol]
        or bid >= bid_high[symbol]
        or ask <= ask_low[symbol]
        or ask >= ask_high[symbol]
    )


@kernel_calling(next_spread_median)
def walk(
    first: int,
    end: int,
    symbols: npt.NDArray[np.uint16],
    kinds: Bytes,
    times_ns: Ints,
    bids: Floats,
    asks: Floats,
    any_ns: int,
    tick_ns: Ints,
    bid_low: Floats,
    bid_high: Floats,
    ask_low: Floats,
    ask_high: Floats,
    actions: Bytes,
    until_ns: Ints,
    counts: Ints,
    latest: Ints,
    points: Floats,
    medians: Floats,
    minutes: Ints,
    minute_rows: Ints,
) -> tuple[int, int, int]:
    """Walk from row `first` to the first row that may have a consequence, at most to row `end`.

    Args:
        first: first row.
        end: row before which the walk ends.
        symbols: index of each row's symbol.
        kinds: kind of each row's signal.
        times_ns: times of the rows.
        bids: bids of the rows.
        asks: asks of the rows.
        any_ns: as in `TickBounds`, like the five arrays after it.
        tick_ns: by symbol.
        bid_low: by symbol.
        bid_high: by symbol.
        ask_low: by symbol.
        ask_high: by symbol.
        actions: `Action` by symbol and kind.
        until_ns: by symbol and kind, the time from which on a DENIED signal is a VISIT.
        counts: by symbol and kind, the number of rows; increased.
        latest: by symbol and kind, the latest row; updated.
        points: by symbol, size of a point; NaN if the median of the spread is not needed.
        medians: by symbol, the running median of the spread; updated.
        minutes: by symbol, minute of the latest row; updated. -1 if the minutes are not needed.
        minute_rows: filled with the last row of each minute, if a later row of its symbol is in the walk.

    Returns:
        The row at which the walk stopped, the reason, and the number of `minute_rows`.
    """
    minute_count = 0
    for row in range(first, end):
        symbol, kind, time_ns, bid, ask = symbols[row], kinds[row], times_ns[row], bids[row], asks[row]
        if _is_outside(symbol, time_ns, bid, ask, any_ns, tick_ns, bid_low, bid_high, ask_low, ask_high):
            return row, OUTSIDE, minute_count
        action = actions[symbol, kind]
        if action == VISIT:
            return row, SIGNAL, minute_count
        if action == DENIED and time_ns >= until_ns[symbol, kind]:
            return row, OUTSIDE, minute_count
        point = points[symbol]
        if not np.isnan(point):
            medians[symbol] = _next_spread_median(medians[symbol], ask - bid, point)
        if minutes[symbol] >= 0:
            minute = time_ns // MINUTE_NS
            if minute != minutes[symbol]:
                minutes[symbol] = minute
                before = latest[symbol].max()
                if before >= 0:
                    minute_rows[minute_count] = before
                    minute_count += 1
        counts[symbol, kind] += 1
        latest[symbol, kind] = row
    return end, END, minute_count
