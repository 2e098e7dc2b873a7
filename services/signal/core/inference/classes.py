"""The classes of a model, in the order of its columns: sell, hold and buy."""

from __future__ import annotations

from typing import Final

CLASSES: Final = (-1, 0, 1)
"""Directions in the order of a model's columns: -1 sell, 0 hold, +1 buy."""
