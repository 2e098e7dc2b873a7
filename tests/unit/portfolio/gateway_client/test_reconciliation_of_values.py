"""Comparison of the ledger with a scripted venue: tickets, terms of orders, partial fills, equity and margin."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from msgspec import structs

from proto.control import DeskState, Difference
from proto.gateway import (
    AccountReply,
    DealEntry,
    DealReason,
    DealsReply,
    GetAccount,
    GetDeals,
    GetOrders,
    OrderReplyStatus,
    OrdersReply,
    PositionsReply,
    Request,
    VenueDeal,
    VenueOrder,
    VenuePosition,
)
from proto.trading.enums import AccountMode, OrderType, Side, TimeInForce
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import DealBooked, OrderCreated, OrderUpdated
from services.portfolio.core.account.order_status import OrderStatus
from services.portfolio.core.account.orders import Order, OrderTerms
from services.portfolio.core.account.tick_cursor import Mark, TickCursor
from services.portfolio.core.gateway_client.reconciliation import find_differences
from tests.support.builders import START_NS, a_book, a_deal, a_deposit, a_gateway, a_stream, an_opened_stream, an_order
from tests.support.desk_harness import DeskHarness

D = Decimal
IDENTITY: dict[str, Any] = {"status": "OK", "mode": "simulated", "venue": "v", "account": "a", "boot_id": "b"}
CURSOR = TickCursor(ordinal=5, sequences={"EURUSD": 5}, marks={"EURUSD": Mark(1.1, 1.1002, 1)})


class Venue:
    """A venue that answers with the given deals, orders, positions and fields of the account."""

    def __init__(self, deals: list[VenueDeal], **account: Any) -> None:
        self.deals = deals
        self.orders: list[VenueOrder] = []
        self.positions: list[VenuePosition] = []
        self.account = account

    def answer(self, request: Request) -> Any:
        match request:
            case GetAccount():
                fields = {
                    "currency": "USD",
                    "currency_digits": 2,
                    "balance": sum((deal.cash for deal in self.deals), D(0)),
                    "equity": None,
                    "deal_cursor": len(self.deals),
                    "ordinal": 5,
                }
                return AccountReply(**{**IDENTITY, **fields, **self.account})
            case GetDeals():
                return DealsReply(**IDENTITY, deals=self.deals, next=None)
            case GetOrders():
                return OrdersReply(**IDENTITY, orders=self.orders, next=None)
            case _:
                return PositionsReply(**IDENTITY, positions=self.positions, next=None)


def compare(book: Book, venue: Venue, cursor: TickCursor | None = None) -> list[Difference]:
    """Compare ledger and venue; return the differences."""
    comparison = find_differences(book, cursor)
    request = next(comparison)
    try:
        while True:
            request = comparison.send(venue.answer(request))
    except StopIteration as done:
        found: list[Difference] = done.value
        return found


def an_account(mode: AccountMode, *deals: VenueDeal, **account: Any) -> tuple[Book, Venue]:
    """Ledger and venue with the same deals, of which the first is a deposit of 10,000 USD."""
    book, booked = a_book(account_mode=mode), [a_deposit(1), *deals]
    for deal in booked:
        book.apply(DealBooked(deal=deal, order_id=deal.order_id, closings=[]))
    return book, Venue(booked, **account)


def a_position(ticket: int, side: Side, volume: str, **changed: Any) -> VenuePosition:
    """A row of GET_POSITIONS."""
    fields: dict[str, Any] = {
        "ticket": ticket,
        "symbol": "EURUSD",
        "side": side,
        "volume": D(volume),
        "price_open": D("1.09"),
        "profit": None,
        "time_ns": START_NS,
    }
    return VenuePosition(**{**fields, **changed})


def a_hedge(**account: Any) -> tuple[Book, Venue]:
    """Ticket 7 long 0.3 lots and ticket 8 short 0.2 lots, in the ledger and at the venue."""
    book, venue = an_account(
        AccountMode.HEDGING,
        a_deal(2, Side.BUY, "0.3", "1.09", position=7),
        a_deal(3, Side.SELL, "0.2", "1.09", position=8),
        **account,
    )
    venue.positions = [a_position(7, Side.BUY, "0.3"), a_position(8, Side.SELL, "0.2")]
    return book, venue


def rows_of(found: list[Difference]) -> list[tuple[str, str, str, str]]:
    """Kind, subject and both values of each difference."""
    return [(one.kind, one.subject, one.ledger, one.venue) for one in found]


def test_equal_tickets_of_a_hedging_account_are_no_difference() -> None:
    book, venue = a_hedge()
    assert compare(book, venue) == []


def test_differing_tickets_are_reported_although_the_net_position_agrees() -> None:
    book, venue = a_hedge()
    venue.positions = [a_position(7, Side.BUY, "0.2"), a_position(9, Side.SELL, "0.1")]
    assert rows_of(compare(book, venue)) == [
        ("position", "EURUSD ticket 7", "0.3", "0.2"),
        ("position", "EURUSD ticket 9", "0", "-0.1"),
        ("position", "EURUSD ticket 8", "-0.2", "0"),
    ]


def test_on_a_netting_account_tickets_are_not_compared() -> None:
    book, venue = an_account(AccountMode.NETTING, a_deal(2, Side.BUY, "0.3", "1.09", position=7))
    venue.positions = [a_position(11, Side.BUY, "0.3")]
    assert compare(book, venue) == []


# Equity: 10,000 + long (1.1000 - 1.0900) * 30,000 = 300 + short (1.0900 - 1.1002) * 20,000 = -204. Margin of the larger
# side: 0.3 lots of 100,000 EUR at the ask are 33,006 USD, divided by a leverage of 100.
EQUITY_AND_MARGIN = {"equity": D("10096.00"), "margin": D("330.06"), "leverage": 100}


def test_equity_and_margin_that_agree_are_no_difference() -> None:
    assert compare(*a_hedge(**EQUITY_AND_MARGIN), CURSOR) == []


def test_swap_not_yet_booked_by_the_venue_is_part_of_the_equity() -> None:
    book, venue = a_hedge(**{**EQUITY_AND_MARGIN, "equity": D("10094.75")})
    assert rows_of(compare(book, venue, CURSOR)) == [("equity", "account a", "10096", "10094.75")]
    venue.positions[0] = structs.replace(venue.positions[0], swap=D("-1.25"))
    assert compare(book, venue, CURSOR) == []


@pytest.mark.parametrize(
    ("changed", "difference"),
    [
        ({"equity": D("10096.01")}, ("equity", "account a", "10096", "10096.01")),
        ({"margin": D("330.05")}, ("margin", "account a", "330.06", "330.05")),
        ({"leverage": 200}, ("margin", "account a", "165.03", "330.06")),
    ],
)
def test_equity_or_margin_that_differs_is_reported(
    changed: dict[str, Any], difference: tuple[str, str, str, str]
) -> None:
    assert rows_of(compare(*a_hedge(**{**EQUITY_AND_MARGIN, **changed}), CURSOR)) == [difference]


@pytest.mark.parametrize(
    "cursor",
    [None, TickCursor(ordinal=4, sequences=CURSOR.sequences, marks=CURSOR.marks), TickCursor(ordinal=5)],
    ids=["live", "another tick", "not marked in this stream"],
)
def test_equity_and_margin_are_compared_only_at_the_same_tick(cursor: TickCursor | None) -> None:
    assert compare(*a_hedge(**{**EQUITY_AND_MARGIN, "equity": D(1), "margin": D(2)}), cursor) == []


def test_equity_is_not_compared_if_the_books_already_differ() -> None:
    book, venue = a_hedge(**{**EQUITY_AND_MARGIN, "equity": D(1)})
    venue.positions.pop()
    assert [one.kind for one in compare(book, venue, CURSOR)] == ["position"]


def a_pair(order: Order, **changed: Any) -> tuple[Book, Venue]:
    """The same order in the ledger and at the venue."""
    book, venue = an_account(AccountMode.HEDGING)
    book.apply(OrderCreated(order=order))
    fields: dict[str, Any] = {
        "ticket": 3,
        "order_id": order.order_id,
        "symbol": order.symbol,
        "side": order.side,
        "volume": order.volume,
        "filled_volume": order.filled_volume,
        "filled_price": order.filled_price,
        "status": OrderReplyStatus.ACCEPTED,
        "retcode": 10008,
        "reason": "",
        "deal": 0,
        "time_ns": START_NS,
        "ordinal": 1,
        "type": order.type,
        "time_in_force": TimeInForce.GTC,
        "price": order.limit_price,
        "stop_loss": order.stop_loss,
        "take_profit": order.take_profit,
    }
    venue.orders = [VenueOrder(**{**fields, **changed})]
    return book, venue


RESTING = an_order(
    1,
    status=OrderStatus.ACCEPTED,
    type=OrderType.LIMIT,
    limit_price=D("1.08"),
    stop_loss=D("1.07"),
    take_profit=D("1.10"),
)


def test_a_resting_order_with_the_terms_of_the_ledger_is_no_difference() -> None:
    assert compare(*a_pair(RESTING)) == []


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        ({"type": OrderType.STOP}, "type"),
        ({"position": 9}, "ticket"),
        ({"price": D("1.081")}, "terms"),
        ({"stop_loss": None}, "terms"),
        ({"take_profit": D("1.2")}, "terms"),
        ({"status": OrderReplyStatus.CANCELED}, "status"),
        ({"volume": D("0.02")}, "volume"),
    ],
)
def test_each_differing_term_is_reported_with_its_kind(changed: dict[str, Any], kind: str) -> None:
    [found] = compare(*a_pair(RESTING, **changed))
    assert found.kind == kind
    assert found.ledger == "ACCEPTED BUY 0 of 0.01 EURUSD, LIMIT 1.08, stops 1.07 and 1.1"


def test_prices_are_not_compared_while_a_modification_is_in_flight() -> None:
    changing = structs.replace(RESTING, limit_price=D("1.085"), revision=2, revision_answered=1)
    assert compare(*a_pair(changing, price=D("1.08"), revision=1)) == []
    answered = structs.replace(changing, revision_answered=2)
    [found] = compare(*a_pair(answered, price=D("1.08"), revision=2))
    assert found.kind == "terms"


MODIFIED = structs.replace(
    RESTING,
    change=OrderTerms(limit_price=D("1.085"), stop_loss=None, take_profit=D("1.11"), expires_ns=0),
    revision=1,
    revision_answered=1,
)
AT_VENUE = {"price": D("1.085"), "stop_loss": None, "take_profit": D("1.11"), "revision": 1}
"""Terms of the order MODIFIED in the venue's record."""


