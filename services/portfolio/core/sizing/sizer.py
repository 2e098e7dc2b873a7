"""From what a method wants to the lots that may be ordered: bounded, rounded down to the step, and explained."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Context, Decimal, localcontext
from typing import Final

from proto.trading.units import MAX_DECIMAL_EXPONENT, decimal_text, floor_to_step
from services.portfolio.core.plan.plan import Sizing, SizingMethod
from services.portfolio.core.sizing.formatting import format_number
from services.portfolio.core.sizing.methods import fixed, fraction, kelly, volatility_target, weights
from services.portfolio.core.sizing.types import NoTrade, OrderSize, RawSize, SizingInput

Method = Callable[[Sizing, SizingInput], RawSize | NoTrade]

METHODS: Final[dict[SizingMethod, Method]] = {
    SizingMethod.FIXED: fixed.raw_size,
    SizingMethod.FRACTION: fraction.raw_size,
    SizingMethod.KELLY: kelly.raw_size,
    SizingMethod.VOLATILITY: volatility_target.raw_size,
    SizingMethod.WEIGHTS: weights.raw_size,
}

_ARITHMETIC: Final = Context(prec=60, rounding=ROUND_DOWN)
"""Products of the numbers that go in are exact in it, and no quotient is rounded up: a size does not risk more than it says."""

_FINEST: Final = Decimal(1).scaleb(-MAX_DECIMAL_EXPONENT)
"""Lots closer to a whole step than this are on it: a rate such as 1/150 has an end, and half a lot is not to become 0.49 by it."""

_ZERO: Final = Decimal(0)


def size_order(sizing: Sizing, inputs: SizingInput) -> OrderSize:
    """Lots that an order may open by the plan: a multiple of the volume step, never more than what was wanted.

    At most the plan's `volume_max` and the venue's. Less than the venue's least volume is no trade and not rounded up to it.

    Returns:
        0 lots for no trade. The words begin with the method and have every number that was used; they fit into 512 characters.
    """
    with localcontext(_ARITHMETIC):
        if inputs.equity is not None and inputs.equity <= 0 and sizing.method is not SizingMethod.FIXED:
            found: RawSize | NoTrade = NoTrade(f"the equity is {inputs.money_text(inputs.equity)}")
        else:
            found = METHODS[sizing.method](sizing, inputs)
        if isinstance(found, NoTrade):
            return OrderSize(_ZERO, f"{sizing.method}: {found.reason}: no trade")
        return _rounded(sizing, inputs, found)


def _rounded(sizing: Sizing, inputs: SizingInput, found: RawSize) -> OrderSize:
    terms = inputs.instrument
    words, volume = f"{sizing.method}: {found.explanation} -> {format_number(found.volume)}", found.volume
    for most, whose in ((sizing.volume_max, "the plan"), (terms.volume_max, "the venue")):
        if most is not None and volume > most:
            words, volume = f"{words}, at most {decimal_text(most)} by {whose}", most
    volume = floor_to_step(volume.quantize(_FINEST, rounding=ROUND_HALF_EVEN), terms.volume_step)
    if volume < terms.volume_min:
        return OrderSize(_ZERO, f"{words} lots, less than the least volume {decimal_text(terms.volume_min)}: no trade")
    return OrderSize(volume, f"{words}, step {decimal_text(terms.volume_step)} -> {decimal_text(volume)} lots")
