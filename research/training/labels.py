"""What a model learns to foresee: is there something to be earned beyond the spread within a horizon of ticks.

A row at tick t is *buy* when the bid at tick t + horizon is above the ask at t, *sell* when the ask at t + horizon is
below the bid at t, and *hold* otherwise: to be right is to have paid the spread and to be left with something. A row
whose horizon has a pause in it longer than `pause_max_ns` (a weekend, an outage) has no label: nobody could have traded
through it as if it were ticks.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

SELL: Final = 0
HOLD: Final = 1
BUY: Final = 2
NO_LABEL: Final = -1

RULE: Final = "buy: bid[t + horizon] > ask[t]; sell: ask[t + horizon] < bid[t]; else hold"

Floats = NDArray[np.float64]


def label_ticks(
    time_ns: NDArray[np.int64], bid: Floats, ask: Floats, *, horizon_ticks: int, pause_max_ns: int
) -> NDArray[np.int8]:
    """The class of each tick as a column of the model (sell 0, hold 1, buy 2), or -1 where there is none.

    Args:
        time_ns: event times in their order.
        bid: best bids.
        ask: best asks.
        horizon_ticks: how many ticks ahead is looked, at least 1; the last so many ticks have no label.
        pause_max_ns: longest time between two ticks of a horizon.
    """
    assert horizon_ticks >= 1, horizon_ticks
    count = len(time_ns)
    labels = np.full(count, NO_LABEL, dtype=np.int8)
    if count <= horizon_ticks:
        return labels
    now, then = slice(0, count - horizon_ticks), slice(horizon_ticks, count)
    buys, sells = bid[then] > ask[now], ask[then] < bid[now]
    # On a crossed quote both can be so; then it says nothing.
    labels[now] = np.where(buys & ~sells, BUY, np.where(sells & ~buys, SELL, HOLD))
    pauses = np.concatenate([[0], np.cumsum(np.diff(time_ns) > pause_max_ns)])
    labels[now][pauses[then] > pauses[now]] = NO_LABEL
    return labels
