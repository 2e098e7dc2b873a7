"""A rolled back ledger, journal or broker's book is found by comparison with the other records."""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import NamedTuple

from msgspec import structs

from proto.control import (
    CloseCommand,
    ControlError,
    DeskState,
    Difference,
    ModifyCommand,
    ResumeCommand,
    TradingReply,
    TradingState,
)
from proto.gateway import Buy, KnownIds, Request, Sell
from proto.trading.enums import OrderType
from services.mt5.core.gateway.gateway import Gateway
from services.mt5.core.gateway.journal import MemoryJournal
from services.mt5.core.gateway.tick_publisher import Pace
from services.mt5.core.simulated.book_store import MemoryBookStore
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import IncarnationTaken, JournalChanged
from services.portfolio.core.account.order_status import OrderStatus
from services.portfolio.core.gateway_client.reconciliation import find_differences
from services.portfolio.core.gateway_client.rollback import adopt_unknown_ids, require_same_deal
from services.portfolio.core.plan.plan import Entry, Plan
from services.portfolio.core.state.persisted import PersistedState
from tests.support.builders import a_deal, a_gateway, a_signal, a_stream, some_rules
from tests.support.desk_harness import RISING, DeskHarness

INCARNATION = "0000aaaa"


class LedgerState(NamedTuple):
    """The content of a ledger at one time."""

    book: Book
    persisted: PersistedState


def a_market(**changed: object) -> Gateway:
    return a_gateway(a_stream(*RISING), pace=Pace(0, 1.0), **changed)


def a_desk(
    gateway: Gateway, at: LedgerState | None = None, *, boot_id: str = "one", mono_ns: int = 1_000_000_000
) -> DeskHarness:
    """A live desk connected to the gateway; its ledger has the content `at`, or is new."""
    book, persisted = copy.deepcopy(at) if at is not None else (Book(), PersistedState())
    driven = DeskHarness(
        gateway, rules=some_rules(), book=book, persisted=persisted, boot_id=boot_id, incarnation=INCARNATION
    )
    driven.mono_ns = mono_ns
    driven.answer_all(driven.start())
    settle(driven)
    return driven


def settle(driven: DeskHarness) -> None:
    """Let four seconds pass, because the first comparison is repeated after one second."""
    for _ in range(8):
        driven.gateway.on_timer(driven.now)
        driven.answer_all(driven.wait(500))


def trade(driven: DeskHarness, *sequences: int) -> None:
    """Deliver a BUY for each odd and a SELL for each even sequence; each makes one order."""
    for sequence in sequences:
        time_ns = driven.state.stream.domain_ns(driven.mono_ns)
        signal = structs.replace(a_signal(sequence, 1 if sequence % 2 else -1), time_ns=time_ns)
        driven.answer_all(driven.deliver(signal))
        driven.answer_all(driven.pause())


def ledger_state_of(driven: DeskHarness) -> LedgerState:
    return copy.deepcopy(LedgerState(driven.state.account.book, driven.state.stream.persisted))


def causes_of(driven: DeskHarness) -> list[str]:
    return [cause.code for cause in driven.state.account.state_causes]


def resume(driven: DeskHarness) -> object:
    return driven.command(ResumeCommand(reason="looked at it"))


def sent_ids(driven: DeskHarness) -> list[str]:
    return [request.order_id for request in driven.requests if isinstance(request, Buy | Sell)]


def a_rolled_back_ledger() -> tuple[DeskHarness, DeskHarness]:
    """A desk that has made five orders, and a second desk whose ledger contains only the first order."""
    first = a_desk(a_market())
    trade(first, 1)
    old = ledger_state_of(first)
    trade(first, 2, 3, 4, 5)
    return first, a_desk(first.gateway, old, boot_id="two", mono_ns=first.mono_ns)


