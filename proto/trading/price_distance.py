"""Distances of order prices from the market: positive on the valid side of the market, negative on the other.

A venue accepts a price whose distance is above 0 and at least the stops level of the symbol. The touch is the bid or
the ask, whichever is the side of the quote at which an order would trade. MetaTrader 5 measures a pending order from
the touch. It measures a stop of a pending order from the price of that order, and a stop of a position or of a market
order from the touch that would close the position.
"""

from __future__ import annotations

from decimal import Decimal

from proto.trading.enums import OrderType, Side
from proto.trading.instrument import Instrument
from proto.trading.money import Quote


def entry_distance(order_type: OrderType, side: Side, price: Decimal, quote: Quote) -> Decimal:
    """Distance of a pending order at `price` from the market, in units of price.

    A LIMIT order has a positive distance if its price is better than the touch, a STOP order if its price is worse.
    `side` is the side of the order.
    """
    assert order_type is not OrderType.MARKET, order_type
    better = (quote.ask - price) if side is Side.BUY else (price - quote.bid)
    return better if order_type is OrderType.LIMIT else -better


def closing_touch(side: Side, quote: Quote) -> Decimal:
    """The price at which a position of `side` is closed: the bid for BUY, the ask for SELL."""
    return quote.bid if side is Side.BUY else quote.ask


def stop_loss_distance(side: Side, price: Decimal, reference: Decimal) -> Decimal:
    """Distance of a stop loss at `price` from `reference`, in units of price: positive on the losing side.

    `side` is the side of the position.
    """
    return (reference - price) * side.sign


def take_profit_distance(side: Side, price: Decimal, reference: Decimal) -> Decimal:
    """Distance of a take profit at `price` from `reference`, in units of price: positive on the winning side.

    `side` is the side of the position.
    """
    return (price - reference) * side.sign


def respects_stops_level(distance: Decimal, instrument: Instrument) -> bool:
    """Whether the venue accepts a price at `distance`, in units of price: above 0, and at least the stops level."""
    return distance > 0 and distance >= instrument.stops_level_points * instrument.point


def is_within_freeze_level(price: Decimal | None, touch: Decimal, instrument: Instrument) -> bool:
    """Whether `touch` is within the freeze level of `price`, so that the venue refuses to change the order or stop."""
    level = instrument.freeze_level_points * instrument.point
    return price is not None and level > 0 and abs(price - touch) <= level
