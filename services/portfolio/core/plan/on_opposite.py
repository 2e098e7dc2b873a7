"""Effect of a signal in the opposite direction of an open position."""

from __future__ import annotations

from enum import StrEnum


class OnOpposite(StrEnum):
    """CLOSE closes the position. REVERSE also opens a position in the direction of the signal."""

    CLOSE = "close"
    REVERSE = "reverse"
