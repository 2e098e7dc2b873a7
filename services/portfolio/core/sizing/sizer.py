"""Computes the lots of an order: the lots of a sizing method, limited and rounded, with an explanation."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Context, localcontext
from typing import Final

from proto.trading.units import FINEST, ZERO, decimal_text, floor_to_step
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
"""Products of the inputs are exact. Quotients are rounded down, so that the volume never risks more than stated."""


def size_order(sizing: Sizing, inputs: SizingInput) -> OrderSize:
    """Return the lots that an order may open by the plan, rounded down to a multiple of the volume step.

    The lots are at most `volume_max` of the plan and of the venue. If they are below the venue's minimum, there is no
    trade.

    Returns:
        The lots, 0 for no trade, and an explanation with the method and every number used.
    """
    with localcontext(_ARITHMETIC):
        if inputs.equity is not None and inputs.equity <= 0 and sizing.method is not SizingMethod.FIXED:
            found: RawSize | NoTrade = NoTrade(f"the equity is {inputs.money_text(inputs.equity)}")
        else:
            found = METHODS[sizing.method](sizing, inputs)
        if isinstance(found, NoTrade):
            return OrderSize(ZERO, f"{sizing.method}: {found.reason}: no trade")
        return _rounded(sizing, inputs, found)


def _rounded(sizing: Sizing, inputs: SizingInput, found: RawSize) -> OrderSize:
    terms = inputs.instrument
    text, volume = f"{sizing.method}: {found.explanation} -> {format_number(found.volume)}", found.volume
    for most, whose in ((sizing.volume_max, "the plan"), (terms.volume_max, "the venue")):
        if most is not None and volume > most:
            text, volume = f"{text}, at most {decimal_text(most)} by {whose}", most
    # Round to the finest step first: a rounded rate such as 1/150 may give 0.4999..., which must not become 0.49 lots.
    volume = floor_to_step(volume.quantize(FINEST, rounding=ROUND_HALF_EVEN), terms.volume_step)
    if volume < terms.volume_min:
        return OrderSize(ZERO, f"{text} lots, less than the least volume {decimal_text(terms.volume_min)}: no trade")
    return OrderSize(volume, f"{text}, step {decimal_text(terms.volume_step)} -> {decimal_text(volume)} lots")
