"""Validation of orders and of new prices: MetaTrader's checks, with its retcodes.

The checks are pure functions of the request, the terms, the quote and the time. Each returns the first violation, or
None. The account checks margin when an order is executed, not when it is placed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
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
"""MetaTrader's fill policy that is neither FOK nor IOC: the unfilled volume rests."""


class Rejection(NamedTuple):
    """Why an order is rejected, or ends unfilled: MetaTrader's retcode, the error code, and a text."""

    retcode: int
    code: ErrorCode
    message: str


def touch_of(side: Side, quote: Quote) -> Decimal:
    """The quote's price for an order: the ask for a buy, the bid for a sell."""
    return quote.ask if side is Side.BUY else quote.bid


def check_volume(volume: Decimal, instrument: Instrument) -> Rejection | None:
    """Reject a volume (lots) below the symbol's minimum, above its maximum, or off its step."""
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
    """Reject an order that makes positions and resting orders of its side exceed SYMBOL_VOLUME_LIMIT.

    An order that closes a position by its ticket is not counted.

    Args:
        request: the order.
        instrument: the symbol's terms.
        positions: all positions in the symbol.
        mode: on a netting account an opposite position is subtracted.
        others: the other resting orders, of any symbol.
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
        f"{side} {decimal_text(request.volume)} of {request.symbol} would make {decimal_text(together)} lots "
        f"of positions and orders, expected at most {decimal_text(instrument.volume_limit)}"
    )
    return Rejection(retcodes.LIMIT_VOLUME, ErrorCode.LIMIT_REACHED, text[:_TEXT_CHARS_MAX])


def check_order_type(request: VenueOrderRequest, instrument: Instrument, time_ns: int) -> Rejection | None:
    """Reject type, fill policy and expiry if they contradict each other, or the symbol does not allow them.

    `time_ns` is venue time, UTC.
    """
    is_market, is_immediate = request.type is OrderType.MARKET, request.is_immediate
    if request.position and not is_market:
        text = f"{request.type} with position {request.position}, expected MARKET to close a position"
        return Rejection(retcodes.INVALID_ORDER, ErrorCode.INVALID_ORDER, text)
    if is_immediate or is_market:
        filling = request.time_in_force if is_immediate else RETURN
        if request.type is OrderType.STOP or filling not in instrument.filling:
            taken = "GTC, DAY or GTD" if request.type is OrderType.STOP else ", ".join(instrument.filling)
            text = f"{request.type} {request.time_in_force} of {instrument.symbol}, expected {taken}"
            return Rejection(retcodes.INVALID_FILL, ErrorCode.INVALID_FILLING, text)
    return check_expiration(request.time_in_force, request.expires_ns, time_ns)


def check_expiration(time_in_force: TimeInForce, expires_ns: int, time_ns: int) -> Rejection | None:
    """Reject an expiry that is missing, in the past, or given without GTD; times are UTC, `expires_ns` 0 for none."""
    if time_in_force is TimeInForce.GTD:
        if expires_ns > time_ns:
            return None
        until = f"until {utc_text(expires_ns)}" if expires_ns else "without an expiry"
        text = f"GTD {until}, expected an expiry after the venue time {utc_text(time_ns)}"
    elif not expires_ns:
        return None
    else:
        text = f"{time_in_force} with the expiry {utc_text(expires_ns)}, expected GTD for an expiry"
    return Rejection(retcodes.INVALID_EXPIRATION, ErrorCode.INVALID_EXPIRATION, text)


def check_price(request: VenueOrderRequest, instrument: Instrument, quote: Quote) -> Rejection | None:
    """Reject a LIMIT or STOP price that is missing, off the tick size, or within the stops level of the market.

    A pending buy limit must be below the ask and a buy stop above it, a sell limit above the bid and a sell stop below
    it, each by at least the stops level. A MARKET order may have any price.
    """
    if request.type is OrderType.MARKET:
        return None
    price = request.price
    if price is None or price <= 0 or not is_on_step(price, instrument.tick_size):
        price_text = "none" if price is None else decimal_text(price)
        step = decimal_text(instrument.tick_size)
        text = f"price {price_text} of a {request.type} order, expected a multiple of {step} above 0"
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

    `around` is the touch at which the position would close, or the price of the pending order that would open it.
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
                f"{name} {decimal_text(stop)} of a {side} position, expected {'below' if is_below else 'above'} "
                f"{decimal_text(around)} by {instrument.stops_level_points} points or more, in steps of "
                f"{decimal_text(instrument.tick_size)}"
            )
            return Rejection(retcodes.INVALID_STOPS, ErrorCode.INVALID_STOPS, text)
    return None


def check_order_stops(request: VenueOrderRequest, instrument: Instrument, quote: Quote) -> Rejection | None:
    """Reject the stops of an order, compared with its price if it is pending, else with the closing touch."""
    if request.stop_loss is None and request.take_profit is None:
        return None
    if request.position:
        text = f"stops with position {request.position}, expected none; MODIFY changes the stops of a position"
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
    """Reject a closing order if its position does not exist, is on the same side, or is smaller than the order."""
    if not request.position:
        return None
    if position is None or position.symbol != request.symbol:
        text = f"no position {request.position} in {request.symbol}"
        return Rejection(retcodes.POSITION_CLOSED, ErrorCode.UNKNOWN_POSITION, text)
    if position.side is request.side:
        text = f"{request.side} with position {request.position} of side {position.side}, expected the opposite side"
        return Rejection(retcodes.INVALID_ORDER, ErrorCode.INVALID_ORDER, text)
    if request.volume > abs(position.volume):
        held = decimal_text(abs(position.volume))
        text = f"volume {decimal_text(request.volume)}, expected at most {held}, that of position {request.position}"
        return Rejection(retcodes.INVALID_CLOSE_VOLUME, ErrorCode.INVALID_VOLUME, text)
    return None


def check_close_volume(request: VenueOrderRequest, position: Position, *, under_way: Decimal) -> Rejection | None:
    """Reject a close of more than the position's volume minus `under_way`, the lots of its open closing orders."""
    held = abs(position.volume)
    if not under_way or under_way + request.volume <= held:
        return None
    text = (
        f"volume {decimal_text(request.volume)} of position {request.position}, expected at most "
        f"{decimal_text(max(held - under_way, Decimal(0)))}: open orders close {decimal_text(under_way)} of its "
        f"{decimal_text(held)}"
    )
    return Rejection(retcodes.CLOSE_ORDER_EXIST, ErrorCode.CLOSE_ORDER_EXISTS, text[:_TEXT_CHARS_MAX])


def check_trading_allowed(instrument: Instrument, *, opens: Callable[[], bool], time_ns: int) -> Rejection | None:
    """Reject an order for a symbol that is not traded now, or an opening order if positions may only be closed.

    Args:
        instrument: the symbol's terms.
        opens: returns whether the order adds exposure; called only if it matters.
        time_ns: venue time, UTC.
    """
    if instrument.trade_mode is TradeMode.DISABLED:
        text = f"{instrument.symbol} has trading disabled"
        return Rejection(retcodes.TRADE_DISABLED, ErrorCode.TRADE_DISABLED, text)
    if instrument.trade_mode is TradeMode.CLOSE_ONLY and opens():
        text = f"positions in {instrument.symbol} may only be closed"
        return Rejection(retcodes.CLOSE_ONLY, ErrorCode.CLOSE_ONLY, text)
    return check_session(instrument, time_ns)


def check_session(instrument: Instrument, time_ns: int) -> Rejection | None:
    """Reject a request outside the symbol's sessions; `time_ns` is venue time, UTC."""
    if instrument.is_traded(time_ns):
        return None
    text = f"{instrument.symbol} is outside its trading sessions"
    return Rejection(retcodes.MARKET_CLOSED, ErrorCode.MARKET_CLOSED, text)
