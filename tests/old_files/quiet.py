"""A strategy that always returns HOLD, so that the desk does not change an operator's position in the symbol.

It is selected as `quiet:Quiet`, with this folder in PYTHONPATH. It imports no module of the desk, so that any version
can load it.
"""

from __future__ import annotations

from typing import Final


class Quiet:
    """Always returns HOLD, and has no state."""

    name: Final = "quiet"
    warm_up_ticks: Final = 1

    def on_tick(self, window: object, bid: float, ask: float, time_ns: int) -> tuple[int, float]:  # noqa: ARG002
        """Hold."""
        return 0, 0.0

    def snapshot(self) -> bytes:
        """An empty state."""
        return b""

    def restore(self, state: bytes) -> None:
        """Accept only an empty state."""
        if state:
            raise ValueError(f"quiet snapshot of {len(state)} bytes, expected none")
