"""A strategy that buys and sells in turn, at every tick, so that a short run has many orders."""

from __future__ import annotations

import struct
from typing import Final

from services.signal.core.tick_buffer import TickBuffer

RESTLESS: Final = f"{__name__}:Restless"
"""The name of the strategy in the settings."""

_STATE: Final = struct.Struct("<q")


class Restless:
    """Buys and sells in turn, regardless of prices."""

    name: Final = "restless"
    warm_up_ticks: Final = 2

    def __init__(self) -> None:
        self._seen = 0

    def on_tick(self, window: TickBuffer, bid: float, ask: float, time_ns: int) -> tuple[int, float]:  # noqa: ARG002
        """The direction opposite to that at the last tick, +1 or -1, and a constant confidence.

        `bid`, `ask` and the other arguments have no effect.
        """
        self._seen += 1
        return (1 if self._seen % 2 else -1), 0.75

    def snapshot(self) -> bytes:
        """The number of processed ticks, as bytes."""
        return _STATE.pack(self._seen)

    def restore(self, state: bytes) -> None:
        """Continue from a snapshot."""
        (self._seen,) = _STATE.unpack(state)
