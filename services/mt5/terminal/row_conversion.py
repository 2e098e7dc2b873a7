"""Conversion of the terminal's rows to the gateway's orders, deals and positions.

The terminal's numbers are floats and become decimals: prices are rounded to `PRICE_DECIMALS`, volumes to
`VOLUME_DECIMALS`, and money to the digits of the account currency.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from proto.gateway import DealEntry, DealKind, DealReason, OrderReplyStatus, VenueDeal, VenueOrder, VenuePosition
from proto.gateway.records import require_all_exact
from proto.time import SECOND_NS
from proto.trading import money
from proto.trading.enums import OrderType, Side, TimeInForce
from proto.trading.units import NAME_CHARS_MAX, TEXT_CHARS_MAX, decimal_text, round_money, to_decimal
from services.mt5.core.ports import retcodes
from services.mt5.terminal import mt5_types
from services.mt5.terminal.mt5_types import Mt5Deal, Mt5Order, Mt5Position
from services.mt5.terminal.server_clock import NoSuchTimeError, ServerClock

PRICE_DECIMALS: Final = 10
VOLUME_DECIMALS: Final = 8
_MS_OF_SECOND: Final = 1_000
HOUR_S: Final = 3_600

SERVER_REASONS: Final = (mt5_types.REASON_SL, mt5_types.REASON_TP, mt5_types.REASON_SO, mt5_types.REASON_ROLLOVER)
"""Reasons of orders and deals that the server makes itself, under the magic of the position."""

_ORDER_TYPES: Final = {
    mt5_types.ORDER_TYPE_BUY: OrderType.MARKET,
    mt5_types.ORDER_TYPE_SELL: OrderType.MARKET,
    mt5_types.ORDER_TYPE_BUY_LIMIT: OrderType.LIMIT,
    mt5_types.ORDER_TYPE_SELL_LIMIT: OrderType.LIMIT,
    mt5_types.ORDER_TYPE_CLOSE_BY: OrderType.MARKET,
}
_BUYS: Final = (
    mt5_types.ORDER_TYPE_BUY,
    mt5_types.ORDER_TYPE_BUY_LIMIT,
    mt5_types.ORDER_TYPE_BUY_STOP,
    mt5_types.ORDER_TYPE_BUY_STOP_LIMIT,
    mt5_types.ORDER_TYPE_CLOSE_BY,
)
_ENDED: Final = {
    mt5_types.ORDER_STATE_CANCELED: OrderReplyStatus.CANCELED,
    mt5_types.ORDER_STATE_PARTIAL: OrderReplyStatus.CANCELED,
    mt5_types.ORDER_STATE_REJECTED: OrderReplyStatus.REJECTED,
    mt5_types.ORDER_STATE_EXPIRED: OrderReplyStatus.EXPIRED,
}
_EXECUTED: Final = (mt5_types.ORDER_STATE_FILLED, mt5_types.ORDER_STATE_PARTIAL)
"""Final states that mean an execution, complete or partial, and not a cancellation."""

RETCODE_OF_STATUS: Final = {
    OrderReplyStatus.FILLED: retcodes.DONE,
    OrderReplyStatus.PARTIALLY_FILLED: retcodes.DONE_PARTIAL,
    OrderReplyStatus.ACCEPTED: retcodes.PLACED,
    OrderReplyStatus.CANCELED: retcodes.CANCEL,
    OrderReplyStatus.EXPIRED: retcodes.CANCEL,
    OrderReplyStatus.REJECTED: retcodes.REJECT,
}
"""Retcodes by order status, because the terminal's history has no retcodes."""

_KINDS: Final = {
    mt5_types.DEAL_TYPE_BUY: DealKind.BUY,
    mt5_types.DEAL_TYPE_SELL: DealKind.SELL,
    mt5_types.DEAL_TYPE_BALANCE: DealKind.BALANCE,
    **dict.fromkeys(
        range(mt5_types.DEAL_TYPE_COMMISSION, mt5_types.DEAL_TYPE_COMMISSION_AGENT_MONTHLY + 1),
        DealKind.COMMISSION,
    ),
}
_ENTRIES: Final = {
    mt5_types.DEAL_ENTRY_IN: DealEntry.IN,
    mt5_types.DEAL_ENTRY_OUT: DealEntry.OUT,
    mt5_types.DEAL_ENTRY_INOUT: DealEntry.INOUT,
    mt5_types.DEAL_ENTRY_OUT_BY: DealEntry.OUT,
}
_REASONS: Final = {
    mt5_types.REASON_SL: DealReason.STOP_LOSS,
    mt5_types.REASON_TP: DealReason.TAKE_PROFIT,
    mt5_types.REASON_SO: DealReason.STOP_OUT,
    mt5_types.REASON_ROLLOVER: DealReason.ROLLOVER,
}


