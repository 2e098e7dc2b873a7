"""Warnings about distances of the plan below the venue's stops level.

The risk rules deny every signal of a symbol with such a distance. These are only warnings, because a plan is read
before the venue's terms are known, and terms may change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import ROUND_CEILING

from proto.trading.enums import OrderType
from proto.trading.instrument import Instrument
from services.portfolio.core.plan.plan import Plan, SymbolPlan


def plan_warning(plan: Plan, symbols: Iterable[str], instruments: Mapping[str, Instrument]) -> str:
    """Text listing the distances below the stops level, by symbol; empty if there are none."""
    found = [
        text
        for symbol in symbols
        if symbol in instruments
        for text in _near(plan.for_symbol(symbol), instruments[symbol])
    ]
    return f"the plan's signals are denied: {'; '.join(found)}"[:400] if found else ""


def _near(course: SymbolPlan, terms: Instrument) -> list[str]:
    """Distances below the stops level at every quote of the symbol.

    A price is measured from the touch, a stop of a pending order from that order's price; rounding to a tick makes the
    distance at most its points rounded up to a tick. A take profit is at least so far from a resting price, and farther
    from a touch.
    """
    exits, entry = course.exits, course.entry
    rests = entry.type is not OrderType.MARKET
    stops = [points for points in (exits.stop_loss_points, exits.trailing_stop_points) if points]
    distances = (
        ("entry.offset_points", entry.offset_points if rests else None, "INVALID_PRICE"),
        ("the stop loss", min(stops, default=None), "INVALID_STOPS"),
        ("exits.take_profit_points", exits.take_profit_points if rests else None, "INVALID_STOPS"),
    )
    level = terms.stops_level_points
    return [
        f"{name} of {terms.symbol} is {points} points, the venue's stops level {level} ({code})"
        for name, points, code in distances
        if points is not None and _farthest(points, terms) < level
    ]


def _farthest(points: int, terms: Instrument) -> int:
    """A distance in points, rounded up to a whole tick."""
    tick = terms.tick_size / terms.point
    return int((points / tick).to_integral_value(rounding=ROUND_CEILING) * tick)
