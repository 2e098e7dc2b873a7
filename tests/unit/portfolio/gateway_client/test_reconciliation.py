"""Comparison of the ledger with the simulated venue: no difference after trades, and each kind of difference."""

from __future__ import annotations

import copy
from collections.abc import Callable
from decimal import Decimal

import pytest
from msgspec import structs

from proto.control import Difference, ModifyCommand
from proto.gateway import Buy, OrderReply
from proto.trading.enums import OrderType, Side
from services.mt5.core.gateway.tick_publisher import Pace
from services.mt5.core.simulated.venue import SimulatedVenue
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.order_status import OrderStatus
from services.portfolio.core.account.position import Position
from services.portfolio.core.gateway_client.reconciliation import DIFFERENCES_MAX, find_differences
from services.portfolio.core.plan.plan import Entry, Plan
from tests.support.builders import a_deal, a_gateway, a_signal, a_stream, an_order
from tests.support.desk_harness import DeskHarness, a_live_desk

D = Decimal


def a_desk_after_trades(trades: int = 3) -> DeskHarness:
    """A desk that has bought and sold in turn, at changing quotes; an odd number of trades leaves a long position."""
    quotes = [(1.1 + n / 1_000, 1.1001 + n / 1_000) for n in range(trades + 1)]
    driven = DeskHarness(a_gateway(a_stream(*quotes), pace=Pace(trades + 1)))
    driven.run_up()
    driven.gateway.on_timer(driven.now)
    for ordinal in range(1, trades + 1):
        bid, ask = quotes[ordinal - 1]
        driven.answer_all(driven.deliver(a_signal(ordinal, 1 if ordinal % 2 else -1, bid=bid, ask=ask)))
    assert len(driven.state.account.book.orders) == trades
    return driven


def differences(driven: DeskHarness, book: Book | None = None) -> list[Difference]:
    """Compare `book`, by default the desk's own, with the desk's gateway."""
    comparison = find_differences(book or driven.state.account.book)
    try:
        request = next(comparison)
        while True:
            request = comparison.send(driven.gateway.handle(request, driven.now)[0])
    except StopIteration as done:
        found: list[Difference] = done.value
        return found


def test_after_trades_there_is_no_difference() -> None:
    for trades in (0, 1, 2, 5):
        assert differences(a_desk_after_trades(trades)) == []


def test_a_modified_resting_order_is_no_difference() -> None:
    """The order is modified twice, and a third modification is refused."""
    driven = a_live_desk(plan=Plan(entry=Entry(type=OrderType.LIMIT, offset_points=5_000, lifetime_s=600)))
    driven.answer_all(driven.deliver(a_signal(1, 1)))
    [order_id] = driven.state.account.book.open_orders
    placed = driven.state.account.book.orders[order_id].terms
    assert differences(driven) == []
    for number, (price, error) in enumerate([("1.04", ""), ("1.06", ""), ("7", "INVALID_PRICE")], 1):
        is_refused = bool(error)
        command = ModifyCommand(
            key=f"key-{number}",
            reason="a test",
            symbol="EURUSD",
            order_id=order_id,
            position=0,
            price=None if is_refused else D(price),
            stop_loss=D("1.03") if not is_refused else D("1.0599"),
            take_profit=D("1.2"),
            expires_ns=placed.expires_ns + number * 1_000_000_000,
        )
        driven.command(command)
        driven.answer_all(driven.pause())
        driven.answer_all(driven.wait(2_000))
        order = driven.state.account.book.orders[order_id]
        assert order.revision == order.revision_answered
        assert differences(driven) == []
    assert order.limit_price != order.terms.limit_price == D("1.06")


def test_all_pages_of_orders_and_deals_are_compared() -> None:
    driven = a_desk_after_trades(205)
    assert differences(driven) == []
    first = next(iter(driven.state.account.book.orders.values()))
    driven.state.account.book.orders[first.order_id] = structs.replace(first, volume=D("0.02"))
    assert [found.kind for found in differences(driven)] == ["volume"]


def _change_balance(book: Book) -> None:
    book.balance += D("0.01")


def _remove_last_deal(book: Book) -> None:
    book.deals.pop()


def _add_unknown_deal(book: Book) -> None:
    book.deals.append(a_deal(99))


def _change_deal_price(book: Book) -> None:
    book.deals[-1] = structs.replace(book.deals[-1], price=D("1.5"))


def _remove_last_order(book: Book) -> None:
    book.orders.popitem()


def _add_filled_order(book: Book) -> None:
    order = an_order(99, status=OrderStatus.FILLED, filled_volume=D("0.01"), filled_price=D("1.1"))
    book.orders[order.order_id] = order


def _add_pending_order(book: Book) -> None:
    order = an_order(99)
    book.orders[order.order_id] = order


def _change_order_side(book: Book) -> None:
    order = next(iter(book.orders.values()))
    book.orders[order.order_id] = structs.replace(order, side=order.side.opposite)


def _change_order_status(book: Book) -> None:
    order = next(iter(book.orders.values()))
    book.orders[order.order_id] = structs.replace(order, status=OrderStatus.IN_DOUBT)


def _change_order_price(book: Book) -> None:
    order = next(iter(book.orders.values()))
    book.orders[order.order_id] = structs.replace(order, filled_price=D("1.5"))


def _remove_positions(book: Book) -> None:
    book.positions.clear()


def _reverse_position(book: Book) -> None:
    turned = Position("EURUSD", D(100_000))
    turned.apply(side=Side.SELL, volume=D("0.01"), price=D("1.1021"), deal="4", time_ns=1)
    book.positions["EURUSD"] = turned


