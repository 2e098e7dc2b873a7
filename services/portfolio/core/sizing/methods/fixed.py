"""The same lots every time."""

from __future__ import annotations

from proto.trading.units import plain
from services.portfolio.core.plan.plan import Sizing
from services.portfolio.core.sizing.types import NoTrade, SizingInput, Wanted


def wanted(plan: Sizing, given: SizingInput) -> Wanted | NoTrade:
    """The plan's `volume`, or the desk's default."""
    if plan.volume is not None:
        return Wanted(plan.volume, f"{plain(plan.volume)} lots of the plan")
    return Wanted(given.default_volume, f"{plain(given.default_volume)} lots, the desk's default")
