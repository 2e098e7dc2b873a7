"""Bounds of a lease's epoch, which the gateway enforces and portfolio respects.

Without a bound, one LEASE with the highest number that a message can hold would leave no epoch for any later client.
"""

from __future__ import annotations

from typing import Final

EPOCH_STEP_MAX: Final = 1_000
"""Largest difference between the next epoch and the highest known one."""

EPOCH_FIRST_MAX: Final = 2**40
"""Highest epoch allowed if the journal has none.

It is far above 1, because the client may have held a high epoch before an earlier journal was lost.
"""

EPOCH_MAX: Final = 2**52
"""Highest epoch in any case: 4.5e12 steps of EPOCH_STEP_MAX above EPOCH_FIRST_MAX."""


def known_epoch(stored: int) -> int:
    """The stored epoch, or 0 if it is above EPOCH_MAX. Only earlier versions, without a bound, granted such epochs."""
    return stored if stored <= EPOCH_MAX else 0


def highest_next_epoch(known: int) -> int:
    """The highest epoch that the gateway grants next; `known` is the highest epoch leased so far, 0 for none."""
    return min(known + EPOCH_STEP_MAX, EPOCH_MAX) if known else EPOCH_FIRST_MAX


def next_epoch(own: int, known: int) -> int:
    """The epoch to request: 1 above the larger of `own` and `known`, but at most the highest that the gateway grants.

    Args:
        own: the highest epoch that this portfolio has held; 0 for none.
        known: the highest epoch at the gateway; 0 for none.
    """
    return min(max(own, known) + 1, highest_next_epoch(known))
