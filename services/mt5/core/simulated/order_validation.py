"""What is wrong with an order, or with new prices of one: MetaTrader's checks, with its retcodes.

Pure functions of what is asked, the terms, the quote and the time. A check says what the first thing is that is wrong; what depends
on money is the account's to say, because it is asked when an order is executed and not when it is placed.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, NamedTuple

from marketdata.instruments import is_out_of_terms
from proto.gateway import ErrorCode
from proto.time import utc_text
from proto.trading.enums import OrderType, TimeInForce, TradeMode
from proto.trading.instrument import Instrument
from proto.trading.money import Quote
from proto.trading.price_distance import (
    closing_touch,
    entry_distance,
    is_far_enough,
    stop_loss_distance,
    take_profit_distance,
)
from proto.trading.units import Side, is_on_step, plain
from services.mt5.core.ports import retcodes
from services.mt5.core.simulated import sessions
from services.mt5.core.simulated.order_request import Asked
from services.mt5.core.simulated.positions import Position

_WORDS_MAX: Final = 200

RETURN: Final = "RETURN"
"""MetaTrader's name of a filling that is neither FOK nor IOC: what is left stays."""


class Verdict(NamedTuple):
    """Why not: MetaTrader's retcode, the code for programs, and words."""

    retcode: int
    code: ErrorCode
    words: str


def touch_of(side: Side, quote: Quote) -> Decimal:
    """The price that an order of this side is executed at: a buy at the ask, a sell at the bid."""
    return quote.ask if side is Side.BUY else quote.bid


def wrong_volume(volume: Decimal, instrument: Instrument) -> Verdict | None:
    """A volume out of the terms."""
    if not is_out_of_terms(volume, instrument):
        return None
    terms = f"{plain(instrument.volume_min)} to {plain(instrument.volume_max)}"
    step = plain(instrument.volume_step)
    words = f"volume {volume} of {instrument.symbol}, expected {terms} in steps of {step}"
    return Verdict(retcodes.INVALID_VOLUME, ErrorCode.INVALID_VOLUME, words[:_WORDS_MAX])


def wrong_kind(asked: Asked, instrument: Instrument, time_ns: int) -> Verdict | None:
    """A type, a filling and an expiry that do not go together, or that the symbol does not take."""
    is_market = asked.type is OrderType.MARKET
    if asked.position and not is_market:
        words = f"{asked.type} with position {asked.position}, expected MARKET: a position is closed at the market"
        return Verdict(retcodes.INVALID_ORDER, ErrorCode.INVALID_ORDER, words)
    if asked.is_at_once or is_market:
        filling = asked.time_in_force.value if asked.is_at_once else RETURN
        if asked.type is OrderType.STOP or filling not in instrument.filling:
            taken = "GTC, DAY or GTD" if asked.type is OrderType.STOP else ", ".join(instrument.filling)
            words = f"{asked.type} {asked.time_in_force} of {instrument.symbol}, expected {taken}"
            return Verdict(retcodes.INVALID_FILL, ErrorCode.INVALID_FILLING, words)
    return wrong_expiry(asked.time_in_force, asked.expires_ns, time_ns)


def wrong_expiry(time_in_force: TimeInForce, expires_ns: int, time_ns: int) -> Verdict | None:
    """An expiry that is missing, in the past, or given where there is none."""
    if time_in_force is TimeInForce.GTD:
        if expires_ns > time_ns:
            return None
        until = f"until {utc_text(expires_ns)}" if expires_ns else "without an expiry"
        words = f"GTD {until}, expected one later than the venue's {utc_text(time_ns)}"
    elif not expires_ns:
        return None
    else:
        words = f"{time_in_force} with an expiry, {utc_text(expires_ns)}, expected one with GTD alone"
    return Verdict(retcodes.INVALID_EXPIRATION, ErrorCode.INVALID_EXPIRATION, words)


def wrong_price(asked: Asked, instrument: Instrument, quote: Quote) -> Verdict | None:
    """A price of a pending order that is missing, off the tick, on the wrong side of the market, or too near to it.

    A buy limit stands below the ask and a buy stop above it, a sell limit above the bid and a sell stop below it, each by the
    stops level at least. An order that is filled now or never may have any price.
    """
    if asked.type is OrderType.MARKET:
        return None
    price = asked.price
    if price is None or price <= 0 or not is_on_step(price, instrument.tick_size):
        told = "none" if price is None else plain(price)
        words = f"price {told} of a {asked.type} order, expected one in steps of {plain(instrument.tick_size)}"
        return Verdict(retcodes.INVALID_PRICE, ErrorCode.INVALID_PRICE, words)
    if asked.is_at_once:
        return None
    if not is_far_enough(entry_distance(asked.type, asked.side, price, quote), instrument):
        is_below = (asked.side is Side.BUY) == (asked.type is OrderType.LIMIT)
        words = (
            f"{asked.side} {asked.type} at {plain(price)}, expected {'below' if is_below else 'above'} "
            f"{plain(touch_of(asked.side, quote))} by {instrument.stops_level_points} points or more"
        )
        return Verdict(retcodes.INVALID_PRICE, ErrorCode.INVALID_PRICE, words)
    return None


