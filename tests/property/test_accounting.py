"""The books stay consistent for any deals, in any order, once or repeated, on a netting and a hedging account."""

from __future__ import annotations

import tempfile
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from proto.gateway import DealEntry, DealKind, DealsReply, GetDeals, VenueDeal
from proto.trading.cost_basis import gross_profit_at
from proto.trading.enums import AccountMode, Side
from proto.trading.money import gross_profit
from services.mt5.core.simulated import positions
from services.portfolio.core.account.book import Book, closed_lots
from services.portfolio.core.account.cash import CashAccount, CashSums, cash_by_category, cash_flows
from services.portfolio.core.account.events import DealBooked, Event, InstrumentLearned, OrderCreated, OrderUpdated
from services.portfolio.core.account.order_status import OrderStatus, can_transition, status_after_fill
from services.portfolio.core.account.tick_cursor import TickCursor
from services.portfolio.core.accounting.costs import allocate
from services.portfolio.core.accounting.invariants import find_any_violation
from services.portfolio.core.accounting.round_trips import (
    LotMatcher,
    OpenLotsState,
    RoundTripTracker,
    compute_round_trips,
    pnl_by_tag,
)
from services.portfolio.core.gateway_client.deals import last_settled_deal, pull_deals
from services.portfolio.core.state.persisted import PersistedState
from services.portfolio.core.state.portfolio_state import compose_state
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, Ledger, read_ledger, verify_ledger
from tests.support.accounts import account_state
from tests.support.builders import a_deal, a_deposit, an_instrument_learned, an_opened_stream, an_order, some_rules

SYMBOLS = ("EURUSD", "USDJPY")
CONTRACT = Decimal(100_000)
MODES = pytest.mark.parametrize("mode", AccountMode)
CENTS = st.integers(-50_000, 50_000).map(lambda cents: Decimal(cents) / 100)


class Row(NamedTuple):
    """A possible next event.

    It is a fill of an order of the desk or of a foreign order, a cash deal, the end of an order, or a repeated deal.
    """

    what: str
    symbol: str
    side: Side
    lots: int
    points: int
    ticket: int
    cash: tuple[Decimal, Decimal, Decimal]
    kind: DealKind
    status: OrderStatus


CHOICES = list(
    product(
        ["order", "fill", "fill", "foreign", "cash", "end", "again"],
        SYMBOLS,
        Side,
        (1, 2, 3, 4),
        [kind for kind in DealKind if not kind.is_trade],
        [OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.IN_DOUBT],
    )
)
"""Combinations that hypothesis draws in one step, because drawing takes much longer than the use of a value."""


def a_row(
    chosen: tuple[str, str, Side, int, DealKind, OrderStatus],
    lots: int,
    points: int,
    cash: tuple[Decimal, Decimal, Decimal],
) -> Row:
    what, symbol, side, ticket, kind, status = chosen
    return Row(what, symbol, side, lots, points, ticket, cash, kind, status)


ROWS = st.lists(
    st.builds(
        a_row,
        st.sampled_from(CHOICES),
        st.integers(1, 300),
        st.integers(90_000, 120_000),
        st.tuples(CENTS, CENTS, CENTS),
    ),
    max_size=14,
)


def a_book(mode: AccountMode) -> tuple[Book, list[Event]]:
    """An account with a deposit, and the events from which it was built."""
    book, deposit = Book(), DealBooked(deal=a_deposit(1), order_id="", closings=[])
    events: list[Event] = [an_opened_stream(account_mode=mode), *map(an_instrument_learned, SYMBOLS), deposit]
    for event in events:
        book.apply(event)
    return book, events


