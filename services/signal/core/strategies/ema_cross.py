"""`ema_cross`: long while the faster of two exponential averages of the mid price is above the slower, short below."""

from __future__ import annotations

import struct
from typing import Annotated, Final

from msgspec import Meta, Struct

from services.signal.core.tick_buffer import TickBuffer

_STATE: Final = struct.Struct("<?ddb")


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
        self._seeded = False
        self._fast = 0.0
        self._slow = 0.0
        self._side = 0
        self._fast_alpha = 2 / (parameters.fast_ticks + 1)
        self._slow_alpha = 2 / (parameters.slow_ticks + 1)

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
