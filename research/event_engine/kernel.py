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
from services.portfolio.core.accounting.equity_curve import next_due_ns
from services.portfolio.core.accounting.leg_units import DIRECTION, IS_INVERSE, PAIR, SYMBOL, leg_units
from services.portfolio.core.decision.equity_scan import BALANCE, EQUITY, HIGHEST
from services.portfolio.core.risk.equity_levels import NEAR, Reference, level_state
from services.portfolio.core.risk.rules.spread import is_wide, usual_spread_points
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

BID: Final = 0
ASK: Final = 1
"""Columns of the quotes."""

HIGH: Final = int(Reference.HIGH)
DAY_HIGH: Final = int(Reference.DAY_HIGH)

_next_spread_median = kernel_helper(next_spread_median)
_next_due_ns = kernel_helper(next_due_ns)
_usual_spread_points = kernel_helper(usual_spread_points)
_is_wide = kernel_helper(is_wide)
_leg_units = kernel_helper(leg_units)
_level_state = kernel_helper(level_state)


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
        for column in range(PASSED_COLUMNS):
            passed[symbol, column] = 0 if column < LATEST else -1
    order[-1] = 0


@kernel_helper
def _copy(source: Floats, target: Floats) -> None:
    """Copy quotes one by one: for an assignment of arrays numba would compile seconds of checks and error texts."""
    for symbol in range(len(source)):
        target[symbol, BID], target[symbol, ASK] = source[symbol, BID], source[symbol, ASK]


@kernel_helper
def _changes_equity(symbol: int, leg_places: Ints) -> bool:
    """Whether a quote of the symbol changes the value of a leg."""
    for leg in range(len(leg_places)):  # noqa: SIM110 - numba compiles no generator
        if leg_places[leg, SYMBOL] == symbol or leg_places[leg, PAIR] == symbol:
            return True
    return False


@kernel_helper
def _unrealized_units(quotes: Floats, leg_places: Ints, leg_terms: Floats) -> float:
    """Unrealized profit of all legs, in units; NaN if it is not known exactly."""
    total = 0.0
    for leg in range(len(leg_places)):
        symbol, pair = leg_places[leg, SYMBOL], leg_places[leg, PAIR]
        price = quotes[symbol, BID] if leg_places[leg, DIRECTION] > 0 else quotes[symbol, ASK]
        pair_bid = quotes[pair, BID] if pair >= 0 else np.nan
        pair_ask = quotes[pair, ASK] if pair >= 0 else np.nan
        terms = leg_terms[leg]
        is_inverse = leg_places[leg, IS_INVERSE] != 0
        total += _leg_units(price, pair_bid, pair_ask, is_inverse, terms[0], terms[1], terms[2], terms[3])
    return total


@kernel_helper
def _keeps_levels(units: float, levels: Floats, scale: Floats) -> bool:
    """Whether the equity certainly reaches and leaves no level if it becomes `units`."""
    for place in range(len(levels)):
        reference = int(levels[place, 0])
        before = scale[reference]
        after = max(before, units) if reference in (HIGH, DAY_HIGH) else before
        state = _level_state(units, after, scale[BALANCE], levels[place, 1])
        if state == NEAR or state != _level_state(scale[EQUITY], before, scale[BALANCE], levels[place, 1]):
            return False
    return True


@kernel_helper
def _follow_equity(
    symbol: int, is_first: bool, quotes: Floats, leg_places: Ints, leg_terms: Floats, levels: Floats, scale: Floats
) -> bool:
    """Update the equity and its peaks by a quote; False, without an update, if the tick must be decided."""
    if not is_first and not _changes_equity(symbol, leg_places):
        return True
    units = _unrealized_units(quotes, leg_places, leg_terms)
    if units == scale[EQUITY]:
        return True
    if np.isnan(units) or not _keeps_levels(units, levels, scale):
        return False
    scale[EQUITY] = units
    scale[HIGH] = max(scale[HIGH], units)
    scale[DAY_HIGH] = max(scale[DAY_HIGH], units)
    scale[HIGHEST] = max(scale[HIGHEST], units)
    return True


