"""Effect of a signal against an open position."""

from __future__ import annotations

from enum import StrEnum


class OnOpposite(StrEnum):
    """Close the position, or close it and open the other side."""

    CLOSE = "close"
    REVERSE = "reverse"
