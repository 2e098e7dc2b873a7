"""From what a method wants to the lots that may be ordered: bounded, rounded down to the step, and explained."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Context, Decimal, localcontext
from typing import Final

from proto.trading.units import MAX_DECIMAL_EXPONENT, floor_to_step, plain
from services.portfolio.core.plan.plan import Sizing, SizingMethod
from services.portfolio.core.sizing.formatting import money, shown
from services.portfolio.core.sizing.methods import fixed, fraction, kelly, volatility_target, weights
from services.portfolio.core.sizing.types import NoTrade, Sized, SizingInput, Wanted

Method = Callable[[Sizing, SizingInput], Wanted | NoTrade]

METHODS: Final[dict[SizingMethod, Method]] = {
    SizingMethod.FIXED: fixed.wanted,
    SizingMethod.FRACTION: fraction.wanted,
    SizingMethod.KELLY: kelly.wanted,
    SizingMethod.VOLATILITY: volatility_target.wanted,
    SizingMethod.WEIGHTS: weights.wanted,
}

_ARITHMETIC: Final = Context(prec=60, rounding=ROUND_DOWN)
"""Products of the numbers that go in are exact in it, and no quotient is rounded up: a size does not risk more than it says."""

_FINEST: Final = Decimal(1).scaleb(-MAX_DECIMAL_EXPONENT)
"""Lots closer to a whole step than this are on it: a rate such as 1/150 has an end, and half a lot is not to become 0.49 by it."""

_ZERO: Final = Decimal(0)


def size(plan: Sizing, given: SizingInput) -> Sized:
    """Lots that an order may open by the plan: a multiple of the volume step, never more than what was wanted.

    At most the plan's `volume_max` and the venue's. Less than the venue's least volume is no trade and not rounded up to it.

    Returns:
        0 lots for no trade. The words begin with the method and have every number that was used; they fit into 512 characters.
    """
    with localcontext(_ARITHMETIC):
        if given.equity is not None and given.equity <= 0 and plan.method is not SizingMethod.FIXED:
            found: Wanted | NoTrade = NoTrade(f"the equity is {money(given.equity, given.currency)}")
        else:
            found = METHODS[plan.method](plan, given)
        if isinstance(found, NoTrade):
            return Sized(_ZERO, f"{plan.method}: {found.words}: no trade")
        return _rounded(plan, given, found)


def _rounded(plan: Sizing, given: SizingInput, found: Wanted) -> Sized:
    terms = given.instrument
    words, volume = f"{plan.method}: {found.words} -> {shown(found.volume)}", found.volume
    for most, whose in ((plan.volume_max, "the plan"), (terms.volume_max, "the venue")):
        if most is not None and volume > most:
            words, volume = f"{words}, at most {plain(most)} by {whose}", most
    volume = floor_to_step(volume.quantize(_FINEST, rounding=ROUND_HALF_EVEN), terms.volume_step)
    if volume < terms.volume_min:
        return Sized(_ZERO, f"{words} lots, less than the least volume {plain(terms.volume_min)}: no trade")
    return Sized(volume, f"{words}, step {plain(terms.volume_step)} -> {plain(volume)} lots")
