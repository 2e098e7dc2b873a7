"""Prices at a distance from a reference, rounded to the venue's tick.

A reference plus a distance in points may lie between two ticks. The price is then rounded away from the reference, so
that it still respects the stops level.
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
"""Direction from the market to the price, for a buy order or a long position: +1 above, -1 below.

For a sell order or a short position the sign is the opposite.
"""

ENTRY_ROLES: Final = {OrderType.LIMIT: PriceRole.LIMIT, OrderType.STOP: PriceRole.STOP}


def price_away(reference: Decimal, points: int, *, role: PriceRole, side: Side, instrument: Instrument) -> Decimal:
    """The price `points` away from the reference. If it is between two ticks, the more distant one is returned.

    Args:
        reference: the bid or ask from which an entry is measured, or the entry price for a stop.
        points: distance in points, 0 or more.
        role: role of the price; it determines the direction.
        side: side of the order, or of the position that the stop closes.
        instrument: terms of the symbol, for point and tick size.
    """
    sign = _SIGN[role] * side.sign
    return round_to_tick(reference + sign * points * instrument.point, instrument, is_upward=sign > 0)


def round_to_tick(price: Decimal, instrument: Instrument, *, is_upward: bool) -> Decimal:
    """Round `price` to a multiple of the tick size: up if `is_upward`, else down."""
    rounding = ROUND_CEILING if is_upward else ROUND_FLOOR
    return (price / instrument.tick_size).to_integral_value(rounding=rounding) * instrument.tick_size
