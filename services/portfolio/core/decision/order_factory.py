"""Creation of orders and of positions' guards, with everything that the decision was based on.

Each is an event for the ledger; nothing is checked here.
"""

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
"""How long after its tick, by the venue's clock, an order of a live desk may still be taken by the venue."""


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
    """The event of an order of `volume` lots in `direction` (+1 or -1), to be traded at the decision's quote.

    Args:
        book: the account; it gives the next number.
        decision: what it was decided on.
        symbol: of the account's instruments.
        direction: +1 to buy, -1 to sell.
        volume: lots above 0.
        valid_until_ns: venue time after which it may not be taken any more; 0 for no such time.
        ahead: orders that the same decision has made before this one.
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


def decision_at(signal: Signal, book: Book, cursor: TickCursor, **said: Any) -> Decision:
    """What is decided on a signal's tick: its numbers, its quote, and `said`, further fields of `Decision`."""
    return Decision(
        ordinal=signal.ordinal,
        sequence=signal.sequence,
        time_ns=signal.time_ns,
        confidence=signal.confidence,
        bid=to_decimal(signal.bid),
        ask=to_decimal(signal.ask),
        rate=cost_rate(signal.symbol, book, cursor.marks),
        publisher=signal.publisher,
        **said,
    )


def protection_set(protection: Protection, why: str, signal: Signal) -> ProtectionSet:
    """The event that sets a position's guard from a signal's tick on."""
    return ProtectionSet(
        protection=protection,
        why=why,
        ordinal=signal.ordinal,
        time_ns=signal.time_ns,
        bid=to_decimal(signal.bid),
        ask=to_decimal(signal.ask),
    )
