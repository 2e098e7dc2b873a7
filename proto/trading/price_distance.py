"""Distances of order prices from the market: positive on the side where the price belongs, negative on the other.

A venue accepts a price whose distance is above 0 and at least the stops level of the symbol. MetaTrader 5 measures a
pending order from the touch that it would trade at; a stop of a pending order from that order's price; a stop of a
position, or of an order at the market, from the touch that would close it.
"""

from __future__ import annotations

from decimal import Decimal

from proto.trading.enums import OrderType, Side
from proto.trading.instrument import Instrument
from proto.trading.money import Quote


def entry_distance(order_type: OrderType, side: Side, price: Decimal, quote: Quote) -> Decimal:
    """Distance of a pending order at `price` from the market, in units of price.

    A LIMIT belongs on the better side of the touch at which it would trade, a STOP on the worse.
    """
    assert order_type is not OrderType.MARKET, order_type
    better = (quote.ask - price) if side is Side.BUY else (price - quote.bid)
    return better if order_type is OrderType.LIMIT else -better


def closing_touch(side: Side, quote: Quote) -> Decimal:
    """The touch at which a position of this side is closed: the bid for BUY, the ask for SELL."""
    return quote.bid if side is Side.BUY else quote.ask


def stop_loss_distance(side: Side, price: Decimal, reference: Decimal) -> Decimal:
    """Distance of a stop loss at `price` from `reference`, in units of price: positive on the losing side.

    `side` is that of the position.
    """
    return (reference - price) * side.sign


def take_profit_distance(side: Side, price: Decimal, reference: Decimal) -> Decimal:
    """Distance of a take profit at `price` from `reference`, in units of price: positive on the winning side.

    `side` is that of the position.
    """
    return (price - reference) * side.sign


def respects_stops_level(distance: Decimal, instrument: Instrument) -> bool:
    """Whether the venue accepts a price at `distance`, given in units of price."""
    return distance > 0 and distance >= instrument.stops_level_points * instrument.point


def is_within_freeze_level(price: Decimal | None, touch: Decimal, instrument: Instrument) -> bool:
    """Whether the market is so near to a price that the venue allows no change of the order or stop."""
    level = instrument.freeze_level_points * instrument.point
    return price is not None and level > 0 and abs(price - touch) <= level
