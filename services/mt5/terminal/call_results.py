"""Results of the terminal's calls, with the gateway's error codes."""

from __future__ import annotations

from typing import Final

from proto.gateway import ErrorCode, OrderReplyStatus, PlaceOrder
from proto.trading.units import TEXT_CHARS_MAX
from services.mt5.core.ports import retcodes
from services.mt5.core.ports.book_records import BookOrder
from services.mt5.core.ports.order_request import VenueOrderRequest
from services.mt5.core.ports.retcodes import RetcodeOutcome
from services.mt5.core.ports.terminal import TradeResult
from services.mt5.terminal.terminal_snapshot import OrderSendOutcome
from services.mt5.terminal.trade_requests import LocalRejection

CODES: Final = {
    retcodes.REQUOTE: ErrorCode.REQUOTE,
    retcodes.INVALID_VOLUME: ErrorCode.INVALID_VOLUME,
    retcodes.INVALID_PRICE: ErrorCode.INVALID_PRICE,
    retcodes.INVALID_STOPS: ErrorCode.INVALID_STOPS,
    retcodes.TRADE_DISABLED: ErrorCode.TRADE_DISABLED,
    retcodes.MARKET_CLOSED: ErrorCode.MARKET_CLOSED,
    retcodes.NO_MONEY: ErrorCode.NO_MONEY,
    retcodes.PRICE_OFF: ErrorCode.NO_QUOTE,
    retcodes.INVALID_EXPIRATION: ErrorCode.INVALID_EXPIRATION,
    retcodes.NO_CHANGES: ErrorCode.NO_CHANGES,
    retcodes.FROZEN: ErrorCode.FROZEN,
    retcodes.INVALID_FILL: ErrorCode.INVALID_FILLING,
    retcodes.LIMIT_ORDERS: ErrorCode.LIMIT_REACHED,
    retcodes.LIMIT_VOLUME: ErrorCode.LIMIT_REACHED,
    retcodes.LIMIT_POSITIONS: ErrorCode.LIMIT_REACHED,
    retcodes.INVALID_ORDER: ErrorCode.INVALID_ORDER,
    retcodes.POSITION_CLOSED: ErrorCode.UNKNOWN_POSITION,
    retcodes.INVALID_CLOSE_VOLUME: ErrorCode.INVALID_VOLUME,
    retcodes.CLOSE_ORDER_EXIST: ErrorCode.CLOSE_ORDER_EXISTS,
    retcodes.CLOSE_ONLY: ErrorCode.CLOSE_ONLY,
}
"""Error codes of refusals by retcode; the error code of any other refusal is VENUE_REFUSED."""


def call_result(called: OrderSendOutcome) -> TradeResult | None:
    """The result of a call, with the error code of a refusal; None if the terminal gave no answer."""
    if called.withheld is not None:
        return TradeResult(retcodes.REJECT, 0, 0, called.withheld.code, called.withheld.message)
    result = called.result
    if result is None:
        return None
    if retcodes.outcome_of(result.retcode) is not RetcodeOutcome.NOT_DONE:
        return TradeResult(result.retcode, result.order, result.deal)
    code = CODES.get(result.retcode, ErrorCode.VENUE_REFUSED)
    return TradeResult(result.retcode, result.order, result.deal, code, f"{result.comment} ({result.retcode})")


def rejected_order(
    request: PlaceOrder, symbol: str, refusal: LocalRejection, *, time_ns: int, ordinal: int, deal_cursor: int
) -> BookOrder:
    """The record, without a ticket, of an order that the gateway or the broker refused.

    Args:
        request: the order.
        symbol: the broker's name.
        refusal: retcode, error code and text.
        time_ns: venue time of the refusal, UTC.
        ordinal: the tick at the refusal.
        deal_cursor: number of the newest deal.
    """
    asked = VenueOrderRequest.of(request, symbol=symbol)
    order = asked.to_venue_order(
        OrderReplyStatus.REJECTED,
        ticket=0,
        retcode=refusal.retcode,
        time_ns=time_ns,
        ordinal=ordinal,
        reason=refusal.message[:TEXT_CHARS_MAX],
    )
    return BookOrder(order=order, magic=asked.magic, error_code=refusal.code, deal_cursor=deal_cursor, quiet=False)
