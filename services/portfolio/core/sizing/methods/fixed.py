"""Sizing method `fixed`: always the same lots."""

from __future__ import annotations

from decimal import Decimal

from proto.trading.units import decimal_text, is_on_step
from services.portfolio.core.plan.plan import Sizing
from services.portfolio.core.sizing.types import NoTrade, RawSize, SizingInput


def raw_size(sizing: Sizing, inputs: SizingInput) -> RawSize | NoTrade:
    """Return the plan's `volume`, or the desk's default; `NoTrade` if it is not a multiple of the volume step."""
    volume = fixed_volume(sizing, inputs.default_volume)
    text = "lots of the plan" if sizing.volume is not None else "lots, the desk's default"
    text, step = f"{decimal_text(volume)} {text}", inputs.instrument.volume_step
    if not is_on_step(volume, step):
        return NoTrade(f"{text}, expected a multiple of {decimal_text(step)}")
    return RawSize(volume, text)


def fixed_volume(sizing: Sizing, default: Decimal) -> Decimal:
    """Return the lots of the plan, or the desk's default lots if the plan has none, before any limit."""
    return default if sizing.volume is None else sizing.volume
