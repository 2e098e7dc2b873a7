"""Each order id is executed at most once, with each kind of store, and with crashes before and after writes."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from proto.gateway import (
    Buy,
    ErrorCode,
    ErrorReply,
    Fence,
    GetOrders,
    KnownIds,
    OrderReply,
    OrdersReply,
    OrderStatusQuery,
    Sell,
)
from proto.time import Now
from services.mt5.core.gateway.gateway import Gateway
from services.mt5.core.gateway.journal import Effect, Journal, JournalEntry, LeaseRecord
from services.mt5.core.gateway.tick_publisher import Pace
from services.mt5.core.simulated.book import Book, BookChange
from services.mt5.core.simulated.book_store import BookStore
from tests.contract.gateway.stores import Reopened
from tests.unit.mt5.builders import AT_REST, SECOND_NS, START_NS, a_buy, a_gateway, a_sell, a_stream, confirm, placed


class CrashedError(Exception):
    """Stands for the death of the process."""


class CrashingJournal:
    """A journal that raises `CrashedError` before or after one of its writes."""

    def __init__(self, journal: Journal, at: str) -> None:
        self._journal = journal
        self._at = at

    @property
    def journal_id(self) -> str:
        return self._journal.journal_id

    def find(self, order_id: str) -> JournalEntry | None:
        return self._journal.find(order_id)

    def record_calling(self, order_id: str, effect: Effect, *, ordinal: int) -> None:
        self._die_at("before_calling")
        self._journal.record_calling(order_id, effect, ordinal=ordinal)
        self._die_at("after_calling")

    def record_done(self, order_id: str, effect: Effect, reply: OrderReply) -> None:
        self._die_at("before_done")
        self._journal.record_done(order_id, effect, reply)
        self._die_at("after_done")

    def fence(self, order_id: str, reply: OrderReply) -> None:
        self._journal.fence(order_id, reply)

    def record_claimed(self, order_id: str, effect: Effect, *, ordinal: int) -> None:
        self._journal.record_claimed(order_id, effect, ordinal=ordinal)

    def record_presumed(self, order_id: str, effect: Effect, reply: OrderReply) -> None:
        self._journal.record_presumed(order_id, effect, reply)

    def order_id_of(self, magic: int) -> str | None:
        return self._journal.order_id_of(magic)

    def known_ids(self) -> dict[str, KnownIds]:
        return self._journal.known_ids()

    @property
    def lease(self) -> LeaseRecord:
        return self._journal.lease

    def set_lease(self, lease: LeaseRecord) -> None:
        self._journal.set_lease(lease)

    @property
    def halt_reason(self) -> str:
        return self._journal.halt_reason

    def set_halt_reason(self, reason: str) -> None:
        self._journal.set_halt_reason(reason)

    def _die_at(self, where: str) -> None:
        if where == self._at:
            raise CrashedError(where)


class CrashingBookStore:
    """A book store that raises `CrashedError` instead of committing a change with an order."""

    def __init__(self, store: BookStore) -> None:
        self._store = store

    def load(self) -> Book:
        return self._store.load()

    def commit(self, change: BookChange) -> None:
        if change.order is not None:
            raise CrashedError("before_commit")
        self._store.commit(change)


def opened(reopen: Reopened, *, boot_id: str = "boot-1", pace: Pace | None = None) -> Gateway:
    journal, book_store = reopen()
    gateway = a_gateway(journal=journal, book_store=book_store, boot_id=boot_id, pace=pace or Pace(window=1))
    confirm(gateway, 0)
    return gateway


def fenced(gateway: Gateway, order_id: str) -> OrderReply:
    [reply] = gateway.handle(Fence(order_id=order_id), AT_REST)
    assert isinstance(reply, OrderReply)
    return reply


def status_of(gateway: Gateway, order_id: str) -> OrderReply:
    [reply] = gateway.handle(OrderStatusQuery(order_id=order_id), AT_REST)
    assert isinstance(reply, OrderReply)
    return reply


def test_the_reply_to_a_filled_order_has_all_fields(reopen: Reopened) -> None:
    reply = placed(opened(reopen), a_buy(volume="0.10"))
    assert (reply.status, reply.order_id, reply.symbol, reply.action) == ("FILLED", "A-1", "EURUSD", "BUY")
    assert (reply.filled_price, reply.filled_volume) == (Decimal("1.1002"), Decimal("0.10"))
    assert (reply.ticket, reply.deal, reply.retcode, reply.deal_cursor) == (1, 2, 10009, 2)
    assert (reply.time_ns, reply.ordinal, reply.quiet) == (START_NS, 1, True)
    assert (reply.error, reply.error_code) == (None, None)


def test_a_repeated_order_gets_the_same_reply_and_has_no_effect(reopen: Reopened) -> None:
    gateway = opened(reopen)
    first = placed(gateway, a_buy())
    confirm(gateway, 1)
    assert placed(gateway, a_buy(ordinal=2)) == first
    assert gateway.venue.deal_count == 2


def test_the_reply_after_a_restart_differs_only_in_the_boot_id(reopen: Reopened) -> None:
    first = placed(opened(reopen), a_buy())
    again = placed(opened(reopen, boot_id="boot-2"), a_buy())
    assert again == msgspec.structs.replace(first, boot_id="boot-2")


def test_volumes_are_compared_by_value(reopen: Reopened) -> None:
    gateway = opened(reopen)
    first = placed(gateway, a_buy(volume="0.01"))
    assert placed(gateway, a_buy(volume="0.010")) == first


@pytest.mark.parametrize("other", [a_sell(), a_buy(volume="0.02"), a_buy(symbol="GBPUSD")])
def test_an_order_with_a_used_id_and_another_effect_is_rejected_without_effect(
    reopen: Reopened, other: Buy | Sell
) -> None:
    gateway = opened(reopen)
    first = placed(gateway, a_buy())
    reply = placed(gateway, other)
    assert (reply.status, reply.error_code) == ("REJECTED", ErrorCode.ID_CONFLICT)
    assert reply.error is not None
    assert "BUY 0.01 EURUSD" in reply.error
    assert placed(gateway, a_buy()) == first
    assert gateway.venue.deal_count == 2


def test_a_rejection_by_the_venue_is_stored(reopen: Reopened) -> None:
    gateway = opened(reopen)
    first = placed(gateway, a_buy(volume="0.015"))
    assert (first.status, first.error_code, first.retcode) == ("REJECTED", ErrorCode.INVALID_VOLUME, 10014)
    assert (first.ticket, first.deal, first.filled_volume) == (1, None, None)
    later = opened(reopen)
    assert placed(later, a_buy(volume="0.015")) == status_of(later, "A-1") == first


def test_an_order_with_an_unknown_symbol_is_rejected_and_not_stored(reopen: Reopened) -> None:
    gateway = opened(reopen)
    reply = placed(gateway, a_buy(symbol="NOPE"))
    assert (reply.status, reply.error_code, reply.retcode) == ("REJECTED", ErrorCode.UNKNOWN_SYMBOL, 10013)
    assert status_of(gateway, "A-1").status == "UNKNOWN"
    assert placed(gateway, a_buy()).status == "FILLED"


def test_an_order_before_the_first_tick_is_refused_and_may_be_sent_again(reopen: Reopened) -> None:
    journal, book_store = reopen()
    gateway = a_gateway(journal=journal, book_store=book_store)
    [reply] = gateway.handle(a_buy(), AT_REST)
    assert isinstance(reply, ErrorReply)
    assert reply.error_code is ErrorCode.NO_QUOTE
    confirm(gateway, 0)
    assert placed(gateway, a_buy()).status == "FILLED"


def test_an_order_of_a_tick_confirms_all_earlier_ticks(reopen: Reopened) -> None:
    gateway = opened(reopen, pace=Pace(window=3))
    reply = placed(gateway, a_buy(ordinal=3))
    assert (reply.ordinal, reply.time_ns, reply.filled_price) == (3, START_NS + 2 * SECOND_NS, Decimal("1.1022"))
    assert gateway.publisher.confirmed == 2


def test_an_order_of_an_earlier_tick_is_out_of_step_and_not_stored(reopen: Reopened) -> None:
    gateway = opened(reopen)
    confirm(gateway, 1)
    [reply] = gateway.handle(a_buy(ordinal=1), AT_REST)
    assert isinstance(reply, ErrorReply)
    assert reply.error_code is ErrorCode.OUT_OF_STEP
    assert status_of(gateway, "A-1").status == "UNKNOWN"


def test_an_order_of_a_tick_past_the_last_is_out_of_step(reopen: Reopened) -> None:
    [reply] = opened(reopen).handle(a_buy(ordinal=1_000), AT_REST)
    assert isinstance(reply, ErrorReply)
    assert reply.error_code is ErrorCode.OUT_OF_STEP


def test_an_order_past_its_deadline_is_expired_and_its_id_stays_expired(reopen: Reopened) -> None:
    gateway = opened(reopen)
    confirm(gateway, 1)
    late = msgspec.structs.replace(a_buy(), valid_until_ns=START_NS + SECOND_NS - 1)
    reply = placed(gateway, late)
    assert (reply.status, reply.error_code) == ("EXPIRED", ErrorCode.EXPIRED)
    assert placed(opened(reopen), a_buy()) == reply
    assert gateway.venue.deal_count == 1


def test_an_order_exactly_at_its_deadline_is_executed(reopen: Reopened) -> None:
    on_time = msgspec.structs.replace(a_buy(), valid_until_ns=START_NS)
    assert placed(opened(reopen), on_time).status == "FILLED"


def test_the_deadline_in_a_live_stream_is_compared_with_the_venue_time() -> None:
    gateway = a_gateway(a_stream(1.1, 1.2), pace=Pace(window=0, factor=1.0))
    gateway.on_timer(Now(START_NS, 0))
    late = msgspec.structs.replace(a_buy(), valid_until_ns=START_NS + 10)
    [reply] = gateway.handle(late, Now(START_NS + 11, 11))
    assert isinstance(reply, OrderReply)
    assert reply.status == "EXPIRED"


def test_an_order_with_a_fenced_id_is_never_executed(reopen: Reopened) -> None:
    gateway = opened(reopen)
    reply = fenced(gateway, "A-1")
    assert (reply.status, reply.error_code, reply.order_id) == ("EXPIRED", ErrorCode.FENCED, "A-1")
    later = opened(reopen)
    assert fenced(later, "A-1") == placed(later, a_buy()) == status_of(later, "A-1") == reply
    assert later.venue.deal_count == 1


def test_a_fence_of_a_filled_order_returns_its_reply(reopen: Reopened) -> None:
    gateway = opened(reopen)
    reply = placed(gateway, a_buy())
    assert fenced(gateway, "A-1") == status_of(gateway, "A-1") == reply


def test_an_id_that_was_never_placed_is_unknown(reopen: Reopened) -> None:
    reply = status_of(opened(reopen), "A-1")
    assert (reply.status, reply.error_code) == ("UNKNOWN", ErrorCode.UNKNOWN_ORDER)


CRASHES = ["before_calling", "after_calling", "before_commit", "before_done", "after_done"]
CALLED = ["before_done", "after_done"]
"""Crashes after the commit of the order to the venue's book."""


