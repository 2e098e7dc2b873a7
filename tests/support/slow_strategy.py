"""A strategy that takes its time over each tick."""

from __future__ import annotations

from typing import Final

from common.clock import mono_ns
from services.signal.core.tick_buffer import TickBuffer
from tests.unit.signal.builders import Momentum

TICK_NS: Final = 5_000_000
"""What one tick takes at least."""


class Slow(Momentum):
    """Says what a quick one does, later."""

    def on_tick(self, window: TickBuffer, bid: float, ask: float, time_ns: int) -> tuple[int, float]:
        """Keep the processor busy, as an unhappy model does."""
        end_ns = mono_ns() + TICK_NS
        opinion = super().on_tick(window, bid, ask, time_ns)
        while mono_ns() < end_ns:
            pass
        return opinion
