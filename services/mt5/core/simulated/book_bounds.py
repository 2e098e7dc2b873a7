"""Bounds of the ticks that could change the simulated book or report a deal (`TickBounds`), from the book's state.

They follow `tick_processor.py`. Where the condition of a change is not known in advance, or has been reached without a
change, such as an expiry outside the session, every tick is outside.
"""

from __future__ import annotations

from decimal import Decimal

from marketdata.tick_bounds import TickBounds
from proto.time import NEVER_NS
from proto.trading.enums import GtcMode, OrderType, Side, TimeInForce
from proto.trading.server_time import next_day_ns
from services.mt5.core.ports.book_records import BookOrder, RestingState
from services.mt5.core.simulated.account import SimulatedAccount
from services.mt5.core.simulated.positions import Position
from services.mt5.core.simulated.stop_out_bounds import add_stop_out_bounds
from services.mt5.core.simulated.swap import nights_by_terms


def add_book_bounds(account: SimulatedAccount, stop_out_level_pct: Decimal | None, bounds: TickBounds) -> None:
    """Narrow `bounds`, which have the stream's symbols, to the ticks that could change the account or report a deal.

    Args:
        account: the account, after it has processed its current tick.
        stop_out_level_pct: margin level of the stop-out; None for none.
        bounds: bounds to narrow in place.
    """
    book = account.book
    if not account.ordinal:
        bounds.any_tick_from(0)  # the state of an earlier stream has no tick that could be compared with the next one
        return
    bounds.any_tick_from(book.next_report_ns(account.time_ns))
    for record in book.resting():
        _add_order(record, account, bounds)
    for position in book.positions.values():
        _add_stops(position, account, bounds)
        if account.profile.charges:
            bounds.any_tick_from(_swap_ns(position, account))
    if stop_out_level_pct is not None and book.positions:
        add_stop_out_bounds(account, stop_out_level_pct, bounds)


def _add_order(record: BookOrder, account: SimulatedAccount, bounds: TickBounds) -> None:
    bounds.any_tick_from(_expires_ns(record, account))
    if record.wait is RestingState.HELD:
        bounds.every_tick("held orders")
        return
    symbol = account.market.stream_name(record.order.symbol)
    if record.wait is RestingState.DELAYED and account.time_ns <= record.due_ns:
        bounds.any_tick_from(record.due_ns)
    elif symbol is None:
        return  # no tick of the stream concerns the order
    elif record.wait is RestingState.PENDING:
        price = record.order.price
        assert price is not None, record
        is_buy = record.order.side is Side.BUY
        if is_buy == (record.order.type is OrderType.LIMIT):
            (bounds.ask_at_most if is_buy else bounds.bid_at_most)(symbol, price)
        else:
            (bounds.ask_at_least if is_buy else bounds.bid_at_least)(symbol, price)
    else:
        bounds.tick_from(symbol, 0)


def _expires_ns(record: BookOrder, account: SimulatedAccount) -> int:
    """Time before which an order does not expire, UTC."""
    order = record.order
    if order.time_in_force is TimeInForce.DAY:
        return next_day_ns(record.placed_ns)
    expires_ns = order.expires_ns if order.time_in_force is TimeInForce.GTD else NEVER_NS
    instrument = account.instruments.get(order.symbol)
    if instrument is None or instrument.gtc_mode is GtcMode.GTC or record.wait is not RestingState.PENDING:
        return expires_ns
    return min(expires_ns, instrument.next_day_ns(record.placed_ns))


def _add_stops(position: Position, account: SimulatedAccount, bounds: TickBounds) -> None:
    symbol = account.market.stream_name(position.symbol)
    if symbol is None:
        return
    loss, profit = position.stop_loss, position.take_profit
    is_long = position.volume > 0
    if loss is not None:
        (bounds.bid_at_most if is_long else bounds.ask_at_least)(symbol, loss)
    if profit is not None:
        (bounds.bid_at_least if is_long else bounds.ask_at_most)(symbol, profit)


def _swap_ns(position: Position, account: SimulatedAccount) -> int:
    """Time before which no swap of a position is due, UTC; 0 if a due swap waits for a conversion rate."""
    instrument, now_ns = account.instruments.get(position.symbol), account.time_ns
    if instrument is None:
        return NEVER_NS
    if any(nights_by_terms(instrument, position.charged_ns, now_ns).values()):
        return 0
    return instrument.next_day_ns(now_ns)
