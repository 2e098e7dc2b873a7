"""Bounds of a lease's epoch: the gateway grants no more than these, and portfolio requests no more.

Without a bound, one LEASE with the highest number that the wire can carry would leave no epoch for any later client.
"""

from __future__ import annotations

from typing import Final

EPOCH_STEP_MAX: Final = 1_000
"""Largest distance of the next epoch from the highest known one."""

EPOCH_FIRST_MAX: Final = 2**40
"""The highest epoch allowed where none is known: the account may have had leases before this journal existed."""

EPOCH_MAX: Final = 2**52
"""No epoch is above this: 4.5e12 leases away from EPOCH_FIRST_MAX in steps of EPOCH_STEP_MAX."""


def known_epoch(stored: int) -> int:
    """The stored epoch, or 0 if it is above EPOCH_MAX, which only versions without a bound have granted."""
    return stored if stored <= EPOCH_MAX else 0


def highest_next_epoch(known: int) -> int:
    """The highest epoch that may follow the one `known` at the gateway (0 for none)."""
    return min(known + EPOCH_STEP_MAX, EPOCH_MAX) if known else EPOCH_FIRST_MAX


def next_epoch(own: int, known: int) -> int:
    """The epoch to request: above `own` and above the one `known` at the gateway, within what the gateway grants."""
    return min(max(own, known) + 1, highest_next_epoch(known))
