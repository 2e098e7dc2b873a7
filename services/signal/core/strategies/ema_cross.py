"""`ema_cross`: long while the faster of two exponential averages of the mid price is above the slower, short below."""

from __future__ import annotations

import struct
from typing import Final

from services.signal.core.tick_buffer import TickBuffer

FAST_TICKS: Final = 50
SLOW_TICKS: Final = 500

_STATE: Final = struct.Struct("<?ddb")


class EmaCross:
    """Long while the fast average is above the slow average, short while it is below.

    mid = (bid + ask) / 2. Both averages start at the first mid. Then ema = ema + alpha * (mid - ema) with
    alpha = 2 / (n + 1). The order of these operations is part of the definition, because another order gives other
    digits. The direction is the sign of fast - slow. It does not change while the two averages are equal, and is 0
    until they first differ. The first signal comes after `SLOW_TICKS` ticks. The confidence is 1 with a direction and 0
    without.
    """

    name: Final = "ema_cross"
    warm_up_ticks: Final = SLOW_TICKS

    def __init__(self) -> None:
        self._seeded = False
        self._fast = 0.0
        self._slow = 0.0
        self._side = 0
        self._fast_alpha = 2 / (FAST_TICKS + 1)
        self._slow_alpha = 2 / (SLOW_TICKS + 1)

    def on_tick(self, window: TickBuffer, bid: float, ask: float, time_ns: int) -> tuple[int, float]:  # noqa: ARG002
        """Update both averages with `bid` and `ask`, and return direction (-1, 0, +1) and confidence (0 or 1)."""
        mid = (bid + ask) / 2
        if not self._seeded:
            self._fast = self._slow = mid
            self._seeded = True
        else:
            self._fast = self._fast + self._fast_alpha * (mid - self._fast)
            self._slow = self._slow + self._slow_alpha * (mid - self._slow)
        if self._fast > self._slow:
            self._side = 1
        elif self._fast < self._slow:
            self._side = -1
        return self._side, 1.0 if self._side else 0.0

    def snapshot(self) -> bytes:
        """Return the exact state: both averages and the direction."""
        return _STATE.pack(self._seeded, self._fast, self._slow, self._side)

    def restore(self, state: bytes) -> None:
        """Continue from a snapshot.

        Raises:
            ValueError: `state` is no snapshot of this strategy.
        """
        if len(state) != _STATE.size:
            raise ValueError(f"ema_cross snapshot of {len(state)} bytes, expected {_STATE.size}")
        self._seeded, self._fast, self._slow, self._side = _STATE.unpack(state)
