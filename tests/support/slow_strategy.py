"""A strategy that takes a long time for each tick."""

from __future__ import annotations

from typing import Final

from common.clock import mono_ns
from services.signal.core.tick_buffer import TickBuffer
from tests.unit.signal.builders import Momentum

TICK_NS: Final = 5_000_000
"""Minimum time that the strategy takes for one tick, in nanoseconds."""


class Slow(Momentum):
    """Returns the same signals as `Momentum`, but later."""

    def on_tick(self, window: TickBuffer, bid: float, ask: float, time_ns: int) -> tuple[int, float]:
        """Keep the processor busy, as a slow model does."""
        end_ns = mono_ns() + TICK_NS
        decided = super().on_tick(window, bid, ask, time_ns)
        while mono_ns() < end_ns:
            pass
        return decided
