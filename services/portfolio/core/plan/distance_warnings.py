"""Warnings about distances of the plan that are below the venue's stops level.

If a symbol's plan has such a distance, the risk rules deny every order that would open a position in the symbol. The
desk nevertheless starts and only warns, because it reads the plan before it knows the venue's terms, and because the
terms may change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import ROUND_CEILING

from proto.trading.enums import OrderType
from proto.trading.instrument import Instrument
from services.portfolio.core.plan.plan import Plan, SymbolPlan


def plan_warning(plan: Plan, symbols: Iterable[str], instruments: Mapping[str, Instrument]) -> str:
    """Return a text that lists the distances below the stops level by symbol; empty if there are none."""
    found = [
        text
        for symbol in symbols
        if symbol in instruments
        for text in _distances_below_level(plan.for_symbol(symbol), instruments[symbol])
    ]
    return f"the plan's opening orders are denied: {'; '.join(found)}"[:400] if found else ""


def _distances_below_level(symbol_plan: SymbolPlan, terms: Instrument) -> list[str]:
    """Describe the distances that are below the stops level at every quote of the symbol.

    The venue measures the price of a resting order from the touch, and the stops of a resting order from the price of
    the order. The distance of a rounded price is at most the plan's points, rounded up to a whole tick. The take profit
    of a market order is left out: the spread adds to its distance from the touch.
    """
    exits, entry = symbol_plan.exits, symbol_plan.entry
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
        if points is not None and _round_up_to_tick(points, terms) < level
    ]


def _round_up_to_tick(points: int, terms: Instrument) -> int:
    """Round a distance in points up to a whole tick."""
    tick = terms.tick_size / terms.point
    return int((points / tick).to_integral_value(rounding=ROUND_CEILING) * tick)