def test_a_rolled_back_ledger_halts_the_desk_and_changes_the_incarnation() -> None:
    first, again = a_rolled_back_ledger()
    assert again.state.account.book.trading_state is TradingState.HALTED
    assert causes_of(again) == ["LEDGER_ROLLED_BACK"], "orders known to be lost are no difference"
    [cause] = [one for one in again.state.account.state_causes if one.code == "LEDGER_ROLLED_BACK"]
    assert "has 4 orders of incarnation 0000aaaa that this ledger lacks" in cause.text
    [taken] = [event for event in again.state.account.take_events() if isinstance(event, IncarnationTaken)]
    assert taken.why == cause.text
    assert (taken.seen, again.state.account.book.stream and again.state.account.book.stream.incarnation) == (
        {INCARNATION: 5},
        taken.incarnation,
    )
    assert taken.incarnation != INCARNATION
    assert len(first.state.account.book.deals) == len(again.state.account.book.deals), "the lost deals are booked"


def test_the_number_of_lost_orders_is_added_to_an_earlier_rollback_cause() -> None:
    """The check of the ledger's signature has already halted the desk before it connects to the gateway."""
    first = a_desk(a_market())
    trade(first, 1, 2)
    again = DeskHarness(first.gateway, boot_id="two", incarnation=INCARNATION)
    again.mono_ns = first.mono_ns
    again.state.account.restrict_trading(TradingState.HALTED, "LEDGER_ROLLED_BACK", "its tail is gone", by="ledger")
    again.answer_all(again.start())
    [text] = [one.text for one in again.state.account.state_causes if one.code == "LEDGER_ROLLED_BACK"]
    assert "has 2 orders" in text
    assert text.endswith("; its tail is gone")


def test_one_resume_is_enough_and_no_order_id_is_used_twice() -> None:
    first, again = a_rolled_back_ledger()
    assert isinstance(resume(again), TradingReply)
    settle(again)
    trade(again, 6, 7, 8)
    settle(again)
    book = again.state.account.book
    assert book.trading_state is TradingState.ACTIVE
    assert len(sent_ids(again)) == 3
    assert not set(sent_ids(again)) & set(sent_ids(first))
    assert not book.open_orders
    assert {order.status for order in book.orders.values()} == {OrderStatus.FILLED}
    assert book.balance == again.gateway.venue.balance
    assert book.position("EURUSD").net_volume == again.gateway.venue.net_volume("EURUSD")
    third = a_desk(again.gateway, ledger_state_of(again), boot_id="three", mono_ns=again.mono_ns)
    assert third.state.account.book.trading_state is TradingState.ACTIVE, "the next start does not halt again"


def test_orders_known_to_be_lost_are_no_difference_for_a_stopped_desk() -> None:
    _, again = a_rolled_back_ledger()
    resume(again)
    settle(again)
    found: list[Difference] | None = None
    comparison = find_differences(again.state.account.book)
    request: Request | None = next(comparison)
    while request is not None:
        try:
            request = comparison.send(again.gateway.handle(request, again.now)[0])
        except StopIteration as end:
            found, request = end.value, None
    assert found == []


def test_a_complete_ledger_keeps_its_incarnation() -> None:
    first = a_desk(a_market())
    trade(first, 1, 2, 3)
    again = a_desk(first.gateway, ledger_state_of(first), boot_id="two", mono_ns=first.mono_ns)
    assert again.state.account.incarnation == INCARNATION
    assert again.state.account.book.trading_state is TradingState.ACTIVE


def test_a_missing_ledger_halts_the_desk_with_the_number_of_lost_orders() -> None:
    first = a_desk(a_market())
    trade(first, 1, 2, 3)
    again = a_desk(first.gateway, boot_id="two", mono_ns=first.mono_ns)
    assert "LEDGER_ROLLED_BACK" in causes_of(again)
    assert "has 3 orders" in again.state.account.state_causes[0].text
    resume(again)
    settle(again)
    trade(again, 4)
    assert again.state.account.book.trading_state is TradingState.ACTIVE
    assert not set(sent_ids(again)) & set(sent_ids(first))


