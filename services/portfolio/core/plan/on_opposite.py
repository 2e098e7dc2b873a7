"""What a signal against an open position does to it."""

from __future__ import annotations

from enum import StrEnum


class OnOpposite(StrEnum):
    """What the opposite signal does to a position."""

    CLOSE = "close"
    REVERSE = "reverse"