def test_a_modified_order_has_the_terms_of_its_last_modification() -> None:
    assert compare(*a_pair(MODIFIED, **AT_VENUE)) == []


@pytest.mark.parametrize(
    "changed", [{"price": D("1.08")}, {"stop_loss": D("1.07")}, {"take_profit": D("1.10")}, {"take_profit": None}]
)
def test_original_terms_at_the_venue_after_a_modification_are_a_difference(changed: dict[str, Any]) -> None:
    [found] = compare(*a_pair(MODIFIED, **{**AT_VENUE, **changed}))
    assert found.kind == "terms"
    assert found.ledger == "ACCEPTED BUY 0 of 0.01 EURUSD, LIMIT 1.085, stops none and 1.11"
    assert found.venue != found.ledger


def test_a_modified_and_partially_filled_order_is_no_difference() -> None:
    """After a partial fill the venue still reports the order's original volume."""
    order = structs.replace(MODIFIED, volume=D("0.3"))
    book, venue = a_pair(
        order,
        **AT_VENUE,
        filled_volume=D("0.1"),
        filled_price=D("1.085"),
        status=OrderReplyStatus.PARTIALLY_FILLED,
    )
    deal = a_deal(2, Side.BUY, "0.1", "1.085", order_id=order.order_id, position=7)
    book.apply(DealBooked(deal=deal, order_id=order.order_id, closings=[]))
    venue.deals.append(deal)
    venue.positions = [a_position(7, Side.BUY, "0.1", take_profit=D("1.11"))]
    assert compare(book, venue) == []