def price_of(value: float) -> Decimal:
    """A price from the terminal's float `value`, rounded to `PRICE_DECIMALS`."""
    return to_decimal(round(value, PRICE_DECIMALS))


def volume_of(value: float) -> Decimal:
    """A volume in lots from the terminal's float `value`, rounded to `VOLUME_DECIMALS`."""
    return to_decimal(round(value, VOLUME_DECIMALS))


def money_of(value: float, digits: int) -> Decimal:
    """An amount in account currency from the terminal's float `value`, rounded to `digits` decimals."""
    return round_money(to_decimal(value), digits)


def stop_of(value: float) -> Decimal | None:
    """A stop price from the terminal's float `value`; None for 0, which means no stop."""
    return price_of(value) if value else None


def deal_from_row(
    row: Mt5Deal, *, number: int, ordinal: int, digits: int, clock: ServerClock, not_before_ns: int
) -> VenueDeal:
    """A deal with the gateway's number; its comment begins with the deal's ticket at the broker.

    Args:
        row: the terminal's row.
        number: the deal's number in the gateway.
        ordinal: ordinal of the tick at which the deal was first seen.
        digits: decimals of the account currency.
        clock: the broker's server time.
        not_before_ns: UTC of the previous deal, which decides between the two meanings of an hour that occurs twice.

    Raises:
        ValueError: a number of the row is not a finite decimal of acceptable size.
    """
    kind = _KINDS.get(row.type, DealKind.CORRECTION)
    # A credit changes the equity but not the balance.
    moves_cash = row.type != mt5_types.DEAL_TYPE_CREDIT
    credit_note = "" if moves_cash else f" credit of {decimal_text(money_of(row.profit, digits))}, not in the balance"
    deal = VenueDeal(
        deal=number,
        ticket=row.order,
        order_id=row.comment[:NAME_CHARS_MAX] if kind.is_trade else "",
        symbol=row.symbol if kind.is_trade else "",
        kind=kind,
        entry=_ENTRIES.get(row.entry, DealEntry.NONE) if kind.is_trade else DealEntry.NONE,
        volume=volume_of(row.volume) if kind.is_trade else Decimal(0),
        price=price_of(row.price) if kind.is_trade else Decimal(0),
        profit=money_of(row.profit, digits) if moves_cash else Decimal(0),
        commission=money_of(row.commission, digits) + money_of(row.fee, digits),
        swap=money_of(row.swap, digits),
        time_ns=clock.utc_of_ms(row.time_msc, not_before_ns=not_before_ns),
        ordinal=ordinal,
        stepped=row.reason in SERVER_REASONS,
        comment=f"deal {row.ticket}{credit_note} {row.comment}".strip()[:TEXT_CHARS_MAX],
        position=row.position_id,
        reason=_REASONS.get(row.reason, DealReason.CLIENT),
    )
    require_all_exact(deal, "volume", "price", "profit", "commission", "swap")
    return deal


def order_from_row(
    row: Mt5Order, *, is_open: bool, deals: Sequence[VenueDeal], ordinal: int, revision: int, clock: ServerClock
) -> VenueOrder:
    """An order, whose filled volume is that of its shown deals, whatever state the row has.

    Args:
        row: the terminal's row.
        is_open: whether the terminal shows the order among the open ones.
        deals: the order's deals that are shown.
        ordinal: ordinal of the tick at which the order was first seen.
        revision: revision of the last modification; 0 before the first.
        clock: the broker's server time.

    Raises:
        ValueError: a number of the row is not a finite decimal of acceptable size.
    """
    filled = sum((deal.volume for deal in deals), Decimal(0))
    asked = volume_of(row.volume_initial)
    status = _status(row, filled=filled, asked=asked, is_open=is_open)
    kind = _ORDER_TYPES.get(row.type, OrderType.STOP)
    order = VenueOrder(
        ticket=row.ticket,
        order_id=row.comment[:NAME_CHARS_MAX],
        symbol=row.symbol,
        side=Side.BUY if row.type in _BUYS else Side.SELL,
        volume=asked,
        filled_volume=filled,
        filled_price=average_deal_price(deals),
        status=status,
        retcode=_retcode(row, status, kind, filled),
        reason=row.comment[:TEXT_CHARS_MAX] if status is OrderReplyStatus.REJECTED else "",
        deal=deals[-1].deal if deals else 0,
        time_ns=clock.utc_of_ms(row.time_setup_msc),
        ordinal=ordinal,
        type=kind,
        time_in_force=_time_in_force(row, kind),
        price=None if kind is OrderType.MARKET else price_of(row.price_open),
        stop_loss=stop_of(row.sl),
        take_profit=stop_of(row.tp),
        expires_ns=expiry_ns(row.time_expiration, clock),
        position=0,
        revision=revision,
    )
    require_all_exact(order, "volume", "filled_volume", "filled_price", "price", "stop_loss", "take_profit")
    return order


