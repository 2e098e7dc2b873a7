"""A strategy whose signals are derived from a hash of the quotes, so that they depend only on the ticks."""

from __future__ import annotations

import hashlib
import struct
from typing import Final

from services.signal.core.tick_buffer import TickBuffer

ONE_IN: Final = 12


class Coin:
    """Buys or sells at some ticks, which a hash of the tick's sequence and quote selects."""

    name: Final = "coin"
    warm_up_ticks: Final = 0

    def __init__(self) -> None:
        self._count = 0

    def on_tick(self, window: TickBuffer, bid: float, ask: float, time_ns: int) -> tuple[int, float]:  # noqa: ARG002
        self._count += 1
        drawn = hashlib.sha256(struct.pack("<qddq", self._count, bid, ask, time_ns)).digest()
        direction = 0 if drawn[0] % ONE_IN else 1 - 2 * (drawn[1] % 2)
        return direction, 0.6 if direction else 0.0

    def snapshot(self) -> bytes:
        return self._count.to_bytes(8, "little")

    def restore(self, state: bytes) -> None:
        self._count = int.from_bytes(state, "little")
