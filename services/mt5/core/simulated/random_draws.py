"""Random numbers without state: each is a function of seed and purpose alone.

So a venue that is opened again draws the same numbers in any order, and a draw for one purpose never affects another.
"""

from __future__ import annotations

import hashlib
from statistics import NormalDist
from typing import Final, Protocol

_BITS: Final = 52
_STANDARD_NORMAL: Final = NormalDist()


class Draw(Protocol):
    """A source of draws: `uniform`, or the replacement of a test."""

    def __call__(self, seed: int, *purpose: int | str) -> float:
        """A number in (0, 1), neither end included."""


def uniform(seed: int, *purpose: int | str) -> float:
    """A uniform number in (0, 1) for this seed and purpose (a ticket, a count, a name): the same one every time.

    Counter-based: the leading 52 bits of the SHA-256 of the arguments, at the middle of their interval.
    """
    digest = hashlib.sha256(" ".join([str(seed), *map(str, purpose)]).encode()).digest()
    return (2 * (int.from_bytes(digest[:8], "big") >> (64 - _BITS)) + 1) / 2.0 ** (_BITS + 1)


def standard_normal(u: float) -> float:
    """The value below which a standard normal quantity lies with probability `u`, which is in (0, 1)."""
    return _STANDARD_NORMAL.inv_cdf(u)
