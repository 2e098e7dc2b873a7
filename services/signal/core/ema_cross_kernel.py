"""The numba kernel of `ema_cross`: the directions of many ticks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from services.signal.core.jit import kernel_calling, kernel_helper
from services.signal.core.strategies.ema_cross import Averages, next_averages
from services.signal.core.tick_buffer import Floats

_next_averages = kernel_helper(next_averages)


@kernel_calling(next_averages)
def fill_sides(
    averages: Averages, fast_alpha: float, slow_alpha: float, bid: Floats, ask: Floats, sides: npt.NDArray[np.int8]
) -> Averages:
    """Fill the direction after each tick, and return the averages after the last tick.

    Args:
        averages: the averages before the ticks.
        fast_alpha: weight of a tick in the faster average.
        slow_alpha: weight of a tick in the slower average.
        bid: best bids; float64, as is `ask`, of the same length.
        ask: best asks.
        sides: int8 of the same length, to be filled.
    """
    for i in range(bid.shape[0]):
        averages = _next_averages(averages, fast_alpha, slow_alpha, bid[i], ask[i])
        sides[i] = averages[3]
    return averages
