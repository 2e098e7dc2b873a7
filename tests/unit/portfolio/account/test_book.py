"""The account as computed from its events."""

from __future__ import annotations

from decimal import Decimal

import pytest

from proto.trading.cost_basis import CostBasis
from proto.trading.enums import Side
from research.report import deals_of_run
from services.portfolio.core.account.book import closed_lots
from services.portfolio.core.account.events import DealBooked, OrderCreated, OrderUpdated
from services.portfolio.core.account.order_status import OrderStatus
from tests.support.builders import a_book, a_deal, a_deposit, an_opened_stream, an_order

D = Decimal


def booked(number: int, side: Side = Side.BUY, volume: str = "0.01", price: str = "1.1", order: int = 0) -> DealBooked:
    """Return the event of a deal; `order`, if given, is the number of the order that it fills."""
    order_id = an_order(order).order_id if order else ""
    return DealBooked(deal=a_deal(number, side, volume, price, order_id=order_id), order_id=order_id, closings=[])


def updated(number: int, status: OrderStatus) -> OrderUpdated:
    """Return the event of a status that the venue reported for an order."""
    return OrderUpdated(
        order_id=an_order(number).order_id, status=status, ticket=5, retcode=6, code="C", error="E", time_ns=77
    )


def test_an_order_is_open_from_its_creation_until_its_end() -> None:
    book = a_book(OrderCreated(order=an_order(1)))
    assert book.open_orders == {an_order(1).order_id: "EURUSD"}
    book.apply(updated(1, OrderStatus.IN_DOUBT))
    assert book.open_orders == {an_order(1).order_id: "EURUSD"}
    book.apply(updated(1, OrderStatus.REJECTED))
    assert book.open_orders == {}
    order = book.orders[an_order(1).order_id]
    assert (order.ticket, order.retcode, order.code, order.error, order.ended_ns) == (5, 6, "C", "E", 77)


def test_the_filled_price_of_an_order_is_the_average_of_its_deals() -> None:
    book = a_book(OrderCreated(order=an_order(1, volume="0.03")), booked(1, volume="0.01", price="1.1", order=1))
    order = book.orders[an_order(1).order_id]
    assert (order.status, order.filled_volume) == (OrderStatus.PARTIALLY_FILLED, D("0.01"))
    book.apply(booked(2, volume="0.02", price="1.4", order=1))
    order = book.orders[an_order(1).order_id]
    assert (order.status, order.filled_volume, order.filled_price) == (OrderStatus.FILLED, D("0.03"), D("1.3"))
    assert book.open_orders == {}


def test_a_late_deal_is_booked_and_its_order_stays_ended() -> None:
    book = a_book(OrderCreated(order=an_order(1, volume="0.03")), updated(1, OrderStatus.CANCELED))
    book.apply(booked(1, volume="0.01", order=1))
    assert book.orders[an_order(1).order_id].status is OrderStatus.CANCELED
    assert book.orders[an_order(1).order_id].filled_volume == D("0.01")
    assert book.open_orders == {}
    assert book.position("EURUSD").net_volume == D("0.01")
    book.apply(booked(2, volume="0.02", order=1))
    assert book.orders[an_order(1).order_id].status is OrderStatus.FILLED


def test_a_deposit_changes_the_balance_and_no_position() -> None:
    book = a_book(DealBooked(deal=a_deposit(1, "500.25"), order_id="", closings=[]))
    assert book.balance == D("500.25")
    assert book.realized_pnl == 0
    assert (book.position_changes, book.deal_cursor) == (0, 1)
    assert book.positions == {}


def test_profit_commission_and_swap_add_up_to_the_balance() -> None:
    deal = a_deal(1, profit=D("10.50"), commission=D("-0.70"), swap=D("-0.05"))
    book = a_book(DealBooked(deal=deal, order_id="", closings=[]))
    assert (book.realized_pnl, book.commission, book.swap) == (D("10.50"), D("-0.70"), D("-0.05"))
    assert book.balance == D("9.75")


def test_a_foreign_deal_also_changes_the_position() -> None:
    assert a_book(booked(1)).position("EURUSD").net_volume == D("0.01")


def test_a_deal_cannot_be_booked_twice() -> None:
    with pytest.raises(AssertionError):
        a_book(booked(1), booked(1))


@pytest.mark.parametrize("status", [OrderStatus.ACCEPTED, OrderStatus.PENDING])
def test_a_status_change_that_the_table_forbids_is_refused(status: OrderStatus) -> None:
    with pytest.raises(AssertionError):
        a_book(OrderCreated(order=an_order(1)), updated(1, OrderStatus.REJECTED), updated(1, status))


def test_the_lots_that_a_deal_would_close_are_computed_without_a_change_of_the_book() -> None:
    book = a_book(booked(1, volume="0.02", price="1.1"), booked(2, volume="0.02", price="1.2"))
    closings = closed_lots(book, a_deal(3, Side.SELL, "0.03", "1.3"))
    assert [(closing.opened_by, closing.volume) for closing in closings] == [("1", D("0.02")), ("2", D("0.01"))]
    assert book.position("EURUSD").net_volume == D("0.04")
    assert closed_lots(book, a_deposit(3)) == []


def test_orders_and_deals_remain_when_a_new_stream_is_opened() -> None:
    book = a_book(booked(1))
    book.apply(an_opened_stream(stream_id="another", orders_before=0, deals_before=1))
    assert book.ended is None
    assert book.position("EURUSD").net_volume == D("0.01")


def test_a_late_deal_from_before_the_stream_is_not_counted_as_a_trade_of_the_stream() -> None:
    """The number of a deal decides whether it counts, as in the report of a run."""
    book = a_book(booked(2))
    book.apply(an_opened_stream(stream_id="another", orders_before=0, deals_before=2))
    book.apply(booked(1))
    book.apply(booked(3))
    assert (book.position_changes, book.changes_before_stream) == (3, 2)
    assert [deal.deal for deal in deals_of_run(book)] == [3]


@pytest.mark.parametrize("order", [(1, 2, 3), (1, 3, 2), (3, 2, 1)])
def test_the_cost_of_a_position_does_not_depend_on_the_order_of_its_deals(order: tuple[int, ...]) -> None:
    """Two lots bought at 1.1, two sold at 1.2, one bought at 1.3: the position is one lot at the last price."""
    deals = {
        1: booked(1, Side.BUY, "0.02", "1.1"),
        2: booked(2, Side.SELL, "0.02", "1.2"),
        3: booked(3, Side.BUY, "0.01", "1.3"),
    }
    book = a_book(*(deals[number] for number in order))
    [leg] = book.position("EURUSD").legs
    assert leg.holding == CostBasis(volume=D("0.01"), cost=D("0.013"))