@pytest.mark.parametrize("is_modified", [False, True], ids=["placed", "modified"])
@pytest.mark.parametrize(("late_ns", "kinds"), [(0, []), (999_999_999, []), (1_000_000_000, ["terms"])])
def test_an_expiry_is_compared_to_the_second_as_the_terminal_stores_it(
    is_modified: bool, late_ns: int, kinds: list[str]
) -> None:
    expires_ns = START_NS + 3_600_000_000_000
    order = structs.replace(RESTING, time_in_force=TimeInForce.GTD, expires_ns=expires_ns)
    if is_modified:
        terms = structs.replace(order.terms, expires_ns=expires_ns)
        placed_ns = expires_ns - 60_000_000_000
        order = structs.replace(order, expires_ns=placed_ns, change=terms, revision=1, revision_answered=1)
    at_venue = {"time_in_force": TimeInForce.GTD, "expires_ns": expires_ns - late_ns, "revision": order.revision}
    assert [one.kind for one in compare(*a_pair(order, **at_venue))] == kinds


def test_an_open_order_that_only_one_side_has_is_reported() -> None:
    book, venue = a_pair(RESTING)
    venue.orders = []
    assert [one.kind for one in compare(book, venue)] == ["missing_order"]
    book, venue = a_pair(RESTING)
    book.orders.clear()
    assert [one.kind for one in compare(book, venue)] == ["unknown_order"]


