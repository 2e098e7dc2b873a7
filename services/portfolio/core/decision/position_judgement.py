"""Applies the position rule to the account: a signal passes or is blocked by the symbol's position and open orders."""

from __future__ import annotations

from services.portfolio.core.account.book import Book
from services.portfolio.core.account.order_status import OrderStatus
from services.portfolio.core.account.orders import Cause, Order
from services.portfolio.core.account.position import Position
from services.portfolio.core.decision.position_rule import PositionRuleResult, SignalVerdict, check_position_rule


def judge_position(
    direction: int, position: Position, book: Book, *, legs_max: int, is_unproven: bool
) -> PositionRuleResult:
    """Return the verdict on a signal and its reason.

    Args:
        direction: +1 or -1.
        position: the desk's own position in the signal's symbol.
        book: the account, with the open orders.
        legs_max: highest number of entries in one direction.
        is_unproven: whether an order of the symbol was presumed to have expired and no reconciliation has completed
            since.
    """
    symbol, closes = position.symbol, position.has_leg_against(direction)
    judgement = check_position_rule(
        direction,
        position,
        _blocking_order(book, symbol, closes=closes),
        entries=0 if closes else _entries(book, position, direction),  # a close does not depend on them
        legs_max=legs_max,
    )
    if judgement.verdict is SignalVerdict.PASS and is_unproven:
        reason = (
            f"[RISK] BLOCKED: an order of {symbol} was presumed to have expired, ledger and venue are compared first"
        )
        return PositionRuleResult(SignalVerdict.UNPROVEN, reason)
    return judgement


def entries_against(symbol: str, direction: int, book: Book) -> list[Order]:
    """Return the resting entries that a signal cancels: those that signals of the opposite direction have made."""
    return [
        order
        for order in book.open_orders_of(symbol)
        if order.can_rest
        and order.decision.cause is Cause.SIGNAL
        and order.side.sign == -direction
        and not order.cancel_asked
    ]


def _blocking_order(book: Book, symbol: str, *, closes: bool) -> str | None:
    """The id of the symbol's first open order that blocks the signal; a resting order without fills blocks no close."""
    for order_id, of in book.open_orders.items():
        if of == symbol and not (closes and _rests_unfilled(book.orders[order_id])):
            return order_id
    return None


def _entries(book: Book, position: Position, direction: int) -> int:
    """Number of entries: on a hedging account the legs in `direction`, else the orders that opened the open lots."""
    if book.is_hedging:
        return sum(leg.direction == direction for leg in position.legs)
    return len({book.order_of_deal.get(int(lot.opened_by), lot.opened_by) for lot in position.lots})


def _rests_unfilled(order: Order) -> bool:
    return order.can_rest and order.status is OrderStatus.ACCEPTED
