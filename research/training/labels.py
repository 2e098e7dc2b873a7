"""Labels of ticks: whether a trade that is closed after a horizon of ticks has a profit after the spread.

Tick t is *buy* if the bid at tick t + horizon is above the ask at t, *sell* if the ask at t + horizon is below the bid
at t, and *hold* otherwise. A tick has no label if its horizon contains a pause longer than `pause_max_ns` (a weekend,
an outage), because no trade is possible during the pause.
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
        time_ns: times of the ticks, UTC, ascending; of shape (ticks,).
        bid: best bids, of shape (ticks,).
        ask: best asks, of shape (ticks,).
        horizon_ticks: ticks from the entry of a trade to its exit, at least 1. The last `horizon_ticks` ticks have no
            label.
        pause_max_ns: longest time between two ticks of a horizon.
    """
    assert horizon_ticks >= 1, horizon_ticks
    count = len(time_ns)
    labels = np.full(count, NO_LABEL, dtype=np.int8)
    if count <= horizon_ticks:
        return labels
    now, then = slice(0, count - horizon_ticks), slice(horizon_ticks, count)
    buys, sells = bid[then] > ask[now], ask[then] < bid[now]
    # On crossed quotes both can be true; the label is then hold.
    labels[now] = np.where(buys & ~sells, BUY, np.where(sells & ~buys, SELL, HOLD))
    pauses = np.concatenate([[0], np.cumsum(np.diff(time_ns) > pause_max_ns)])
    labels[now][pauses[then] > pauses[now]] = NO_LABEL
    return labels
