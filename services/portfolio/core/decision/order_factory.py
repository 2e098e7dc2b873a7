"""Builds the events that create orders and set protections. The callers check the risk rules."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from proto.messages import Signal
from proto.trading.enums import side_of
from proto.trading.units import to_decimal
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import OrderCreated, ProtectionSet
from services.portfolio.core.account.order_status import OrderStatus
from services.portfolio.core.account.orders import Decision, Order
from services.portfolio.core.account.protection import Protection
from services.portfolio.core.account.tick_cursor import TickCursor
from services.portfolio.core.accounting.valuation import cost_rate

ORDER_VALIDITY_NS: Final = 5_000_000_000
"""Validity of a live desk's order, in nanoseconds of venue time after the signal's tick or a person's command."""


def order_created(
    book: Book,
    decision: Decision,
    *,
    symbol: str,
    direction: int,
    volume: Decimal,
    valid_until_ns: int,
    ahead: int = 0,
    **terms: Any,
) -> OrderCreated:
    """Return the event that creates an order, priced at the decision's quote.

    Args:
        book: the account, which determines the number of the order.
        decision: the inputs of the decision.
        symbol: one of the account's instruments.
        direction: +1 to buy, -1 to sell.
        volume: lots above 0.
        valid_until_ns: venue time after which the venue must not accept the order; 0 for no limit.
        ahead: number of orders that the same decision made before this one.
        terms: further fields of `Order`.
    """
    assert book.stream is not None
    number = len(book.orders) + 1 + ahead
    order = Order(
        order_id=f"{book.stream.incarnation}-{number:06d}",
        number=number,
        symbol=symbol,
        side=side_of(direction),
        volume=volume,
        price=decision.ask if direction > 0 else decision.bid,
        status=OrderStatus.PENDING,
        created_ns=decision.time_ns,
        valid_until_ns=valid_until_ns,
        decision=decision,
        **terms,
    )
    return OrderCreated(order=order)


def decision_at(signal: Signal, book: Book, cursor: TickCursor, **fields: Any) -> Decision:
    """Return the record of a decision at a signal's tick, with the tick's numbers, time and quote.

    Args:
        signal: the strategy's signal for the decision's tick; an exit does not depend on its direction.
        book: the account.
        cursor: the marks, for the conversion of costs.
        fields: further fields of `Decision`.
    """
    return Decision(
        ordinal=signal.ordinal,
        sequence=signal.sequence,
        time_ns=signal.time_ns,
        confidence=signal.confidence,
        bid=to_decimal(signal.bid),
        ask=to_decimal(signal.ask),
        rate=cost_rate(signal.symbol, book, cursor.marks),
        publisher=signal.publisher,
        **fields,
    )


def protection_set(protection: Protection, why: str, signal: Signal) -> ProtectionSet:
    """Return the event that sets a position's protection at a signal's tick, with the tick's time and quote."""
    return ProtectionSet(
        protection=protection,
        why=why,
        ordinal=signal.ordinal,
        time_ns=signal.time_ns,
        bid=to_decimal(signal.bid),
        ask=to_decimal(signal.ask),
    )
