"""`ema_cross`: long while the faster of two exponential averages of the mid price is above the slower, short below."""

from __future__ import annotations

import struct
from typing import Annotated, Final

import numpy as np
from msgspec import Meta, Struct

from services.signal.core.strategy import SignalArrays, TickArrays
from services.signal.core.tick_buffer import TickBuffer

_STATE: Final = struct.Struct("<?ddb")

Averages = tuple[bool, float, float, int]
"""Whether a tick was seen, the faster and the slower average, and the direction (-1, 0, +1)."""


def next_averages(averages: Averages, fast_alpha: float, slow_alpha: float, bid: float, ask: float) -> Averages:
    """Return the averages after a tick with best `bid` and `ask`.

    The weight of the tick is `fast_alpha` in the faster average and `slow_alpha` in the slower one, 0 to 1. The
    function is also compiled, for the kernel in `services/signal/core/ema_cross_kernel.py`.
    """
    seeded, fast, slow, side = averages
    mid = (bid + ask) / 2
    if seeded:
        fast = fast + fast_alpha * (mid - fast)
        slow = slow + slow_alpha * (mid - slow)
    else:
        fast = slow = mid
    if fast > slow:
        side = 1
    elif fast < slow:
        side = -1
    return True, fast, slow, side


class EmaCrossParameters(Struct, frozen=True, kw_only=True):
    """Lengths of the two averages: an average of n ticks has alpha = 2 / (n + 1)."""

    fast_ticks: Annotated[int, Meta(ge=1, le=1_000_000, description="length of the faster average")] = 50
    slow_ticks: Annotated[int, Meta(ge=2, le=1_000_000, description="length of the slower average, and warm-up")] = 500

    def __post_init__(self) -> None:
        """Refuse averages of which the faster one is not the shorter one."""
        if self.fast_ticks >= self.slow_ticks:
            raise ValueError(f"fast_ticks is {self.fast_ticks}, expected less than slow_ticks, {self.slow_ticks}")


DEFAULTS: Final = EmaCrossParameters()


class EmaCross:
    """Long while the fast average is above the slow average, short while it is below.

    mid = (bid + ask) / 2. Both averages start at the first mid. Then ema = ema + alpha * (mid - ema) with
    alpha = 2 / (n + 1). The order of these operations is part of the definition, because another order gives other
    digits. The direction is the sign of fast - slow. It does not change while the two averages are equal, and is 0
    until they first differ. The first signal comes after `slow_ticks` ticks. The confidence is 1 with a direction and 0
    without.
    """

    name: Final = "ema_cross"
    Parameters = EmaCrossParameters

    def __init__(self, parameters: EmaCrossParameters = DEFAULTS) -> None:
        self.warm_up_ticks = parameters.slow_ticks
        self._averages: Averages = (False, 0.0, 0.0, 0)
        self._fast_alpha = 2 / (parameters.fast_ticks + 1)
        self._slow_alpha = 2 / (parameters.slow_ticks + 1)

    def on_tick(self, window: TickBuffer, bid: float, ask: float, time_ns: int) -> tuple[int, float]:  # noqa: ARG002
        """Update both averages with `bid` and `ask`, and return direction (-1, 0, +1) and confidence (0 or 1)."""
        self._averages = next_averages(self._averages, self._fast_alpha, self._slow_alpha, bid, ask)
        side = self._averages[3]
        return side, 1.0 if side else 0.0

    def on_ticks(self, window: TickBuffer, ticks: TickArrays) -> SignalArrays:  # noqa: ARG002
        """Update both averages with the bids and asks of `ticks`, and return the signals of all ticks."""
        # Imported here because a desk, which has one tick at a time, needs no compiler.
        from services.signal.core.ema_cross_kernel import fill_sides

        sides = np.empty(len(ticks.bid), dtype=np.int8)
        self._averages = fill_sides(self._averages, self._fast_alpha, self._slow_alpha, ticks.bid, ticks.ask, sides)
        return SignalArrays(sides, np.abs(sides).astype(np.float64))

    def snapshot(self) -> bytes:
        """Return the exact state: both averages and the direction."""
        return _STATE.pack(*self._averages)

    def restore(self, state: bytes) -> None:
        """Continue from a snapshot.

        Raises:
            ValueError: `state` is no snapshot of this strategy.
        """
        if len(state) != _STATE.size:
            raise ValueError(f"ema_cross snapshot of {len(state)} bytes, expected {_STATE.size}")
        self._averages = _STATE.unpack(state)
