"""Trade requests to a terminal, as MetaTrader's documentation defines them.

Each function returns the argument of one call of `order_send`, or a `LocalRejection` if the terminal cannot do what the
gateway's protocol requires; then `order_send` is not called. Numbers become floats, because the package requires them.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, NamedTuple

from proto.gateway import DealEntry, ErrorCode, Modify, PlaceOrder, VenueOrder, VenuePosition
from proto.trading.enums import OrderType, Side, TimeInForce
from proto.trading.instrument import Instrument
from proto.trading.money import Quote
from proto.trading.stops import Stops, stops_after
from proto.trading.units import decimal_text
from services.mt5.core.ports import retcodes
from services.mt5.core.ports.magic import comment_of, magic_of
from services.mt5.terminal import mt5_types
from services.mt5.terminal.mt5_types import TradeRequest
from services.mt5.terminal.server_clock import ServerClock

DEVIATION_POINTS_MAX: Final = 1_000_000
"""Deviation in points that is sent for an order without a limit of deviation."""

_TYPES: Final = {
    (OrderType.MARKET, Side.BUY): mt5_types.ORDER_TYPE_BUY,
    (OrderType.MARKET, Side.SELL): mt5_types.ORDER_TYPE_SELL,
    (OrderType.LIMIT, Side.BUY): mt5_types.ORDER_TYPE_BUY_LIMIT,
    (OrderType.LIMIT, Side.SELL): mt5_types.ORDER_TYPE_SELL_LIMIT,
    (OrderType.STOP, Side.BUY): mt5_types.ORDER_TYPE_BUY_STOP,
    (OrderType.STOP, Side.SELL): mt5_types.ORDER_TYPE_SELL_STOP,
}
_FILLINGS: Final = {
    "FOK": mt5_types.ORDER_FILLING_FOK,
    "IOC": mt5_types.ORDER_FILLING_IOC,
    "RETURN": mt5_types.ORDER_FILLING_RETURN,
}
_TIMES: Final = {
    TimeInForce.GTC: mt5_types.ORDER_TIME_GTC,
    TimeInForce.DAY: mt5_types.ORDER_TIME_DAY,
    TimeInForce.GTD: mt5_types.ORDER_TIME_SPECIFIED,
}


class LocalRejection(NamedTuple):
    """A rejection by this module or by the broker: MetaTrader's retcode, the error code, and a text."""

    retcode: int
    code: ErrorCode
    message: str


def order_request(
    request: PlaceOrder,
    *,
    symbol: str,
    instrument: Instrument,
    quote: Quote | None,
    netted: VenuePosition | None,
    clock: ServerClock,
) -> TradeRequest | LocalRejection:
    """The request for a new order.

    If an order without stops adds to a position, a terminal removes the position's stop loss and take profit. The desk
    keeps them (`proto.trading.stops`), so a market order is sent with the position's stop if it lacks that stop, and a
    pending order that lacks one is rejected. An order that reduces or reverses the position is sent with its own stops,
    because the rules of desk and terminal agree for it.

    Args:
        request: the order, with its volume in lots.
        symbol: the broker's name.
        instrument: the symbol's terms.
        quote: the latest quote; None before the first.
        netted: the position of a netting account in the symbol, if any.
        clock: the broker's server time.
    """
    if (request.time_in_force is TimeInForce.GTD) != (request.expires_ns > 0):
        given = f"expires_ns {request.expires_ns} with {request.effective_time_in_force}"
        text = f"{given}, expected an expiry with GTD and 0 with any other time in force"
        return LocalRejection(retcodes.INVALID_EXPIRATION, ErrorCode.INVALID_EXPIRATION, text)
    adds = netted is not None and netted.side is request.side
    held = Stops(netted.stop_loss, netted.take_profit) if netted is not None and adds else Stops()
    stops = stops_after(DealEntry.IN, given=Stops(request.stop_loss, request.take_profit), held=held)
    common: TradeRequest = {
        "magic": magic_of(request.order_id),
        "symbol": symbol,
        "volume": float(request.volume),
        "type": _TYPES[request.type, request.side],
        "sl": _price(stops.stop_loss),
        "tp": _price(stops.take_profit),
        "comment": comment_of(request.order_id),
    }
    if request.type is OrderType.MARKET:
        return _at_market(request, common, instrument, quote)
    if request.price is None:
        return LocalRejection(
            retcodes.INVALID_PRICE, ErrorCode.INVALID_PRICE, f"a {request.type} order without a price"
        )
    if request.effective_time_in_force not in _TIMES:
        text = f"{request.effective_time_in_force} for a {request.type} order, expected GTC, DAY or GTD at a terminal"
        return LocalRejection(retcodes.INVALID_FILL, ErrorCode.INVALID_FILLING, text)
    if request.position:
        text = f"position {request.position} with a {request.type} order, expected a market order to close it"
        return LocalRejection(retcodes.INVALID_ORDER, ErrorCode.INVALID_ORDER, text)
    if stops != (request.stop_loss, request.take_profit):
        text = (
            f"a {request.type} order that adds to a position with stop_loss {_price_text(held.stop_loss)} and "
            f"take_profit {_price_text(held.take_profit)}, expected an order with these stops; a terminal removes a "
            "stop that the order lacks"
        )
        return LocalRejection(retcodes.INVALID_STOPS, ErrorCode.INVALID_STOPS, text)
    pending: TradeRequest = {
        **common,
        "action": mt5_types.TRADE_ACTION_PENDING,
        "price": float(request.price),
        # The standard library of MQL5 sends this with every pending order, regardless of the symbol's flags.
        "type_filling": mt5_types.ORDER_FILLING_RETURN,
        "type_time": _TIMES[request.effective_time_in_force],
    }
    if request.expires_ns:
        pending["expiration"] = clock.server_s(request.expires_ns)
    return pending