def wrong_stops(
    side: Side,
    *,
    stop_loss: Decimal | None,
    take_profit: Decimal | None,
    around: Decimal,
    instrument: Instrument,
) -> Verdict | None:
    """Stops of a position of `side` that are off the tick, on the wrong side of `around`, or nearer to it than the stops level.

    `around` is the touch at which the position closes, or the price of the pending order that is to open it.
    """
    for name, stop, distance_of, is_below in (
        ("stop_loss", stop_loss, stop_loss_distance, side is Side.BUY),
        ("take_profit", take_profit, take_profit_distance, side is Side.SELL),
    ):
        if stop is None:
            continue
        is_far = is_far_enough(distance_of(side, stop, around), instrument)
        if stop <= 0 or not is_far or not is_on_step(stop, instrument.tick_size):
            words = (
                f"{name} {plain(stop)} of a {side} position, expected {'below' if is_below else 'above'} {plain(around)} "
                f"by {instrument.stops_level_points} points or more, in steps of {plain(instrument.tick_size)}"
            )
            return Verdict(retcodes.INVALID_STOPS, ErrorCode.INVALID_STOPS, words)
    return None


def wrong_stops_of(asked: Asked, instrument: Instrument, quote: Quote) -> Verdict | None:
    """Stops of an order: around its price where it waits for one, else around the touch at which its position would close."""
    if asked.position and (asked.stop_loss is not None or asked.take_profit is not None):
        words = f"stops with position {asked.position}, expected none: MODIFY changes those of a position"
        return Verdict(retcodes.INVALID_STOPS, ErrorCode.INVALID_STOPS, words)
    is_pending = asked.type is not OrderType.MARKET and not asked.is_at_once
    around = asked.price if is_pending and asked.price is not None else closing_touch(asked.side, quote)
    return wrong_stops(
        asked.side,
        stop_loss=asked.stop_loss,
        take_profit=asked.take_profit,
        around=around,
        instrument=instrument,
    )


def wrong_position(asked: Asked, position: Position | None) -> Verdict | None:
    """The position that an order is to close is gone, of another symbol or side, or smaller; `position` has its ticket."""
    if not asked.position:
        return None
    if position is None or position.symbol != asked.symbol:
        words = f"no position {asked.position} in {asked.symbol}"
        return Verdict(retcodes.POSITION_CLOSED, ErrorCode.UNKNOWN_POSITION, words)
    if position.side is asked.side:
        words = f"{asked.side} with position {asked.position}, which is a {position.side}: it would not close it"
        return Verdict(retcodes.INVALID_ORDER, ErrorCode.INVALID_ORDER, words)
    if asked.volume > abs(position.volume):
        words = (
            f"volume {plain(asked.volume)}, expected {plain(abs(position.volume))} of position {asked.position} or less"
        )
        return Verdict(retcodes.INVALID_CLOSE_VOLUME, ErrorCode.INVALID_VOLUME, words)
    return None


def wrong_close(asked: Asked, position: Position, *, under_way: Decimal) -> Verdict | None:
    """Closing more of a position than there is, counting the lots of the closing orders that are `under_way`."""
    held = abs(position.volume)
    if not under_way or under_way + asked.volume <= held:
        return None
    words = (
        f"volume {plain(asked.volume)} of position {asked.position}, expected {plain(max(held - under_way, Decimal(0)))} or less: "
        f"orders to close {plain(under_way)} of its {plain(held)} are on their way"
    )
    return Verdict(retcodes.CLOSE_ORDER_EXIST, ErrorCode.CLOSE_ORDER_EXISTS, words[:_WORDS_MAX])


def closed_market(instrument: Instrument, *, opens: bool, time_ns: int) -> Verdict | None:
    """The symbol is not traded now, or may not be traded so; `opens`: the order would add exposure."""
    if instrument.trade_mode is TradeMode.DISABLED:
        words = f"{instrument.symbol} is not traded"
        return Verdict(retcodes.TRADE_DISABLED, ErrorCode.TRADE_DISABLED, words)
    if instrument.trade_mode is TradeMode.CLOSE_ONLY and opens:
        words = f"positions in {instrument.symbol} may only be closed"
        return Verdict(retcodes.CLOSE_ONLY, ErrorCode.CLOSE_ONLY, words)
    if not sessions.is_open(instrument, time_ns):
        words = f"{instrument.symbol} is not traded at this time of the server's week"
        return Verdict(retcodes.MARKET_CLOSED, ErrorCode.MARKET_CLOSED, words)
    return None
