"""A strategy that never rests: it changes sides with every tick, so that a short run has many orders in it."""

from __future__ import annotations

import struct
from typing import Final

from services.signal.core.tick_buffer import TickBuffer

_STATE: Final = struct.Struct("<q")


class Restless:
    """Buys and sells by turns, whatever the prices are."""

    name: Final = "restless"
    warm_up_ticks: Final = 2

    def __init__(self) -> None:
        self._seen = 0

    def on_tick(self, window: TickBuffer, bid: float, ask: float, time_ns: int) -> tuple[int, float]:  # noqa: ARG002
        """The other side than at the last tick."""
        self._seen += 1
        return (1 if self._seen % 2 else -1), 0.75

    def snapshot(self) -> bytes:
        """How many ticks it has seen."""
        return _STATE.pack(self._seen)

    def restore(self, state: bytes) -> None:
        """Go on from there."""
        (self._seen,) = _STATE.unpack(state)
