"""Prices at a distance from a reference, rounded to the venue's tick.

A distance in points need not end on a tick, and a quote may be finer than one. Such a price is moved to the next tick
away from the market: never nearer than intended, so that it still respects the stops level.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from enum import StrEnum
from typing import Final

from proto.trading.enums import OrderType, Side
from proto.trading.instrument import Instrument


class PriceRole(StrEnum):
    """Role of a price: entry of a pending order, or exit of a position."""

    LIMIT = "LIMIT"
    STOP = "STOP"
    STOP_LOSS = "STOP_LOSS"
    TAKE_PROFIT = "TAKE_PROFIT"


_SIGN: Final = {PriceRole.LIMIT: -1, PriceRole.STOP: 1, PriceRole.STOP_LOSS: -1, PriceRole.TAKE_PROFIT: 1}
"""Side of the market of a buy's or a long position's price: +1 above, -1 below; mirrored for a sell or a short."""

ENTRY_ROLES: Final = {OrderType.LIMIT: PriceRole.LIMIT, OrderType.STOP: PriceRole.STOP}


def price_away(reference: Decimal, points: int, *, role: PriceRole, side: Side, instrument: Instrument) -> Decimal:
    """The price `points` away from the reference in the direction of the role, or the next tick farther.

    Args:
        reference: the touch, or an entry price from which its stops are measured.
        points: of the symbol's digits, 0 or more.
        role: entry or exit, limit or stop; it decides the direction.
        side: of the order, or of the position that the stop closes.
        instrument: terms of the symbol, for point and tick.
    """
    sign = _SIGN[role] * side.sign
    return round_to_tick(reference + sign * points * instrument.point, instrument, is_upward=sign > 0)


def round_to_tick(price: Decimal, instrument: Instrument, *, is_upward: bool) -> Decimal:
    """The nearest multiple of the tick size that is not below (`is_upward`) or not above `price`."""
    rounding = ROUND_CEILING if is_upward else ROUND_FLOOR
    return (price / instrument.tick_size).to_integral_value(rounding=rounding) * instrument.tick_size