def event_of(row: Row, book: Book) -> Event | None:
    """The event for a row in this book; None if the event is impossible in the book's state."""
    number, volume, price = book.deal_cursor + 1, Decimal(row.lots) / 100, str(Decimal(row.points) / 100_000)
    if row.what == "order":
        tag = f"tag{row.ticket}"
        return OrderCreated(order=an_order(len(book.orders) + 1, row.side, str(volume), symbol=row.symbol, tag=tag))
    if row.what == "again":
        return None
    profit, commission, swap = row.cash
    fields: dict[str, Any] = {
        "symbol": row.symbol,
        "position": row.ticket,
        "profit": profit,
        "commission": commission,
        "swap": swap,
    }
    if row.what == "cash":
        deal = a_deal(number, kind=row.kind, entry=DealEntry.NONE, **{**fields, "volume": "0", "price": "0"})
        return DealBooked(deal=deal, order_id="", closings=[])
    if row.what == "foreign":
        return _booked(book, a_deal(number, row.side, str(volume), price, **fields))
    orders = list(book.orders.values())
    if not orders:
        return None
    order = orders[row.lots % len(orders)]
    if row.what == "end":
        if not can_transition(order.status, row.status):
            return None
        return OrderUpdated(
            order_id=order.order_id, status=row.status, ticket=3, retcode=None, code="", error="", time_ns=9
        )
    left = order.volume - order.filled_volume
    volume = min(left, volume)
    if not left or status_after_fill(order.status, is_whole=volume == left) is None:
        return None
    fields |= {"symbol": order.symbol, "order_id": order.order_id}
    return _booked(book, a_deal(number, order.side, str(volume), price, **fields))


def _booked(book: Book, deal: VenueDeal) -> DealBooked:
    return DealBooked(deal=deal, order_id=deal.order_id, closings=closed_lots(book, deal))


def folded(mode: AccountMode, rows: list[Row]) -> tuple[Book, list[Event]]:
    """The account after the events of the rows. A repeated deal is recognized by its number and not booked."""
    book, events = a_book(mode)
    for row in rows:
        if row.what == "again":
            assert all(book.has_deal(deal.deal) for deal in book.deals)
            continue
        event = event_of(row, book)
        if event is not None:
            book.apply(event)
            events.append(event)
    return book, events


def trades_in(book: Book, symbol: str) -> list[VenueDeal]:
    """The fills in a symbol."""
    return [deal for deal in book.deals if deal.kind.is_trade and deal.symbol == symbol]


def cash_totals(deals: list[VenueDeal]) -> CashSums:
    """The cash of deals by category, charges negative. Every category except CASH has an entry."""
    sums: CashSums = {account: Decimal(0) for account in CashAccount if account is not CashAccount.CASH}
    for deal in deals:
        for account, amount in cash_flows(deal).items():
            sums[account] += amount
    return sums


@MODES
@settings(max_examples=400)
@given(rows=ROWS)
def test_balance_positions_and_filled_volumes_equal_the_sums_of_the_deals(mode: AccountMode, rows: list[Row]) -> None:
    book, _ = folded(mode, rows)
    assert find_any_violation(book) == ""
    assert book.balance == book.cash.get(CashAccount.CASH, 0)
    assert sum(book.cash.values()) == 0
    assert cash_by_category(book.cash) == cash_totals(book.deals)
    assert book.balance == sum(cash_by_category(book.cash).values())
    for symbol, position in book.positions.items():
        fills = trades_in(book, symbol)
        signed = {deal.deal: deal.volume * Side(deal.kind.value).sign for deal in fills}
        assert position.net_volume == sum(signed.values())
        for ticket in {book.position_ticket(deal) for deal in fills}:
            of_ticket = sum(signed[deal.deal] for deal in fills if book.position_ticket(deal) == ticket)
            assert of_ticket == sum(lot.volume * lot.sign for lot in position.lots if lot.position == ticket)
            assert of_ticket == sum(leg.volume * leg.direction for leg in position.legs if leg.ticket == ticket)
            assert len({lot.sign for lot in position.lots if lot.position == ticket}) <= 1
        assert position.is_flat is (not position.legs)
    for order in book.orders.values():
        mine = [deal for deal in book.deals if book.order_of_deal.get(deal.deal) == order.order_id]
        assert order.filled_volume == sum(deal.volume for deal in mine) <= order.volume


@MODES
@settings(max_examples=300)
@given(rows=ROWS)
def test_the_cash_is_the_sum_over_round_trips_and_the_sum_over_tags(mode: AccountMode, rows: list[Row]) -> None:
    book, _ = folded(mode, rows)
    trades, still_open, unassigned = compute_round_trips(book)
    sums = cash_totals(book.deals)
    assert sums[CashAccount.REALIZED_PNL] == sum((one.profit for one in trades), unassigned.profit)
    for account, name in ((CashAccount.COMMISSION, "commission"), (CashAccount.SWAP, "swap")):
        charged = sum(getattr(one, name) for one in trades) + sum(getattr(one.charges, name) for one in still_open)
        assert -sums[account] == charged + getattr(unassigned, name)
    assert sum(one.net for one in pnl_by_tag(book).values()) == sum(
        amount for account, amount in sums.items() if account not in (CashAccount.DEPOSITS, CashAccount.CORRECTIONS)
    )
    held = {deal: lot for position in book.positions.values() for lot in position.lots for deal in [lot.opened_by]}
    assert {one.lot.opened_by: one.lot for one in still_open} == held