def test_an_epoch_missing_in_the_ledger_changes_the_incarnation_without_a_halt() -> None:
    """The ledger has lost only a start of the process, no order; later ids of that process may still be in flight."""
    first = a_desk(a_market())
    trade(first, 1)
    old = ledger_state_of(first)
    second = a_desk(first.gateway, ledger_state_of(first), boot_id="two", mono_ns=first.mono_ns)
    third = a_desk(first.gateway, old, boot_id="three", mono_ns=second.mono_ns)
    assert third.state.account.incarnation != INCARNATION
    assert third.state.account.book.trading_state is TradingState.ACTIVE


def test_a_rollback_of_ledger_and_journal_is_found_in_the_orders_of_the_brokers_book() -> None:
    """The gateway's journal then has no order ids; the orders in the broker's book have them."""
    store = MemoryBookStore()
    first = a_desk(a_market(book_store=store))
    trade(first, 1)
    old = ledger_state_of(first)
    trade(first, 2, 3)
    gateway = a_market(book_store=store, journal=MemoryJournal("journal-2"), boot_id="boot-2")
    again = a_desk(gateway, old, boot_id="two", mono_ns=first.mono_ns)
    assert "LEDGER_ROLLED_BACK" in causes_of(again)
    resume(again)
    settle(again)
    trade(again, 4)
    assert not set(sent_ids(again)) & set(sent_ids(first))
    assert not again.state.account.book.open_orders


def test_a_modification_lost_by_the_ledger_is_adopted_and_one_resume_restores_trading() -> None:
    rules = structs.replace(some_rules(), plan=Plan(entry=Entry(type=OrderType.LIMIT, offset_points=5_000)))
    gateway = a_market()
    first = DeskHarness(gateway, rules=rules, boot_id="one", incarnation=INCARNATION)
    first.answer_all(first.start())
    settle(first)
    trade(first, 1)
    [order_id] = first.state.account.book.open_orders
    old = ledger_state_of(first)
    command = ModifyCommand(
        key="k",
        reason="r",
        symbol="EURUSD",
        order_id=order_id,
        position=0,
        price=Decimal("1.02"),
        stop_loss=None,
        take_profit=None,
        expires_ns=0,
    )
    assert not isinstance(first.command(command), ControlError)
    settle(first)
    assert first.state.account.book.orders[order_id].terms.limit_price == Decimal("1.02")
    again = DeskHarness(
        gateway, rules=rules, book=old.book, persisted=old.persisted, boot_id="two", incarnation=INCARNATION
    )
    again.mono_ns = first.mono_ns
    again.answer_all(again.start())
    settle(again)
    assert causes_of(again) == ["LEDGER_ROLLED_BACK"]
    assert again.state.account.book.orders[order_id].terms.limit_price == Decimal("1.02")
    assert again.state.account.incarnation != INCARNATION
    resume(again)
    for _ in range(20):
        settle(again)
    assert again.state.account.book.trading_state is TradingState.ACTIVE


def test_a_manual_order_is_refused_before_the_ids_are_checked() -> None:
    first = a_desk(a_market())
    trade(first, 1)
    old = ledger_state_of(first)
    trade(first, 2)
    again = DeskHarness(first.gateway, book=old.book, persisted=old.persisted, boot_id="two", incarnation=INCARNATION)
    again.mono_ns = first.mono_ns
    again.start()
    command = CloseCommand(key="k", reason="mine", symbol="EURUSD", position=0, volume=None)
    answer = again.command(command)
    assert isinstance(answer, ControlError)
    assert "has not connected to the gateway" in answer.error


def test_a_rolled_back_journal_puts_the_open_orders_in_doubt() -> None:
    store = MemoryBookStore()
    first = a_desk(a_market(book_store=store))
    trade(first, 1, 2, 3)
    gateway = a_market(book_store=store, boot_id="boot-2")  # an empty journal with the id of the lost one
    again = a_desk(gateway, ledger_state_of(first), boot_id="two", mono_ns=first.mono_ns)
    assert [event for event in again.state.account.take_events() if isinstance(event, JournalChanged)]
    assert again.state.account.book.trading_state is TradingState.ACTIVE, "the broker's book has every order"


