"""The kernel that computes features: for the newest tick in a desk or backtest, for a whole recording in training.

`fill_features` computes a row for every full window in its columns. A strategy passes the 100 ticks of its buffer and
gets one row; training passes a whole recording. Both run the same machine code and so get the same digits. A row
depends on no tick after its own. The only mathematical function is the square root, which IEEE 754 defines to the last
bit, so that other processors compute the same digits.

The order of the columns is that of `schema.FEATURES`.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from services.signal.core.features.schema import FEATURES, POINT_PER_PRICE, WINDOW_TICKS
from services.signal.core.jit import kernel, kernel_helper

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Rows = npt.NDArray[np.float32]

_LAST: Final = WINDOW_TICKS - 1
_POINT: Final = POINT_PER_PRICE
_BP: Final = 1e4
_NS: Final = 1e9
_DAY_NS: Final = 86_400_000_000_000
_HALF_PI: Final = 1.5707963267948966
_LONG_TO_SHORT: Final = (99 / 20) ** 0.5


@kernel_helper
def _sine_of_turn(turn: float) -> float:
    """Return the sine of an angle in turns, 0 <= turn < 2.

    It is computed by the Taylor series up to the 15th power; the error is below 1e-11.
    """
    quarters = 4.0 * (turn - np.floor(turn))
    quadrant = int(quarters)
    part = quarters - quadrant
    if quadrant % 2 == 1:
        part = 1.0 - part
    x = part * _HALF_PI
    square = x * x
    total = 0.0
    for power in range(15, 1, -2):
        total = (1.0 - total) * square / (power * (power - 1))
    value = x * (1.0 - total)
    return float(-value if quadrant >= 2 else value)


@kernel_helper
def _lower_median(values: Floats) -> float:
    """Return the 50th smallest of 100 values by quickselect, which reorders `values`."""
    middle = (values.shape[0] - 1) // 2
    low, high = 0, values.shape[0] - 1
    while low < high:
        pivot = values[middle]
        i, j = low, high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while pivot < values[j]:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if j < middle:
            low = i
        if middle < i:
            high = j
    return float(values[middle])


@kernel_helper
def _z_score(mid: Floats, end: int, ticks: int) -> float:
    """Return the newest mid minus the mean of the latest `ticks` mids, in standard deviations; 0 if all are equal."""
    total = 0.0
    for i in range(end - ticks + 1, end + 1):
        total += mid[i] - mid[end]
    mean = total / ticks
    squares = 0.0
    for i in range(end - ticks + 1, end + 1):
        distance = mid[i] - mid[end] - mean
        squares += distance * distance
    deviation = np.sqrt(squares / ticks)
    return float(-mean / deviation if deviation > 0.0 else 0.0)


@kernel_helper
def _sums(
    change: Floats, newest: int, oldest: int, gains: float, losses: float, squares: float, balance: int
) -> tuple[float, float, float, int]:
    """Add the changes from `newest` down to `oldest` to the sums, and return the sums.

    The four sums are: rises, falls (positive), squares, and the number of rises minus the number of falls.
    """
    for i in range(newest, oldest - 1, -1):
        moved = change[i]
        # `max` instead of a branch, because a processor cannot predict the direction of a price.
        gains += max(moved, 0.0)
        losses += max(-moved, 0.0)
        squares += moved * moved
        balance += int(moved > 0.0) - int(moved < 0.0)
    return gains, losses, squares, balance


@kernel_helper
def _part(value: float, whole: float, otherwise: float) -> float:
    return value / whole if whole > 0.0 else otherwise


@kernel_helper
def _return(mid: Floats, end: int, changes: int) -> float:
    return float((mid[end] - mid[end - changes]) / mid[end - changes] * _BP)


@kernel_helper
def _run_length(change: Floats, end: int, changes: int) -> int:
    """Return the number of latest consecutive changes with the same sign, times this sign; 0 if the newest is 0."""
    newest = change[end]
    if newest == 0.0:
        return 0
    length = 0
    while length < changes and change[end - length] * newest > 0.0:
        length += 1
    return length if newest > 0.0 else -length


@kernel_helper
def _fill(
    row: Rows,
    end: int,
    time_ns: Ints,
    bid: Floats,
    ask: Floats,
    volume: Floats,
    mid: Floats,
    change: Floats,
    spreads: Floats,
) -> None:
    first = end - _LAST
    gains_14, losses_14, squares, balance = _sums(change, end, end - 13, 0.0, 0.0, 0.0, 0)
    gains, losses, squares_20, balance_20 = _sums(change, end - 14, end - 19, gains_14, losses_14, squares, balance)
    gains_50, losses_50, squares_50, balance = _sums(change, end - 20, end - 49, gains, losses, squares_20, balance_20)
    _, _, squares_99, balance_99 = _sums(change, end - 50, end - 98, gains_50, losses_50, squares_50, balance)
    volatility_20, volatility_99 = np.sqrt(squares_20), np.sqrt(squares_99)

    lowest = highest = mid[first]
    volume_100 = 0.0
    for i in range(first, end + 1):
        spreads[i - first] = ask[i] - bid[i]
        lowest = min(lowest, mid[i])
        highest = max(highest, mid[i])
        volume_100 += volume[i]
    median = _lower_median(spreads)
    volume_20, pressure, path, products = 0.0, 0, 0.0, 0.0
    for i in range(end - 19, end + 1):
        volume_20 += volume[i]
        pressure += int(bid[i] > bid[i - 1]) - int(ask[i] < ask[i - 1])
    for i in range(end - 49, end + 1):
        path += abs(mid[i] - mid[i - 1])
        products += change[i] * change[i - 1]
    seconds_20 = (time_ns[end] - time_ns[end - 20]) / _NS
    seconds_99 = (time_ns[end] - time_ns[first]) / _NS
    turn = (time_ns[end] % _DAY_NS) / _DAY_NS
    spread = ask[end] - bid[end]

    row[0] = _return(mid, end, 1)
    row[1] = _return(mid, end, 5)
    row[2] = _return(mid, end, 10)
    row[3] = _return(mid, end, 20)
    row[4] = _return(mid, end, 50)
    row[5] = _return(mid, end, 99)
    row[6] = volatility_20
    row[7] = volatility_99
    row[8] = _part(volatility_20 * _LONG_TO_SHORT, volatility_99, 0.0)
    row[9] = spread / mid[end] * _BP
    row[10] = median / mid[end] * _BP
    row[11] = spread / max(median, mid[end] * _POINT)
    row[12] = _z_score(mid, end, 20)
    row[13] = _z_score(mid, end, 100)
    row[14] = _part(mid[end] - lowest, highest - lowest, 0.5)
    row[15] = _part(gains_14, gains_14 + losses_14, 0.5)
    row[16] = _part(gains_50, gains_50 + losses_50, 0.5)
    row[17] = balance_20 / 20
    row[18] = balance_99 / 99
    row[19] = _run_length(change, end, 99)
    row[20] = pressure / 20
    row[21] = _part(mid[end] - mid[end - 50], path, 0.0)
    row[22] = _part(products, squares_50, 0.0)
    row[23] = (time_ns[end] - time_ns[end - 1]) / _NS
    row[24] = seconds_20 / 20
    row[25] = seconds_99 / 99
    row[26] = _part(seconds_20 / 20, seconds_99 / 99, 1.0)
    row[27] = _part(volume_20 / 20, volume_100 / 100, 1.0)
    row[28] = _sine_of_turn(turn)
    row[29] = _sine_of_turn(turn + 0.25)


@kernel
def fill_features(time_ns: Ints, bid: Floats, ask: Floats, volume: Floats, rows: Rows) -> None:
    """Fill row i with the features at tick i + 99, from ticks i to i + 99.

    Args:
        time_ns: venue times of at least 100 ticks in their order, UTC nanoseconds; int64.
        bid: best bids, > 0; float64 of the same length, as are `ask` and `volume`.
        ask: best asks, > 0.
        volume: volumes of the ticks, 0 if unknown.
        rows: float32 of shape (ticks - 99, features), to be filled.
    """
    count = time_ns.shape[0]
    mid = np.empty(count)
    change = np.zeros(count)
    spreads = np.empty(WINDOW_TICKS)
    for i in range(count):
        mid[i] = (bid[i] + ask[i]) / 2
        if i > 0:
            change[i] = (mid[i] - mid[i - 1]) / mid[i - 1] * _BP
    for end in range(_LAST, count):
        _fill(rows[end - _LAST], end, time_ns, bid, ask, volume, mid, change, spreads)


def feature_rows(time_ns: Ints, bid: Floats, ask: Floats, volume: Floats) -> Rows:
    """Return the features of a whole recording of one symbol.

    The columns are those of `fill_features`. The result is float32 of shape (ticks - 99, features); it has no row if
    there are fewer than 100 ticks.
    """
    rows = np.empty((max(0, len(time_ns) - _LAST), len(FEATURES)), dtype=np.float32)
    if len(rows):
        # The kernel is compiled for writable contiguous arrays; a reader's columns may be read-only or strided.
        bids, asks, volumes = (np.array(column, dtype=np.float64) for column in (bid, ask, volume))
        fill_features(np.array(time_ns, dtype=np.int64), bids, asks, volumes, rows)
    return rows