@MODES
@settings(max_examples=150)
@given(rows=ROWS, portion=st.integers(1, 4), late=st.booleans())
def test_round_trips_computed_in_portions_equal_those_of_the_whole(
    mode: AccountMode, rows: list[Row], portion: int, late: bool
) -> None:
    """This also holds if the venue shows a deal after deals with higher numbers, and if the contract size changes."""
    whole, events = folded(mode, rows)
    book = Book()
    booked = [event for event in events if isinstance(event, DealBooked) and not event.order_id]
    if late and booked:
        events = [event for event in events if event is not booked[0]] + [booked[0]]
    tracker = RoundTripTracker(book)
    for event in events:
        book.apply(event)
        tracker.process_deals(portion)
    while not tracker.process_deals(portion):
        pass
    assert tracker.result() == compute_round_trips(whole)
    assert tracker.pnl_by_tag() == pnl_by_tag(whole)
    assert tracker.deals_processed == len(book.deals)
    terms = book.instruments["EURUSD"]
    book.apply(InstrumentLearned(instrument=structs.replace(terms, contract_size=terms.contract_size * 2)))
    tracker.process_deals()
    assert tracker.result() == compute_round_trips(book)


@MODES
@settings(max_examples=100)
@given(rows=ROWS)
def test_round_trips_continue_from_a_stored_state_with_the_orders_of_open_lots(
    mode: AccountMode, rows: list[Row]
) -> None:
    """After each deal the matcher is replaced by one with the stored state, and the other orders are dropped."""
    whole, _ = folded(mode, rows)
    book = Book()
    book.stream, book.instruments = whole.stream, whole.instruments
    matcher, found = LotMatcher(book), []
    for deal in whole.deals:
        order_ids = {**matcher.state.order_ids, deal.deal: whole.order_of_deal.get(deal.deal, "")}
        book.order_of_deal = {number: order_id for number, order_id in order_ids.items() if order_id}
        book.orders = {order_id: whole.orders[order_id] for order_id in book.order_of_deal.values()}
        found += matcher.add(deal)
        stored = msgspec.json.encode(matcher.state)
        matcher = LotMatcher(book, msgspec.json.decode(stored, type=OpenLotsState))
    assert (found, matcher.open_lots(), matcher.unassigned) == compute_round_trips(whole)


FILLS = st.lists(
    st.tuples(st.sampled_from(Side), st.integers(1, 300), st.integers(90_000, 120_000), st.integers(1, 3)),
    min_size=1,
    max_size=14,
)
Fill = tuple[Side, int, int, int]


def deals_of(fills: list[Fill]) -> list[VenueDeal]:
    """Fills in EURUSD, numbered as by the venue."""
    return [
        a_deal(number, side, str(Decimal(lots) / 100), str(Decimal(points) / 100_000), position=ticket)
        for number, (side, lots, points, ticket) in enumerate(fills, 2)
    ]


def pulled(book: Book, *pages: list[VenueDeal]) -> None:
    """Let a desk fetch these pages of deals from the venue."""
    state = compose_state(config=some_rules(), book=book, persisted=PersistedState(), incarnation="live")
    talk = pull_deals(state, last_settled_deal(state))
    assert isinstance(next(talk), GetDeals)
    for page in pages[:-1]:
        page_reply = talk.send(a_page(page, following=book.deal_cursor))
        assert isinstance(page_reply, GetDeals)
    with pytest.raises(StopIteration):
        talk.send(a_page(pages[-1], following=None))


def a_page(deals: list[VenueDeal], *, following: int | None) -> DealsReply:
    """The venue's reply with a page of deals, and the cursor of the next page."""
    return DealsReply(
        status="OK", mode="simulated", venue="venue", account="account", boot_id="boot-1", deals=deals, next=following
    )


