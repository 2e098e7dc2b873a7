"""Levels of the equity at which a rule's result may change, and their comparison in floats for a kernel.

Amounts are in units of the account currency and relative to the balance, so that floats hold them exactly.
"""

from __future__ import annotations

from decimal import Decimal
from enum import IntEnum
from typing import Final, NamedTuple


class Reference(IntEnum):
    """The equity of `Peaks` from which a fall is measured."""

    HIGH = 0
    DAY_START = 1
    DAY_HIGH = 2


class EquityLevel(NamedTuple):
    """A fall of the equity from a reference, in percent of the reference.

    The level is reached while (reference - equity) / reference x 100 >= `fall_pct` and the reference is above 0.
    """

    reference: Reference
    fall_pct: Decimal


ABOVE: Final = 0
REACHED: Final = 1
NEAR: Final = 2
"""Results of `level_state`: the level is not reached, it is, or the equity is too near to tell."""


def level_state(equity: float, reference: float, balance: float, fall_fraction: float) -> int:
    """Return whether the equity has fallen to a level; NEAR if it is within a unit of it.

    Args:
        equity: in units, relative to the balance.
        reference: from which the fall is measured, in units, relative to the balance.
        balance: in units.
        fall_fraction: the level as a fraction of the reference.
    """
    whole = reference + balance
    beyond = whole * fall_fraction - (reference - equity)
    if abs(beyond) <= 1.0 or abs(whole) <= 1.0:
        return NEAR
    return REACHED if beyond < 0.0 < whole else ABOVE