def crashed(reopen: Reopened, at: str, order: Buy) -> Gateway:
    """The gateway after a restart; before the restart it died at the write `at` while it placed `order`."""
    journal, book_store = reopen()
    dying_store = CrashingBookStore(book_store) if at == "before_commit" else book_store
    dying = a_gateway(journal=CrashingJournal(journal, at), book_store=dying_store)
    confirm(dying, 0)
    with pytest.raises(CrashedError):
        dying.handle(order, AT_REST)
    return opened(reopen)


@pytest.mark.parametrize("volume", ["0.01", "0.015"])
@pytest.mark.parametrize("at", CRASHES)
def test_an_order_sent_again_after_a_crash_has_its_effect_once(reopen: Reopened, at: str, volume: str) -> None:
    order = a_buy(volume=volume, ordinal=1)
    expected = placed(opened(Reopened(None)), order)
    gateway = crashed(reopen, at, order)
    assert placed(gateway, order) == expected
    assert placed(gateway, order) == expected
    [orders] = gateway.handle(GetOrders(), AT_REST)
    assert isinstance(orders, OrdersReply)
    assert [row.order_id for row in orders.orders] == ["A-1"]


@pytest.mark.parametrize("at", CRASHES)
def test_a_fence_after_a_crash_returns_the_fill_or_fences_the_id(reopen: Reopened, at: str) -> None:
    expected = placed(opened(Reopened(None)), a_buy())
    gateway = crashed(reopen, at, a_buy())
    reply = fenced(gateway, "A-1")
    if at in CALLED:
        assert reply == expected
    else:
        assert (reply.status, reply.error_code) == ("EXPIRED", ErrorCode.FENCED)
    assert placed(gateway, a_buy()) == reply
    assert gateway.venue.deal_count == (2 if at in CALLED else 1)


