"""A ledger read anew is the book that wrote it, whatever happened, and its chain folds to the same."""

from __future__ import annotations

import tempfile
from decimal import Decimal
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from proto.gateway import TickCounts
from proto.units import Side
from services.portfolio.core.book import Book, closings_of
from services.portfolio.core.cursor import Mark, TickCursor
from services.portfolio.core.events import (
    DealBooked,
    Event,
    OrderCreated,
    OrderDenied,
    OrderUpdated,
    Reconciled,
    StreamEnded,
)
from services.portfolio.core.lifecycle import OrderStatus, after_fill, may_become
from services.portfolio.core.orders import Order
from services.portfolio.ledger import FILE_NAME, Ledger, read, verify
from tests.support.accounts import same, state_of
from tests.support.builders import a_deal, a_deposit, an_opened_stream, an_order, learned

SYMBOLS = ("EURUSD", "USDJPY")
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["create", "deal", "deal", "update", "deposit", "stranger", "deny", "reconcile", "end"]),
        st.sampled_from(SYMBOLS),
        st.sampled_from(Side),
        st.integers(1, 300),
        st.integers(90_000, 120_000),
        st.sampled_from(OrderStatus),
        st.booleans(),
    ),
    max_size=25,
)
Step = tuple[str, str, Side, int, int, OrderStatus, bool]


def event_of(step: Step, book: Book) -> Event | None:
    """What the step comes to in this book; None when the book could not have it."""
    what, symbol, side, lots, points, status, _ = step
    volume, price = str(Decimal(lots) / 100), str(Decimal(points) / 100_000)
    number = book.deal_cursor + 1
    if what == "create":
        order = an_order(len(book.orders) + 1, side, volume, symbol=symbol)
        return None if symbol in book.open_orders.values() else OrderCreated(order=order)
    if what == "deposit":
        return DealBooked(deal=a_deposit(number, f"{points}.25"), order_id="", closings=[])
    if what == "deny":
        return OrderDenied(
            symbol=symbol, direction=side.sign, ordinal=1, time_ns=1, code="X", limit=volume, observed=price
        )
    if what == "reconcile":
        return Reconciled(ordinal=number, at_end=False, balance=book.balance, differences=[])
    if what == "end":
        counts = TickCounts(read=3, published=2, rejected={"crossed": 1})
        return StreamEnded(stream_id="s", ordinal=number, time_ns=number, counts=counts)
    deal = a_deal(number, side, volume, price, symbol=symbol, profit=Decimal(points) / 100, swap=Decimal("-0.01"))
    if what == "stranger":
        return DealBooked(deal=deal, order_id="", closings=closings_of(book, deal))
    order_of = _any_order(book, lots)
    if order_of is None:
        return None
    if what == "update":
        return _update(order_of, status) if may_become(order_of.status, status) else None
    return _deal_of(order_of, book, number, lots, price)


def _any_order(book: Book, choice: int) -> Order | None:
    orders = list(book.orders.values())
    return orders[choice % len(orders)] if orders else None


def _update(order: Order, status: OrderStatus) -> OrderUpdated:
    return OrderUpdated(
        order_id=order.order_id, status=status, ticket=3, retcode=None, code="", error="words", time_ns=9
    )


def _deal_of(order: Order, book: Book, number: int, lots: int, price: str) -> DealBooked | None:
    left = order.volume - order.filled_volume
    volume = min(left, Decimal(lots) / 100)
    if not left or after_fill(order.status, is_whole=volume == left) is None:
        return None
    deal = a_deal(number, order.side, str(volume), price, symbol=order.symbol, order_id=order.order_id)
    return DealBooked(deal=deal, order_id=order.order_id, closings=closings_of(book, deal))


@settings(max_examples=40)
@given(STEPS)
def test_a_restart_changes_nothing(steps: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / FILE_NAME
        ledger = Ledger(path)
        book = Book()
        pending: list[Event] = [an_opened_stream(), *map(learned, SYMBOLS)]
        for opening in pending:
            book.apply(opening)
        cursor = TickCursor(stream_id="s", ordinal=0)
        for step in steps:
            event = event_of(step, book)
            if event is not None:
                book.apply(event)
                pending.append(event)
            cursor.ordinal += 1
            cursor.marks[step[1]] = Mark(1.1, 1.2, cursor.ordinal)
            is_last_of_a_turn = step[6]
            if is_last_of_a_turn:
                ledger.commit(pending, book, cursor)
                pending = []
        ledger.commit(pending, book, cursor)
        restarted, kept_cursor = read(path)
        assert state_of(restarted) == state_of(book)
        assert kept_cursor == cursor
        assert verify(path) == []
        ledger.close()
        again = Ledger(path)
        assert same(again.load()[0], book)
        again.close()
