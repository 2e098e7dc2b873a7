"""Random numbers without state: each depends on seed and purpose alone.

A venue therefore draws the same numbers after a restart, and a draw for one purpose never affects another draw.
"""

from __future__ import annotations

import hashlib
from statistics import NormalDist
from typing import Final, Protocol

_BITS: Final = 52
_STANDARD_NORMAL: Final = NormalDist()


class Draw(Protocol):
    """A source of draws: `uniform`, or a replacement in tests."""

    def __call__(self, seed: int, *purpose: int | str) -> float:
        """A number in (0, 1), both ends excluded."""


def uniform(seed: int, *purpose: int | str) -> float:
    """A uniform number in (0, 1), always the same for one seed and purpose (such as ticket, tick and name of a model).

    It is (k + 1/2) / 2**52, where k is the leading 52 bits of the SHA-256 of the arguments.
    """
    digest = hashlib.sha256(" ".join([str(seed), *map(str, purpose)]).encode()).digest()
    return (2 * (int.from_bytes(digest[:8], "big") >> (64 - _BITS)) + 1) / 2.0 ** (_BITS + 1)


def standard_normal(u: float) -> float:
    """The quantile of the standard normal distribution for the probability `u`, in (0, 1)."""
    return _STANDARD_NORMAL.inv_cdf(u)
