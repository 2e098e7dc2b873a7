"""A strategy that always holds, so that what an operator holds in its symbol stays as it is.

It is selected as `quiet:Quiet` with this folder on PYTHONPATH; it imports nothing of the desk, so that any version can
load it.
"""

from __future__ import annotations

from typing import Final


class Quiet:
    """Always holds, and has no state."""

    name: Final = "quiet"
    warm_up_ticks: Final = 1

    def on_tick(self, window: object, bid: float, ask: float, time_ns: int) -> tuple[int, float]:  # noqa: ARG002
        """Hold."""
        return 0, 0.0

    def snapshot(self) -> bytes:
        """Nothing."""
        return b""

    def restore(self, state: bytes) -> None:
        """Take nothing back."""
        if state:
            raise ValueError(f"quiet snapshot of {len(state)} bytes, expected none")