def remove_request(ticket: int) -> TradeRequest:
    """The request that cancels the pending order `ticket`."""
    return {"action": mt5_types.TRADE_ACTION_REMOVE, "order": ticket}


def modify_order_request(
    request: Modify, *, order: VenueOrder, price: Decimal, clock: ServerClock
) -> TradeRequest | LocalRejection:
    """The request that modifies a pending order.

    A terminal expects all terms of the order, so unchanged terms are sent as well, the time in force included.

    Args:
        request: the new prices.
        order: the order as the terminal shows it.
        price: the order's current price.
        clock: the broker's server time.
    """
    is_dated = order.time_in_force is TimeInForce.GTD
    if request.expires_ns and not is_dated:
        text = f"expires_ns of a {order.time_in_force} order, expected a GTD order"
        return LocalRejection(retcodes.INVALID_EXPIRATION, ErrorCode.INVALID_EXPIRATION, text)
    changed: TradeRequest = {
        "action": mt5_types.TRADE_ACTION_MODIFY,
        "order": order.ticket,
        "symbol": order.symbol,
        "price": float(price if request.price is None else request.price),
        "sl": _price(request.stop_loss),
        "tp": _price(request.take_profit),
        "type_time": _TIMES[order.time_in_force],
    }
    if is_dated:
        changed["expiration"] = clock.server_s(request.expires_ns or order.expires_ns)
    return changed


def stops_request(request: Modify, *, position: int, symbol: str) -> TradeRequest:
    """The request that sets stop loss and take profit of a position; `position` is its current ticket."""
    return {
        "action": mt5_types.TRADE_ACTION_SLTP,
        "symbol": symbol,
        "position": position,
        "sl": _price(request.stop_loss),
        "tp": _price(request.take_profit),
    }


def filling_of(request: PlaceOrder, taken: tuple[str, ...]) -> str | None:
    """The fill policy of a market order; None if the symbol does not allow the requested one.

    For an order without a time in force it is the first of FOK, IOC and RETURN in `taken`, the allowed policies.
    """
    if request.time_in_force is None:
        return next((filling for filling in ("FOK", "IOC", "RETURN") if filling in taken), None)
    wanted = request.time_in_force.value if request.time_in_force in (TimeInForce.FOK, TimeInForce.IOC) else "RETURN"
    return wanted if wanted in taken else None


def _at_market(
    request: PlaceOrder, common: TradeRequest, instrument: Instrument, quote: Quote | None
) -> TradeRequest | LocalRejection:
    filling = filling_of(request, instrument.filling)
    if filling is None:
        text = (
            f"{request.effective_time_in_force} of {common['symbol']}, expected one of {', '.join(instrument.filling)}"
        )
        return LocalRejection(retcodes.INVALID_FILL, ErrorCode.INVALID_FILLING, text)
    if quote is None:
        return LocalRejection(retcodes.INVALID_PRICE, ErrorCode.NO_QUOTE, f"{common['symbol']} has no quote yet")
    touch = quote.ask if request.side is Side.BUY else quote.bid
    price, deviation = touch, DEVIATION_POINTS_MAX
    if request.deviation_points is not None and request.price is not None:
        # A broker with market execution ignores the deviation, so the gateway checks it here.
        price, deviation = request.price, request.deviation_points
        away = (touch - price) * request.side.sign
        if away > deviation * instrument.point:
            text = f"the market is at {touch}, worse than {price} by more than {deviation} points"
            return LocalRejection(retcodes.REQUOTE, ErrorCode.REQUOTE, text)
    deal: TradeRequest = {
        **common,
        "action": mt5_types.TRADE_ACTION_DEAL,
        "price": float(price),
        "deviation": deviation,
        "type_filling": _FILLINGS[filling],
        "type_time": _TIMES.get(request.effective_time_in_force, mt5_types.ORDER_TIME_GTC),
    }
    if request.expires_ns:
        deal["type_time"] = mt5_types.ORDER_TIME_GTC
    if request.position:
        deal["position"] = request.position
    return deal


def _price_text(price: Decimal | None) -> str:
    return "none" if price is None else decimal_text(price)


def _price(price: Decimal | None) -> float:
    """A stop price for MetaTrader, which uses 0 for no stop."""
    return 0.0 if price is None else float(price)
