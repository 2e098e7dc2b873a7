"""The same lots every time."""

from __future__ import annotations

from proto.trading.units import decimal_text
from services.portfolio.core.plan.plan import Sizing
from services.portfolio.core.sizing.types import NoTrade, RawSize, SizingInput


def raw_size(sizing: Sizing, inputs: SizingInput) -> RawSize | NoTrade:
    """The plan's `volume`, or the desk's default."""
    if sizing.volume is not None:
        return RawSize(sizing.volume, f"{decimal_text(sizing.volume)} lots of the plan")
    return RawSize(inputs.default_volume, f"{decimal_text(inputs.default_volume)} lots, the desk's default")
