"""Validation of orders and of new prices: MetaTrader's checks, with its retcodes.

The checks are pure functions of the request, the terms, the quote and the time; each returns the first violation.
Margin is checked by the account, at the execution of an order and not at its placing.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final, NamedTuple

from proto.gateway import ErrorCode
from proto.time import utc_text
from proto.trading.enums import AccountMode, OrderType, Side, TimeInForce, TradeMode
from proto.trading.instrument import Instrument
from proto.trading.money import Quote
from proto.trading.price_distance import (
    closing_touch,
    entry_distance,
    respects_stops_level,
    stop_loss_distance,
    take_profit_distance,
)
from proto.trading.units import decimal_text, is_on_step
from services.mt5.core.ports import retcodes
from services.mt5.core.ports.book_records import BookOrder
from services.mt5.core.ports.order_request import VenueOrderRequest
from services.mt5.core.simulated.positions import Position

_TEXT_CHARS_MAX: Final = 200

RETURN: Final = "RETURN"
"""MetaTrader's filling mode that is neither FOK nor IOC: the unfilled volume stays."""


class Rejection(NamedTuple):
    """A rejection: MetaTrader's retcode, the error code, and a text."""

    retcode: int
    code: ErrorCode
    message: str


def touch_of(side: Side, quote: Quote) -> Decimal:
    """The price that an order of this side is executed at: a buy at the ask, a sell at the bid."""
    return quote.ask if side is Side.BUY else quote.bid


def check_volume(volume: Decimal, instrument: Instrument) -> Rejection | None:
    """Reject a volume outside the terms."""
    if instrument.takes_volume(volume):
        return None
    text = f"volume {volume} of {instrument.symbol}, expected {instrument.volume_terms}"
    return Rejection(retcodes.INVALID_VOLUME, ErrorCode.INVALID_VOLUME, text[:_TEXT_CHARS_MAX])


def check_volume_limit(
    request: VenueOrderRequest,
    instrument: Instrument,
    *,
    positions: Iterable[Position],
    mode: AccountMode,
    others: Iterable[BookOrder],
) -> Rejection | None:
    """Refuse more lots of one side than the symbol allows: positions and resting orders together (SYMBOL_VOLUME_LIMIT).

    `positions` are the symbol's; on a netting account an opposite position is subtracted. `others` are the other
    resting orders. An order that closes a position by its ticket adds nothing.
    """
    if not instrument.volume_limit or request.position:
        return None
    side = request.side
    held = [one.volume * side.sign for one in positions if mode is AccountMode.NETTING or one.side is side]
    resting = [
        one.leaves_volume
        for one in others
        if one.order.symbol == request.symbol and one.order.side is side and not one.order.position
    ]
    together = sum(held, Decimal(0)) + sum(resting, Decimal(0)) + request.volume
    if together <= instrument.volume_limit:
        return None
    text = (
        f"{side} {decimal_text(request.volume)} of {request.symbol} would make {decimal_text(together)} lots of positions and "
        f"orders, expected at most {decimal_text(instrument.volume_limit)}"
    )
    return Rejection(retcodes.LIMIT_VOLUME, ErrorCode.LIMIT_REACHED, text[:_TEXT_CHARS_MAX])


def check_order_type(request: VenueOrderRequest, instrument: Instrument, time_ns: int) -> Rejection | None:
    """Reject a type, a filling and an expiry that do not fit together, or that the symbol does not accept."""
    is_market = request.type is OrderType.MARKET
    if request.position and not is_market:
        text = f"{request.type} with position {request.position}, expected MARKET: a position is closed at the market"
        return Rejection(retcodes.INVALID_ORDER, ErrorCode.INVALID_ORDER, text)
    if request.is_immediate or is_market:
        filling = request.time_in_force.value if request.is_immediate else RETURN
        if request.type is OrderType.STOP or filling not in instrument.filling:
            taken = "GTC, DAY or GTD" if request.type is OrderType.STOP else ", ".join(instrument.filling)
            text = f"{request.type} {request.time_in_force} of {instrument.symbol}, expected {taken}"
            return Rejection(retcodes.INVALID_FILL, ErrorCode.INVALID_FILLING, text)
    return check_expiration(request.time_in_force, request.expires_ns, time_ns)


def check_expiration(time_in_force: TimeInForce, expires_ns: int, time_ns: int) -> Rejection | None:
    """Reject an expiry that is missing, in the past, or given without GTD."""
    if time_in_force is TimeInForce.GTD:
        if expires_ns > time_ns:
            return None
        until = f"until {utc_text(expires_ns)}" if expires_ns else "without an expiry"
        text = f"GTD {until}, expected one later than the venue's {utc_text(time_ns)}"
    elif not expires_ns:
        return None
    else:
        text = f"{time_in_force} with an expiry, {utc_text(expires_ns)}, expected one with GTD alone"
    return Rejection(retcodes.INVALID_EXPIRATION, ErrorCode.INVALID_EXPIRATION, text)


