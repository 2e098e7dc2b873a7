"""Bounds of a lease's epoch: the gateway grants no more than these, and portfolio takes none above them.

Without a bound one LEASE with the highest number that the wire carries would leave no epoch for anybody after it.
"""

from __future__ import annotations

from typing import Final

EPOCH_STEP_MAX: Final = 1_000
"""How far above the highest known epoch the next one may be."""

EPOCH_FIRST_MAX: Final = 2**40
"""The same where none is known: the account may have been led before this journal was made."""

EPOCH_MAX: Final = 2**52
"""No epoch is above this: 4.5e12 leases away from EPOCH_FIRST_MAX in steps of EPOCH_STEP_MAX."""


def known_epoch(stored: int) -> int:
    """The highest epoch in force: one above EPOCH_MAX was never granted under this rule, and counts as none."""
    return stored if stored <= EPOCH_MAX else 0


def highest_next_epoch(known: int) -> int:
    """The highest epoch that may follow the one `known` at the gateway; 0 for none."""
    return min(known + EPOCH_STEP_MAX, EPOCH_MAX) if known else EPOCH_FIRST_MAX


def next_epoch(own: int, known: int) -> int:
    """The epoch to take: above `own` and above the one `known` at the gateway, within what the gateway grants."""
    return min(max(own, known) + 1, highest_next_epoch(known))