@MODES
@settings(max_examples=300)
@given(fills=FILLS, shuffled=st.randoms(use_true_random=False))
def test_deals_in_any_order_and_repeated_deals_give_the_same_result(
    mode: AccountMode, fills: list[Fill], shuffled: object
) -> None:
    """Stored deals, cash and volumes of legs do not depend on the order in which deals arrive."""
    (straight, _), (late, _) = a_book(mode), a_book(mode)
    deals = deals_of(fills)
    arrivals = [*deals, *deals[::2]]
    shuffled.shuffle(arrivals)  # type: ignore[attr-defined] # hypothesis gives a random.Random
    for deal in deals:
        straight.apply(_booked(straight, deal))
    pulled(late, arrivals, arrivals[::3])
    assert late.deals == straight.deals
    assert late.balance == straight.balance
    assert late.cash == straight.cash
    assert find_any_violation(late) == ""
    one, other = late.positions["EURUSD"], straight.positions["EURUSD"]
    assert [(leg.ticket, leg.direction, leg.volume) for leg in one.legs] == [
        (leg.ticket, leg.direction, leg.volume) for leg in other.legs
    ]


@settings(max_examples=300)
@given(fills=FILLS)
def test_a_leg_equals_the_venues_position(fills: list[Fill]) -> None:
    """Ledger and simulated broker compute the same volume and cost of each ticket, to the last digit."""
    book, _ = a_book(AccountMode.HEDGING)
    kept: dict[int, positions.Position] = {}
    for deal in deals_of(fills):
        book.apply(_booked(book, deal))
        after = positions.apply_deal(
            kept.pop(deal.position, None),
            symbol=deal.symbol,
            side=Side(deal.kind.value),
            volume=deal.volume,
            price=deal.price,
            time_ns=deal.time_ns,
            new_ticket=deal.position,
        )
        if after.position is not None:
            kept[deal.position] = after.position
    legs = {leg.ticket: leg for leg in book.positions["EURUSD"].legs}
    assert {ticket: leg.holding for ticket, leg in legs.items()} == {
        ticket: (position.volume, position.cost) for ticket, position in kept.items()
    }


@settings(max_examples=300)
@given(fills=FILLS, mark=st.integers(90_000, 120_000))
def test_lots_and_average_price_give_the_same_total_profit(fills: list[Fill], mark: int) -> None:
    """Realized profit and the lots' unrealized profit at the mark add up to the profit of all fills at the mark."""
    book, _ = a_book(AccountMode.HEDGING)
    price, earned, cash = Decimal(mark) / 100_000, Decimal(0), Decimal(0)
    for deal in deals_of(fills):
        event = _booked(book, deal)
        earned += sum(one.gross for one in event.closings)
        sign = Side(deal.kind.value).sign
        cash += gross_profit(
            signed_volume=deal.volume * sign, open_price=deal.price, close_price=price, multiplier=CONTRACT
        )
        book.apply(event)
    position = book.positions["EURUSD"]
    assert earned + position.gross_unrealized(bid=price, ask=price) == cash
    by_leg = sum(gross_profit_at(leg.holding, price=price, multiplier=CONTRACT) for leg in position.legs)
    assert by_leg == sum(position.gross_of(leg, bid=price, ask=price) for leg in position.legs)


@settings(max_examples=500)
@given(cents=st.integers(-(10**7), 10**7), weights=st.lists(st.integers(1, 1_000), min_size=1, max_size=8))
def test_parts_of_an_amount_add_up_to_it_and_are_within_a_cent_of_their_proportion(
    cents: int, weights: list[int]
) -> None:
    amount, total = Decimal(cents) / 100, sum(weights)
    parts = allocate(amount, [Decimal(one) for one in weights], digits=2)
    assert sum(parts) == amount
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - amount * weight / total) < Decimal("0.01")
        assert part * amount >= 0


@MODES
@settings(max_examples=90)
@given(rows=ROWS, cuts=st.sets(st.integers(0, 18), max_size=4))
def test_a_ledger_read_after_any_restart_is_the_state_in_memory(
    mode: AccountMode, rows: list[Row], cuts: set[int]
) -> None:
    """The book is read from the file after each restart, and the chain of events gives the stored projections."""
    book, events = folded(mode, rows)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / LEDGER_FILE_NAME
        ledger, again = Ledger(path), Book()
        for number, event in enumerate(events):
            again.apply(event)
            ledger.commit([event], again, PersistedState(TickCursor(stream_id="s", ordinal=number)))
            if number in cuts:
                ledger.close()
                ledger = Ledger(path)
                again, _ = ledger.load()
        ledger.close()
        assert account_state(again) == account_state(read_ledger(path)[0]) == account_state(book)
        assert verify_ledger(path) == []
        assert find_any_violation(read_ledger(path)[0]) == ""