def _add_position(book: Book) -> None:
    position = Position("GBPUSD", D(100_000))
    position.apply(side=Side.SELL, volume=D("0.5"), price=D("1.2"), deal="9", time_ns=1)
    book.positions["GBPUSD"] = position


@pytest.mark.parametrize(
    ("alter", "kind", "subject", "ledger", "venue"),
    [
        (_change_balance, "cash", "account paper-USD", "10000.91", "10000.9"),
        (_remove_last_deal, "missing_deal", "deal 4", "none", "BUY 0.01 EURUSD at 1.1021, profit 0"),
        (_add_unknown_deal, "unknown_deal", "deal 99", "BUY 0.01 EURUSD at 1.1, profit 0", "none"),
        (
            _change_deal_price,
            "price",
            "deal 4",
            "BUY 0.01 EURUSD at 1.5, profit 0",
            "BUY 0.01 EURUSD at 1.1021, profit 0",
        ),
        (
            _remove_last_order,
            "unknown_order",
            "ticket 3 (01234567-000003)",
            "none",
            "FILLED BUY 0.01 of 0.01 EURUSD at 1.1021",
        ),
        (_add_filled_order, "missing_order", "order 01234567-000099", "FILLED BUY 0.01 EURUSD", "none"),
        (_add_pending_order, "missing_order", "order 01234567-000099", "PENDING BUY 0.01 EURUSD", "none"),
        (
            _change_order_side,
            "volume",
            "order 01234567-000001",
            "FILLED SELL 0.01 of 0.01 EURUSD at 1.1001",
            "FILLED BUY 0.01 of 0.01 EURUSD at 1.1001",
        ),
        (
            _change_order_status,
            "status",
            "order 01234567-000001",
            "IN_DOUBT BUY 0.01 of 0.01 EURUSD at 1.1001",
            "FILLED BUY 0.01 of 0.01 EURUSD at 1.1001",
        ),
        (
            _change_order_price,
            "price",
            "order 01234567-000001",
            "FILLED BUY 0.01 of 0.01 EURUSD at 1.5",
            "FILLED BUY 0.01 of 0.01 EURUSD at 1.1001",
        ),
        (_remove_positions, "position", "EURUSD", "0", "0.01"),
        (_reverse_position, "position", "EURUSD", "-0.01", "0.01"),
        (_add_position, "position", "GBPUSD", "-0.5", "0"),
    ],
)
def test_each_kind_of_difference_is_reported_with_both_values(
    alter: Callable[[Book], None], kind: str, subject: str, ledger: str, venue: str
) -> None:
    driven = a_desk_after_trades(3)
    alter(driven.state.account.book)
    [found] = differences(driven)
    assert (found.kind, found.subject, found.ledger, found.venue) == (kind, subject, ledger, venue)
    assert found.remedy


def test_rejected_orders_without_a_ticket_and_expired_orders_are_no_difference_if_the_venue_lacks_them() -> None:
    driven = a_desk_after_trades(1)
    for number, status in enumerate((OrderStatus.REJECTED, OrderStatus.EXPIRED, OrderStatus.PRESUMED_EXPIRED), 50):
        order = an_order(number, status=status)
        driven.state.account.book.orders[order.order_id] = order
    assert differences(driven) == []
    order = an_order(60, status=OrderStatus.REJECTED, ticket=4)
    driven.state.account.book.orders[order.order_id] = order
    assert [found.kind for found in differences(driven)] == ["missing_order"]


def test_a_refused_foreign_order_is_no_difference_and_a_filled_one_is() -> None:
    driven = a_desk_after_trades(1)
    ordinal = driven.state.stream.cursor.ordinal
    for order_id, volume in (("stranger-1", D(1_000_000)), ("stranger-2", D("0.01"))):
        order = Buy(order_id=order_id, symbol="EURUSD", volume=volume, ordinal=ordinal)
        [reply] = driven.gateway.handle(order, driven.now)
        assert isinstance(reply, OrderReply)
        kinds = [found.kind for found in differences(driven)]
        assert (reply.status, kinds) in (
            ("REJECTED", []),
            ("FILLED", ["missing_deal", "unknown_order", "position"]),
        )
    assert reply.status == "FILLED"


def test_a_trade_missing_in_the_ledger_is_reported_as_four_differences() -> None:
    driven = a_desk_after_trades(1)
    before = copy.deepcopy(driven.state.account.book)
    driven.answer_all(driven.deliver(a_signal(2, -1, bid=1.101, ask=1.1011)))
    found = differences(driven, before)
    assert [one.kind for one in found] == ["cash", "missing_deal", "unknown_order", "position"]
    assert found[1].remedy == "it would be booked"


def test_a_comparison_lists_at_most_the_maximum_of_differences() -> None:
    driven = a_desk_after_trades(205)
    assert len(differences(driven, Book())) == DIFFERENCES_MAX


def test_a_comparison_changes_nothing() -> None:
    driven = a_desk_after_trades(3)
    venue = driven.gateway.venue
    assert isinstance(venue, SimulatedVenue)
    before = venue.state_hash(), copy.deepcopy(driven.state.account.book.orders)
    differences(driven)
    assert (venue.state_hash(), driven.state.account.book.orders) == before


def test_a_difference_at_the_start_fails_the_desk_and_is_reported_with_both_values() -> None:
    driven = a_desk_after_trades(3)
    driven.state.account.book.balance += 5
    again = DeskHarness(driven.gateway, book=driven.state.account.book, persisted=driven.state.stream.persisted)
    again.answer_all(again.start())
    assert again.state.stream.waiting_for == (
        "1 differences from the venue, the first: cash account paper-USD: ledger 10005.9, venue 10000.9"
    )
    assert again.pause() == []
