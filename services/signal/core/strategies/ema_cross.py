"""`ema_cross`: long or short with the faster of two exponential averages of the mid price."""

from __future__ import annotations

import struct
from typing import Final

from services.signal.core.tick_buffer import TickBuffer

FAST_TICKS: Final = 50
SLOW_TICKS: Final = 500

_STATE: Final = struct.Struct("<?ddb")


class EmaCross:
    """Long while the fast average is above the slow one, short while it is below.

    mid = (bid + ask) / 2. Both averages start at the first mid; from then on ema = ema + alpha * (mid - ema) with
    alpha = 2 / (n + 1), computed in that order, which is part of the definition: another order gives other digits. The
    direction is the sign of fast - slow and is kept while the two are equal; it is 0 until they first differ. The first
    signal comes after `SLOW_TICKS` ticks. Confidence is 1 with a direction and 0 without one.
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
        """Update both averages and return the direction."""
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
        """Both averages to the last bit, and the direction."""
        return _STATE.pack(self._seeded, self._fast, self._slow, self._side)

    def restore(self, state: bytes) -> None:
        """Continue from a snapshot."""
        if len(state) != _STATE.size:
            raise ValueError(f"ema_cross snapshot of {len(state)} bytes, expected {_STATE.size}")
        self._seeded, self._fast, self._slow, self._side = _STATE.unpack(state)
