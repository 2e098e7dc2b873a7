"""Search of a ledger's file for the events of one order, deal or denial."""

from __future__ import annotations

import shutil
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from common.errors import StartError
from proto.control import WhyQuery
from proto.control.views import WhyReply
from proto.trading.enums import Side
from services.portfolio.core.account.book import CHANGES_KEPT_MAX, Book
from services.portfolio.core.account.events import DealBooked, Event, OrderCreated, OrderDenied, OrderUpdated
from services.portfolio.core.account.order_status import OrderStatus
from services.portfolio.core.account.tick_cursor import TickCursor
from services.portfolio.core.queries.explain import find_subject
from services.portfolio.core.state.persisted import PersistedState
from services.portfolio.core.state.portfolio_state import compose_state
from services.portfolio.ledger import event_search
from services.portfolio.ledger.event_search import events_about
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, Ledger
from services.portfolio.query_handler import answer_query
from tests.support.builders import (
    START_NS,
    a_deal,
    a_deposit,
    an_instrument_learned,
    an_opened_stream,
    an_order,
    some_rules,
)
from tests.support.tampering import edit, replace_in

ORDERS = 60


def a_denial(number: int, symbol: str = "EURUSD") -> OrderDenied:
    return OrderDenied(
        symbol=symbol,
        direction=1,
        ordinal=number,
        time_ns=START_NS + number,
        code="SPREAD",
        limit="3 points",
        observed="4 points",
        denial_id=f"0123-d{number}",
    )


def events_of(number: int) -> list[Event]:
    """Return the events of order `number`. Every third order is rejected, the others are filled at once."""
    order = an_order(number, Side.BUY if number % 2 else Side.SELL)
    made: list[Event] = [OrderCreated(order=order)]
    is_rejected = number % 3 == 0
    made.append(
        OrderUpdated(
            order_id=order.order_id,
            status=OrderStatus.REJECTED if is_rejected else OrderStatus.ACCEPTED,
            ticket=None,
            retcode=None,
            code="",
            error="",
            time_ns=START_NS,
        )
    )
    if not is_rejected:
        deal = a_deal(number + 1, order.side, order_id=order.order_id)
        made.append(DealBooked(deal=deal, order_id=order.order_id, closings=[]))
    return made


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Book]:
    """Return a ledger of many orders with a denial before each order, and its book."""
    path = tmp_path_factory.mktemp("desk") / LEDGER_FILE_NAME
    book = Book()
    events: list[Event] = [
        an_opened_stream(),
        an_instrument_learned(),
        DealBooked(deal=a_deposit(), order_id="", closings=[]),
    ]
    for number in range(1, ORDERS + 1):
        events += [a_denial(number), *events_of(number)]
    stop = a_deal(ORDERS + 2, Side.SELL, volume="0.01")
    events.append(DealBooked(deal=stop, order_id="", closings=[]))
    with closing(Ledger(path)) as ledger:
        for event in events:
            book.apply(event)
        ledger.commit(events, book, PersistedState())
    return path, book


@given(number=st.integers(1, ORDERS))
def test_exactly_the_events_of_an_order_are_found(desk: tuple[Path, Book], number: int) -> None:
    path, book = desk
    assert events_about(path, find_subject(an_order(number).order_id, book, TickCursor())) == events_of(number)


def test_a_changed_event_is_refused_and_not_shown(desk: tuple[Path, Book], tmp_path: Path) -> None:
    path, book = desk
    changed = Path(shutil.copy(path, tmp_path / LEDGER_FILE_NAME))
    edit(changed, replace_in("events", "0.01", "0.02"))
    with pytest.raises(StartError, match=r"ledger\.db: event \d+ does not fit the chain"):
        events_about(changed, find_subject(an_order(3).order_id, book, TickCursor()))


def test_the_denial_of_a_command_is_found_by_its_key_before_many_later_denials(tmp_path: Path) -> None:
    book, ledger = Book(), Ledger(tmp_path / LEDGER_FILE_NAME)
    denials = [
        structs.replace(a_denial(number), denial_id=f"0123-mk{number}", cause="manual", key=f"k{number}")
        for number in range(1, CHANGES_KEPT_MAX + 2)
    ]
    events: list[Event] = [an_opened_stream(), *denials]
    for event in events:
        book.apply(event)
    ledger.commit(events, book, PersistedState())
    ledger.close()
    assert "k1" not in book.denials_by_key
    for number in (1, CHANGES_KEPT_MAX + 1):
        found = events_about(tmp_path / LEDGER_FILE_NAME, find_subject(f"k{number}", book, TickCursor()))
        assert found == [denials[number - 1]]
    assert events_about(tmp_path / LEDGER_FILE_NAME, find_subject("k0", book, TickCursor())) == []


def test_a_denial_is_found_by_its_id_and_the_last_one_by_its_symbol(desk: tuple[Path, Book]) -> None:
    path, book = desk
    assert events_about(path, find_subject("0123-d7", book, TickCursor())) == [a_denial(7)]
    assert events_about(path, find_subject("EURUSD", book, TickCursor())) == [a_denial(ORDERS)]
    assert events_about(path, find_subject("0123-d70", book, TickCursor())) == []


def test_a_deal_without_an_order_is_found_by_its_number(desk: tuple[Path, Book]) -> None:
    path, book = desk
    (found,) = events_about(path, find_subject(f"deal {ORDERS + 2}", book, TickCursor()))
    assert isinstance(found, DealBooked)
    assert found.deal.deal == ORDERS + 2


def test_a_search_ends_at_its_limit(desk: tuple[Path, Book], monkeypatch: pytest.MonkeyPatch) -> None:
    path, book = desk
    monkeypatch.setattr(event_search, "EVENTS_MAX", 20)
    assert events_about(path, find_subject("0123-d7", book, TickCursor())) == []
    assert events_about(path, find_subject(f"0123-d{ORDERS}", book, TickCursor())) == [a_denial(ORDERS)]


def test_the_error_for_a_missing_ledger_names_the_file(tmp_path: Path, desk: tuple[Path, Book]) -> None:
    with pytest.raises(StartError, match=r"none\.db does not exist"):
        events_about(tmp_path / "none.db", find_subject("EURUSD", desk[1], TickCursor()))


def test_a_desk_answers_why_from_the_ledger_or_reports_an_unknown_subject(desk: tuple[Path, Book]) -> None:
    path, book = desk
    running = compose_state(config=some_rules(), book=book, persisted=PersistedState(), incarnation="live")
    reply = answer_query(running, WhyQuery("deal 2"), path, 0)
    assert isinstance(reply, WhyReply)
    assert reply.summary.startswith("deal 2 belongs to order 01234567-000001: BUY 0.01 EURUSD is FILLED")
    assert "'x-1' is unknown" in str(answer_query(running, WhyQuery("x-1"), path, 0))
    assert "does not exist" in str(answer_query(running, WhyQuery("deal 2"), path.with_name("none.db"), 0))
    assert book.balance == Decimal(10_000)