@pytest.mark.parametrize("at", CRASHES)
def test_queries_after_a_crash_change_nothing(reopen: Reopened, at: str) -> None:
    gateway = crashed(reopen, at, a_buy())
    reply = status_of(gateway, "A-1")
    expected = "UNKNOWN" if at == "before_calling" else "FILLED" if at in CALLED else "CALL_IN_PROGRESS"
    assert reply.status == expected
    assert status_of(gateway, "A-1") == reply
    assert placed(gateway, a_buy()).status == "FILLED"


def test_a_reply_made_after_a_crash_does_not_contain_later_events(reopen: Reopened) -> None:
    """Another client trades between the crash and the repeated request."""
    expected = placed(opened(Reopened(None)), a_buy())
    gateway = crashed(reopen, "before_done", a_buy())
    placed(gateway, a_sell("B-1"))
    confirm(gateway, 1)
    assert placed(gateway, a_buy(ordinal=1)) == expected


def test_an_order_is_found_in_the_book_after_the_journal_was_lost() -> None:
    stores = Reopened(None)
    _, book_store = stores()
    first = placed(gateway_with_book(book_store), a_buy())
    gateway = gateway_with_book(book_store)
    assert placed(gateway, a_buy()) == first
    assert placed(gateway, a_sell()).error_code is ErrorCode.ID_CONFLICT
    assert gateway.venue.deal_count == 2


def gateway_with_book(book_store: BookStore) -> Gateway:
    gateway = a_gateway(book_store=book_store)
    confirm(gateway, 0)
    return gateway
