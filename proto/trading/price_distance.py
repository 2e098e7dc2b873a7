"""How far the prices of an order are from the market: positive on the side where each belongs, negative on the other.

A venue takes a price whose distance is above 0 and not less than the stops level of the symbol, as MetaTrader 5 measures it:
a pending order from the touch that it would trade at; a stop of a pending order from that order's price; a stop of a position,
or of an order at the market, from the touch that would close it.
"""

from __future__ import annotations

from decimal import Decimal

from proto.trading.enums import OrderType, Side
from proto.trading.instrument import Instrument
from proto.trading.money import Quote


def entry_distance(order_type: OrderType, side: Side, price: Decimal, quote: Quote) -> Decimal:
    """Of a pending order from the market: a LIMIT stands better than the touch that it would trade at, a STOP worse."""
    assert order_type is not OrderType.MARKET, order_type
    better = (quote.ask - price) if side is Side.BUY else (price - quote.bid)
    return better if order_type is OrderType.LIMIT else -better


def closing_touch(side: Side, quote: Quote) -> Decimal:
    """The price that a position of this side is closed at."""
    return quote.bid if side is Side.BUY else quote.ask


def stop_loss_distance(side: Side, price: Decimal, reference: Decimal) -> Decimal:
    """Of a stop loss, which stands worse than the reference for a position of this side."""
    return (reference - price) * side.sign


def take_profit_distance(side: Side, price: Decimal, reference: Decimal) -> Decimal:
    """Of a take profit, which stands better than the reference for a position of this side."""
    return (price - reference) * side.sign


def respects_stops_level(distance: Decimal, instrument: Instrument) -> bool:
    """Whether the venue takes a price at this distance."""
    return distance > 0 and distance >= instrument.stops_level_points * instrument.point


def is_within_freeze_level(price: Decimal | None, touch: Decimal, instrument: Instrument) -> bool:
    """Whether what is to be executed at `price` is so near to it that nothing of it may be changed."""
    level = instrument.freeze_level_points * instrument.point
    return price is not None and level > 0 and abs(price - touch) <= level
