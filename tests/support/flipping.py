"""A strategy that trades continually, so that a short run of a live desk has many orders."""

from __future__ import annotations

import struct
from typing import Final

from services.signal.core.tick_buffer import TickBuffer

FLIP_TICKS: Final = 5

_STATE: Final = struct.Struct("<q")


class Flipping:
    """Alternates between buy and sell every `FLIP_TICKS` ticks, regardless of the prices."""

    name: Final = "flipping"
    warm_up_ticks: Final = 2

    def __init__(self) -> None:
        self._seen = 0

    def on_tick(self, window: TickBuffer, bid: float, ask: float, time_ns: int) -> tuple[int, float]:  # noqa: ARG002
        """Change sides every `FLIP_TICKS` ticks."""
        self._seen += 1
        return (1 if self._seen // FLIP_TICKS % 2 else -1), 0.75

    def snapshot(self) -> bytes:
        """The count of ticks."""
        return _STATE.pack(self._seen)

    def restore(self, state: bytes) -> None:
        """Continue from a snapshot."""
        (self._seen,) = _STATE.unpack(state)
