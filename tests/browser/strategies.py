"""Strategies of the desks of the browser tests."""

from __future__ import annotations

import struct
from typing import Final

from services.signal.core.tick_buffer import TickBuffer

MARKUP: Final = "<img src=x onerror=alert(1)>"
"""A text that would call a dialog if a page took it for markup."""

HELD_TICKS: Final = 3
CONFIDENCES: Final = (0.75, 0.8, 0.3)

_STATE: Final = struct.Struct("<q")


class Busy:
    """Changes sides every `HELD_TICKS` ticks; each third decision has a confidence that the limits of `desks` deny."""

    name: Final = "busy"
    warm_up_ticks: Final = 2

    def __init__(self) -> None:
        self._seen = 0

    def on_tick(self, window: TickBuffer, bid: float, ask: float, time_ns: int) -> tuple[int, float]:  # noqa: ARG002
        """Change sides every `HELD_TICKS` ticks."""
        self._seen += 1
        decision = self._seen // HELD_TICKS
        return (1 if decision % 2 else -1), CONFIDENCES[decision % len(CONFIDENCES)]

    def snapshot(self) -> bytes:
        """The count of ticks."""
        return _STATE.pack(self._seen)

    def restore(self, state: bytes) -> None:
        """Continue from a snapshot."""
        (self._seen,) = _STATE.unpack(state)


class Markup:
    """Always holds, and has markup for a name."""

    name: Final = MARKUP
    warm_up_ticks: Final = 0

    def on_tick(self, window: TickBuffer, bid: float, ask: float, time_ns: int) -> tuple[int, float]:  # noqa: ARG002
        """Hold."""
        return 0, 0.0

    def snapshot(self) -> bytes:
        """Nothing."""
        return b""

    def restore(self, state: bytes) -> None:
        """Nothing."""