def check_price(request: VenueOrderRequest, instrument: Instrument, quote: Quote) -> Rejection | None:
    """Reject a pending price that is missing, off the tick size, on the wrong side of the market, or too near to it.

    A buy limit is below the ask and a buy stop above it, a sell limit above the bid and a sell stop below it, each by
    the stops level at least. A MARKET order may have any price.
    """
    if request.type is OrderType.MARKET:
        return None
    price = request.price
    if price is None or price <= 0 or not is_on_step(price, instrument.tick_size):
        price_text = "none" if price is None else decimal_text(price)
        text = f"price {price_text} of a {request.type} order, expected one in steps of {decimal_text(instrument.tick_size)}"
        return Rejection(retcodes.INVALID_PRICE, ErrorCode.INVALID_PRICE, text)
    if request.is_immediate:
        return None
    if not respects_stops_level(entry_distance(request.type, request.side, price, quote), instrument):
        is_below = (request.side is Side.BUY) == (request.type is OrderType.LIMIT)
        text = (
            f"{request.side} {request.type} at {decimal_text(price)}, expected {'below' if is_below else 'above'} "
            f"{decimal_text(touch_of(request.side, quote))} by {instrument.stops_level_points} points or more"
        )
        return Rejection(retcodes.INVALID_PRICE, ErrorCode.INVALID_PRICE, text)
    return None


def check_stops(
    side: Side,
    *,
    stop_loss: Decimal | None,
    take_profit: Decimal | None,
    around: Decimal,
    instrument: Instrument,
) -> Rejection | None:
    """Reject a stop loss or take profit off the tick size, on the wrong side of `around`, or within the stops level.

    `around` is the touch at which the position closes, or the price of the pending order that is to open it.
    """
    for name, stop, distance_of, is_below in (
        ("stop_loss", stop_loss, stop_loss_distance, side is Side.BUY),
        ("take_profit", take_profit, take_profit_distance, side is Side.SELL),
    ):
        if stop is None:
            continue
        is_far = respects_stops_level(distance_of(side, stop, around), instrument)
        if stop <= 0 or not is_far or not is_on_step(stop, instrument.tick_size):
            text = (
                f"{name} {decimal_text(stop)} of a {side} position, expected {'below' if is_below else 'above'} {decimal_text(around)} "
                f"by {instrument.stops_level_points} points or more, in steps of {decimal_text(instrument.tick_size)}"
            )
            return Rejection(retcodes.INVALID_STOPS, ErrorCode.INVALID_STOPS, text)
    return None


def check_order_stops(request: VenueOrderRequest, instrument: Instrument, quote: Quote) -> Rejection | None:
    """Reject the stops of an order: around its price where it has one, else around the touch that would close it."""
    if request.position and (request.stop_loss is not None or request.take_profit is not None):
        text = f"stops with position {request.position}, expected none: MODIFY changes those of a position"
        return Rejection(retcodes.INVALID_STOPS, ErrorCode.INVALID_STOPS, text)
    is_pending = request.type is not OrderType.MARKET and not request.is_immediate
    around = request.price if is_pending and request.price is not None else closing_touch(request.side, quote)
    return check_stops(
        request.side,
        stop_loss=request.stop_loss,
        take_profit=request.take_profit,
        around=around,
        instrument=instrument,
    )


def check_position(request: VenueOrderRequest, position: Position | None) -> Rejection | None:
    """Reject the close of a position that does not exist, has another symbol or side, or is smaller than the volume."""
    if not request.position:
        return None
    if position is None or position.symbol != request.symbol:
        text = f"no position {request.position} in {request.symbol}"
        return Rejection(retcodes.POSITION_CLOSED, ErrorCode.UNKNOWN_POSITION, text)
    if position.side is request.side:
        text = f"{request.side} with position {request.position}, which is a {position.side}: it would not close it"
        return Rejection(retcodes.INVALID_ORDER, ErrorCode.INVALID_ORDER, text)
    if request.volume > abs(position.volume):
        text = f"volume {decimal_text(request.volume)}, expected {decimal_text(abs(position.volume))} of position {request.position} or less"
        return Rejection(retcodes.INVALID_CLOSE_VOLUME, ErrorCode.INVALID_VOLUME, text)
    return None


def check_close_volume(request: VenueOrderRequest, position: Position, *, under_way: Decimal) -> Rejection | None:
    """Reject the close of more than a position has, less the lots of closing orders in flight."""
    held = abs(position.volume)
    if not under_way or under_way + request.volume <= held:
        return None
    text = (
        f"volume {decimal_text(request.volume)} of position {request.position}, expected {decimal_text(max(held - under_way, Decimal(0)))} or less: "
        f"orders to close {decimal_text(under_way)} of its {decimal_text(held)} are on their way"
    )
    return Rejection(retcodes.CLOSE_ORDER_EXIST, ErrorCode.CLOSE_ORDER_EXISTS, text[:_TEXT_CHARS_MAX])


def check_trading_allowed(instrument: Instrument, *, opens: bool, time_ns: int) -> Rejection | None:
    """Reject an order for a symbol that is not traded, or whose positions may only be closed.

    Args:
        instrument: terms of the symbol.
        opens: whether the order adds exposure.
        time_ns: of the venue, UTC.
    """
    if instrument.trade_mode is TradeMode.DISABLED:
        text = f"{instrument.symbol} is not traded"
        return Rejection(retcodes.TRADE_DISABLED, ErrorCode.TRADE_DISABLED, text)
    if instrument.trade_mode is TradeMode.CLOSE_ONLY and opens:
        text = f"positions in {instrument.symbol} may only be closed"
        return Rejection(retcodes.CLOSE_ONLY, ErrorCode.CLOSE_ONLY, text)
    return check_session(instrument, time_ns)


def check_session(instrument: Instrument, time_ns: int) -> Rejection | None:
    """Reject any request between a symbol's sessions."""
    if instrument.is_traded(time_ns):
        return None
    text = f"{instrument.symbol} is not traded at this time of the server's week"
    return Rejection(retcodes.MARKET_CLOSED, ErrorCode.MARKET_CLOSED, text)