def a_rolled_back_book() -> DeskHarness:
    """A desk that has booked four deals, at a venue whose book has only the first two."""
    first = a_desk(a_market())
    trade(first, 1, 2, 3)
    other = a_desk(a_market(boot_id="boot-2"))
    trade(other, 1)
    return a_desk(other.gateway, ledger_state_of(first), boot_id="two", mono_ns=first.mono_ns)


def test_a_rolled_back_brokers_book_fails_the_desk_and_resume_is_refused() -> None:
    again = a_rolled_back_book()
    assert (again.state.stream.desk_state, again.state.account.book.trading_state) == (
        DeskState.FAILED,
        TradingState.HALTED,
    )
    assert causes_of(again) == ["VENUE_ROLLED_BACK"]
    assert "the venue has deals up to 2, the ledger has booked 4: the broker's book is outdated" in (
        again.state.stream.waiting_for
    )
    answer = resume(again)
    assert isinstance(answer, ControlError)
    assert "restore a copy of the broker's book that is as recent as the ledger" in answer.error
    assert again.state.account.book.trading_state is TradingState.HALTED
    trade(again, 6)
    assert not sent_ids(again)


def test_after_the_brokers_book_is_restored_a_person_can_resume() -> None:
    first = a_desk(a_market())
    trade(first, 1, 2, 3)
    broken = a_desk(a_market(boot_id="boot-2"), ledger_state_of(first), boot_id="two", mono_ns=first.mono_ns)
    assert broken.state.stream.desk_state is DeskState.FAILED
    mended = a_desk(first.gateway, ledger_state_of(broken), boot_id="three", mono_ns=broken.mono_ns)
    assert (mended.state.stream.desk_state, mended.state.account.book.trading_state) == (
        DeskState.RUNNING,
        TradingState.HALTED,
    )
    assert isinstance(resume(mended), TradingReply)
    trade(mended, 4)
    assert mended.state.account.book.balance == first.gateway.venue.balance


def test_a_rolled_back_brokers_book_with_new_deals_is_found_by_the_last_booked_deal() -> None:
    """The broker's book has more deals than the ledger, but its deal 3 is not the ledger's deal 3."""
    first = a_desk(a_market())
    trade(first, 1, 2)
    other = a_desk(a_market(boot_id="boot-2"))
    settle(other)  # so that its deals have other prices
    trade(other, 1, 2, 3)
    again = a_desk(other.gateway, ledger_state_of(first), boot_id="two", mono_ns=max(first.mono_ns, other.mono_ns))
    assert "VENUE_ROLLED_BACK" in causes_of(again)
    assert again.state.stream.desk_state is DeskState.FAILED
    assert "deal 3 is" in again.state.stream.waiting_for
    assert again.state.account.book.balance == first.state.account.book.balance, "no deal of that book is booked"


def test_a_rolled_back_brokers_book_is_found_when_the_gateway_restarts() -> None:
    first = a_desk(a_market())
    trade(first, 1, 2, 3)
    first.gateway = a_market(boot_id="boot-2")
    settle(first)
    assert first.state.stream.desk_state is DeskState.FAILED
    assert causes_of(first) == ["VENUE_ROLLED_BACK"]


def test_deals_with_two_different_order_ids_are_different_deals() -> None:
    driven = a_desk(a_market())
    booked = a_deal(2, order_id="0000aaaa-000001")
    require_same_deal(driven.state, booked, structs.replace(booked, order_id=""))
    assert not driven.state.warnings.venue_fault, "the venue may report the order id later"
    require_same_deal(driven.state, booked, structs.replace(booked, order_id="0000bbbb-000001"))
    assert "the broker's book is outdated" in driven.state.warnings.venue_fault


def test_a_new_incarnation_differs_from_every_incarnation_that_the_gateway_has_seen() -> None:
    """Otherwise a second rollback under the same process would lead to the same incarnation."""
    gateway = a_market()
    known = {INCARNATION: KnownIds(1, 1)}
    first, second = a_desk(gateway), a_desk(a_market())
    adopt_unknown_ids(first.state, known)
    adopt_unknown_ids(second.state, known | {first.state.account.incarnation: KnownIds(1, 1)})
    assert len({INCARNATION, first.state.account.incarnation, second.state.account.incarnation}) == 3
