"""Labels of ticks: whether a trade earns more than the spread within a horizon of ticks.

A row at tick t is *buy* when the bid at tick t + horizon is above the ask at t, *sell* when the ask at t + horizon is
below the bid at t, and *hold* otherwise: a right prediction has paid the spread and earned something. A row whose
horizon contains a pause longer than `pause_max_ns` (a weekend, an outage) has no label, because nobody could have
traded in it.
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
    """The class of each tick (sell 0, hold 1, buy 2), or -1 without a label; of shape (ticks,).

    Args:
        time_ns: event times, ascending.
        bid: best bids.
        ask: best asks.
        horizon_ticks: how far ahead the label looks, at least 1; that many last ticks have no label.
        pause_max_ns: longest time between two ticks of a horizon.
    """
    assert horizon_ticks >= 1, horizon_ticks
    count = len(time_ns)
    labels = np.full(count, NO_LABEL, dtype=np.int8)
    if count <= horizon_ticks:
        return labels
    now, then = slice(0, count - horizon_ticks), slice(horizon_ticks, count)
    buys, sells = bid[then] > ask[now], ask[then] < bid[now]
    # On a crossed quote both can be true, which is no information.
    labels[now] = np.where(buys & ~sells, BUY, np.where(sells & ~buys, SELL, HOLD))
    pauses = np.concatenate([[0], np.cumsum(np.diff(time_ns) > pause_max_ns)])
    labels[now][pauses[then] > pauses[now]] = NO_LABEL
    return labels