def position_from_row(row: Mt5Position, *, digits: int, revision: int, clock: ServerClock) -> VenuePosition:
    """An open position with its identifier as the ticket, and with the profit that the terminal computes.

    Args:
        row: the terminal's row.
        digits: decimals of the account currency.
        revision: revision of the last modification; 0 before the first.
        clock: the broker's server time.
    """
    return VenuePosition(
        ticket=row.identifier,
        symbol=row.symbol,
        side=Side.BUY if row.type == mt5_types.POSITION_TYPE_BUY else Side.SELL,
        volume=volume_of(row.volume),
        price_open=price_of(row.price_open),
        profit=money_of(row.profit, digits),
        time_ns=clock.utc_of_ms(row.time_msc),
        stop_loss=stop_of(row.sl),
        take_profit=stop_of(row.tp),
        swap=money_of(row.swap, digits),
        order_id=row.comment[:NAME_CHARS_MAX],
        revision=revision,
    )


def average_deal_price(deals: Sequence[VenueDeal]) -> Decimal | None:
    """Volume-weighted average price of the deals; None without a deal."""
    price, volume = Decimal(0), Decimal(0)
    for deal in deals:
        if deal.volume:
            price = money.average_price(
                price=price, volume=volume, further_price=deal.price, further_volume=deal.volume
            )
            volume += deal.volume
    return price if volume else None


def expiry_ns(server_s: int, clock: ServerClock) -> int:
    """UTC nanoseconds of an expiry in seconds of server time; 0 for none.

    A time in an hour that the server's clock skips becomes the end of that hour.
    """
    if not server_s:
        return 0
    try:
        return clock.utc_of_ms(server_s * _MS_OF_SECOND)
    except NoSuchTimeError:
        return clock.utc_ns((server_s // HOUR_S + 1) * HOUR_S * SECOND_NS)


def _retcode(row: Mt5Order, status: OrderReplyStatus, kind: OrderType, filled: Decimal) -> int:
    """The status's retcode; DONE_PARTIAL if the broker filled a part and canceled the rest without a request."""
    is_canceled = status is OrderReplyStatus.CANCELED and filled > 0
    if is_canceled and (row.state in _EXECUTED or _time_in_force(row, kind) is TimeInForce.IOC):
        return retcodes.DONE_PARTIAL
    return RETCODE_OF_STATUS[status]


def _status(row: Mt5Order, *, filled: Decimal, asked: Decimal, is_open: bool) -> OrderReplyStatus:
    if filled >= asked > 0:
        return OrderReplyStatus.FILLED
    left = volume_of(row.volume_current)
    if row.state == mt5_types.ORDER_STATE_FILLED and not is_open and left and filled >= asked - left > 0:
        return OrderReplyStatus.CANCELED  # an IOC order whose unfilled volume was canceled
    if is_open or row.state not in _ENDED:
        return OrderReplyStatus.PARTIALLY_FILLED if filled else OrderReplyStatus.ACCEPTED
    return _ENDED[row.state]


def _time_in_force(row: Mt5Order, kind: OrderType) -> TimeInForce:
    if kind is OrderType.MARKET and row.type_filling == mt5_types.ORDER_FILLING_FOK:
        return TimeInForce.FOK
    if kind is OrderType.MARKET and row.type_filling == mt5_types.ORDER_FILLING_IOC:
        return TimeInForce.IOC
    if row.type_time == mt5_types.ORDER_TIME_DAY:
        return TimeInForce.DAY
    return TimeInForce.GTC if row.type_time == mt5_types.ORDER_TIME_GTC else TimeInForce.GTD