@pytest.mark.parametrize("status", [OrderReplyStatus.CANCELED, OrderReplyStatus.PARTIALLY_FILLED])
def test_a_partial_fill_is_no_difference_whether_the_remaining_volume_is_open_or_canceled(
    status: OrderReplyStatus,
) -> None:
    order = an_order(1, volume="0.3")
    book, venue = a_pair(order, filled_volume=D("0.1"), filled_price=D("1.1"), status=status)
    deal = a_deal(2, Side.BUY, "0.1", "1.1", order_id=order.order_id, position=7)
    book.apply(DealBooked(deal=deal, order_id=order.order_id, closings=[]))
    venue.deals.append(deal)
    venue.positions = [a_position(7, Side.BUY, "0.1")]
    if status is OrderReplyStatus.CANCELED:
        assert [one.kind for one in compare(book, venue)] == ["status"]
        book.apply(
            OrderUpdated(
                order_id=order.order_id,
                status=OrderStatus.CANCELED,
                ticket=3,
                retcode=None,
                code="",
                error="",
                time_ns=START_NS,
            )
        )
    assert compare(book, venue) == []


def test_a_gateway_with_another_account_mode_fails_the_desk() -> None:
    book = Book()
    book.apply(an_opened_stream(stream_id="before", account_mode=AccountMode.HEDGING, first_time_ns=0))
    driven = DeskHarness(a_gateway(a_stream((1.1, 1.1001))), book=book)
    driven.answer_all(driven.start())
    assert (driven.state.stream.desk_state, driven.state.stream.waiting_for) == (
        DeskState.FAILED,
        "the account is NETTING, expected HEDGING",
    )


@pytest.mark.parametrize(
    ("reason", "kinds"),
    [
        (DealReason.STOP_LOSS, []),
        (DealReason.TAKE_PROFIT, []),
        (DealReason.STOP_OUT, []),
        (DealReason.CLIENT, ["unknown_order"]),
    ],
)
def test_an_order_that_the_server_made_for_a_stop_is_no_foreign_order(reason: DealReason, kinds: list[str]) -> None:
    """A terminal lists the order that the server made for a stop; only the reason of its deal identifies it."""
    book, venue = an_account(
        AccountMode.NETTING,
        a_deal(2, Side.BUY, "0.3", "1.09"),
        a_deal(3, Side.SELL, "0.3", "1.09", ticket=9, entry=DealEntry.OUT, reason=reason),
    )
    venue.orders = [
        VenueOrder(
            ticket=9,
            order_id="",
            symbol="EURUSD",
            side=Side.SELL,
            volume=D("0.3"),
            filled_volume=D("0.3"),
            filled_price=D("1.09"),
            status=OrderReplyStatus.FILLED,
            retcode=10009,
            reason="",
            deal=3,
            time_ns=START_NS,
            ordinal=0,
        )
    ]
    assert [one.kind for one in compare(book, venue)] == kinds