@kernel_calling(next_spread_median, usual_spread_points, is_wide, next_due_ns, leg_units, level_state)
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
    quotes: Floats,
    has_positions: bool,
    is_valued: bool,
    leg_places: Ints,
    leg_terms: Floats,
    levels: Floats,
    scale: Floats,
    due_ns: int,
    point_rows: Ints,
    point_quotes: Floats,
) -> tuple[int, int, int, int]:
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
        sureness: by symbol and kind, the confidence below which a signal must be decided; then, in further columns, the
            confidence above which it must be decided, and the factor by which the spread must be wide, or NaN.
        passed: by symbol, the columns `LATEST` and `LATEST_OF_ALL` describe; filled.
        order: filled with the symbols in `passed`, in the order of their first rows; the last element is their number.
        spreads: by symbol, the size of a point, NaN if the median of the spread is not needed, and the running median
            of the spread, which is updated.
        minutes: by symbol, minute of the latest row; updated. -1 if the minutes are not needed.
        minute_rows: filled with the last row of each minute, if a later row of its symbol is in the walk.
        quotes: latest bid and ask by symbol; updated. Symbols that are not in the stream follow those of the stream.
        has_positions: whether positions are open.
        is_valued: whether the equity of each row is needed.
        leg_places: open legs as in `LegTable`, like `leg_terms`.
        leg_terms: as above.
        levels: levels of the equity as in `EquityScan`.
        scale: equities as `EquityScan` fills it; updated. HIGHEST is the highest equity of rows that changed it.
        due_ns: time from which on the next point of the equity curve is due.
        point_rows: filled with the rows of points.
        point_quotes: filled with the quotes at these rows; left out without positions.

    Returns:
        The row at which the walk stopped, the reason, and the numbers of `minute_rows` and `point_rows`.
    """
    _forget(passed, order)
    minute_count = point_count = 0
    for row in range(first, end):
        symbol, kind, time_ns, bid, ask = symbols[row], kinds[row], times_ns[row], bids[row], asks[row]
        if _is_outside(symbol, time_ns, bid, ask, any_ns, tick_ns, prices):
            return row, OUTSIDE, minute_count, point_count
        if time_ns >= until_ns[symbol, kind]:
            return row, (OUTSIDE if until_ns[symbol, kind] else SIGNAL), minute_count, point_count
        if not sureness[symbol, kind] <= confidences[row] <= sureness[symbol, KINDS + kind]:
            return row, SIGNAL, minute_count, point_count
        point, median = spreads[symbol, 0], spreads[symbol, 1]
        if not np.isnan(point):
            median = _next_spread_median(median, ask - bid, point)
            factor = sureness[symbol, 2 * KINDS + kind]
            if not np.isnan(factor) and not _is_wide((ask - bid) / point, _usual_spread_points(median, point), factor):
                return row, SIGNAL, minute_count, point_count
        bid_before, ask_before = quotes[symbol, BID], quotes[symbol, ASK]
        quotes[symbol, BID], quotes[symbol, ASK] = bid, ask
        if is_valued and not _follow_equity(symbol, row == first, quotes, leg_places, leg_terms, levels, scale):
            quotes[symbol, BID], quotes[symbol, ASK] = bid_before, ask_before
            return row, OUTSIDE, minute_count, point_count
        if time_ns >= due_ns:
            due_ns = _next_due_ns(time_ns)
            point_rows[point_count] = row
            if has_positions:
                _copy(quotes, point_quotes[point_count])
            point_count += 1
        spreads[symbol, 1] = median
        if minutes[symbol] >= 0:
            minute = time_ns // MINUTE_NS
            if minute != minutes[symbol]:
                minutes[symbol] = minute
                if passed[symbol, LATEST_OF_ALL] >= 0:
                    minute_rows[minute_count] = passed[symbol, LATEST_OF_ALL]
                    minute_count += 1
        _count(row, symbol, kind, passed, order)
    return end, END, minute_count, point_count
