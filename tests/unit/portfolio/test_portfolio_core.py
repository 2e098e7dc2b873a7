"""The core of portfolio, driven step by step: the order of its requests, and repeated or missing messages."""

from __future__ import annotations

import itertools
from decimal import Decimal

import pytest
from msgspec import Raw, structs

from proto.control import DeskState
from proto.gateway import (
    Buy,
    Confirm,
    ErrorCode,
    ErrorReply,
    GetAccount,
    GetDeals,
    GetOrders,
    GetPositions,
    GetSymbolInfo,
    Hello,
    OrderReply,
    Sell,
)
from proto.messages import Answer, CallOutcome, CourierHello, Signal, SignalHello
from proto.trading.enums import TimeInForce
from services.mt5.core.gateway.gateway import Gateway
from services.mt5.core.gateway.journal import MemoryJournal
from services.mt5.core.gateway.tick_publisher import Pace
from services.mt5.core.simulated.book_store import MemoryBookStore
from services.portfolio.core.account.order_status import OrderStatus
from services.portfolio.core.decision.signal_queue import QUEUED_SIGNALS_MAX
from services.portfolio.core.gateway_client.lock_step_scheduler import LockStepScheduler
from services.portfolio.core.queries.status import status_of
from tests.support.builders import STREAM_ID, a_gateway, a_signal, a_stream, an_opened_stream, some_rules
from tests.support.desk_harness import DeskHarness, request_of

QUOTES = [(1.1 + n / 1_000, 1.1001 + n / 1_000) for n in range(6)]
each_window = pytest.mark.parametrize("window", [1, 4])


def a_desk(gateway: Gateway | None = None, *, window: int = 4) -> DeskHarness:
    """Return a desk before its first message, on a stream of six ticks."""
    return DeskHarness(gateway or a_gateway(a_stream(*QUOTES), pace=Pace(window, None)))


def a_running_desk(window: int = 4) -> DeskHarness:
    """Return a desk that has confirmed tick 0; the first ticks are published."""
    driven = a_desk(window=window)
    driven.run_up()
    driven.gateway.on_timer(driven.now)
    return driven


def signal_at(ordinal: int, direction: int = 0) -> Signal:
    """Return the signal of a tick, with the quote of the stream."""
    bid, ask = QUOTES[ordinal - 1]
    return a_signal(ordinal, direction, bid=bid, ask=ask)


def play(driven: DeskHarness, *directions: int) -> None:
    """Let the desk decide and confirm one tick for each direction, from tick 1."""
    for ordinal, direction in enumerate(directions, 1):
        driven.gateway.on_timer(driven.now)
        driven.answer_all(driven.deliver(signal_at(ordinal, direction)))
        driven.answer_all(driven.pause())


# --------------------------------------------------------------------------------------------------------- the start


def test_a_start_connects_requests_the_terms_and_reconciles_in_this_order() -> None:
    driven = a_desk()
    assert status_of(driven.state).state is DeskState.CONNECTING
    driven.answer_all(driven.start())
    kinds = [type(request) for request in driven.requests]
    assert kinds == [Hello, GetSymbolInfo, GetDeals, GetAccount, GetDeals, GetOrders, GetPositions]
    assert driven.state.stream.desk_state is DeskState.WAITING_FOR_SIGNALS
    assert driven.state.account.book.balance == 10_000
    assert driven.pause() == []


def test_nothing_is_decided_before_the_reconciliation() -> None:
    driven = a_desk()
    [hello] = driven.start()
    assert driven.deliver(signal_at(1, 1)) == []
    assert driven.pause() == []
    driven.answer(hello)
    assert driven.deliver(signal_at(1, 1)) == []
    assert driven.pause() == []
    assert driven.state.stream.cursor.processed == 0
    assert not driven.requests_of(Buy)


def test_signals_before_the_answer_to_confirm_0_wait_and_are_not_denied() -> None:
    driven = a_desk()
    driven.answer_all(driven.start())
    for ordinal in (1, 2):
        assert driven.deliver(signal_at(ordinal, 1)) == []
    driven.hello()
    [confirm] = driven.pause()
    assert request_of(confirm) == Confirm(stream_id=STREAM_ID, ordinal=0)
    assert driven.state.stream.cursor.processed == 0
    driven.gateway.handle(request_of(confirm), driven.now)
    driven.gateway.on_timer(driven.now)
    calls = driven.answer(confirm)
    assert [type(request_of(call)) for call in calls] == [Buy]
    assert driven.state.stream.cursor.denied == {}


def test_confirm_0_waits_for_a_signal_process_of_every_symbol() -> None:
    driven = a_desk()
    driven.answer_all(driven.start())
    driven.deliver(structs.replace(_hello(), symbols=["GBPUSD"]))
    assert driven.pause() == []
    driven.deliver(structs.replace(_hello(), stream_id="another"))
    assert driven.pause() == []
    driven.hello()
    assert len(driven.pause()) == 1


def _hello() -> SignalHello:
    return SignalHello("signal", "boot", STREAM_ID, "test", ["EURUSD"], 0, 0, [])


# ---------------------------------------------------------------------------------------------- sequence of messages


def test_signals_that_arrive_out_of_order_are_decided_in_the_order_of_ordinals() -> None:
    driven = a_running_desk()
    assert driven.deliver(signal_at(3)) == []
    assert driven.deliver(signal_at(2)) == []
    assert driven.state.stream.cursor.ordinal == 0
    driven.answer_all(driven.deliver(signal_at(1)))
    assert driven.state.stream.cursor.ordinal == 3
    assert driven.state.stream.cursor.gaps == 0


@each_window
def test_a_buy_signal_makes_an_order_whose_deal_is_booked(window: int) -> None:
    driven = a_running_desk(window)
    driven.answer_all(driven.deliver(signal_at(1, 1)))
    [order] = driven.state.account.book.orders.values()
    assert (order.status, order.filled_price) == (OrderStatus.FILLED, Decimal("1.1001"))
    assert order.order_id == f"{STREAM_ID[:8]}-000001"
    assert driven.state.account.book.positions["EURUSD"].net_volume == Decimal("0.01")
    assert driven.requests_of(Buy) == [
        Buy(
            order_id=order.order_id,
            symbol="EURUSD",
            volume=Decimal("0.01"),
            price=Decimal("1.1001"),
            time_in_force=TimeInForce.IOC,
            ordinal=1,
        )
    ]
    assert driven.requests_of(GetDeals)[-1] == GetDeals(after=1)


def test_no_further_tick_is_decided_while_an_order_is_in_flight() -> None:
    driven = a_running_desk()
    calls = driven.deliver(signal_at(1, 1))
    assert driven.deliver(signal_at(2, -1)) == []
    assert driven.pause() == []
    assert driven.state.stream.cursor.ordinal == 1
    driven.answer_all(calls)
    assert driven.state.stream.cursor.ordinal == 2
    assert len(driven.requests_of(Sell)) == 1


def test_duplicate_signals_change_nothing() -> None:
    driven = a_running_desk()
    driven.answer_all(driven.deliver(signal_at(1, 1)))
    driven.deliver(signal_at(3))
    before = status_of(driven.state)
    for again in (signal_at(1, 1), signal_at(1, -1), signal_at(3, 1)):
        assert driven.deliver(again) == []
    after = status_of(driven.state)
    assert after == structs.replace(before, duplicates=before.duplicates + 3)


def test_signals_of_another_stream_or_symbol_are_counted_and_dropped() -> None:
    driven = a_running_desk()
    assert driven.deliver(a_signal(1, 1, stream_id="another")) == []
    assert driven.deliver(a_signal(1, 1, symbol="GBPUSD")) == []
    assert driven.state.stream.malformed == 2
    assert driven.state.stream.cursor.processed == 0


def test_signals_of_future_ordinals_are_kept_up_to_a_limit() -> None:
    driven = a_running_desk()
    for ordinal in range(2, QUEUED_SIGNALS_MAX + 10):
        driven.deliver(a_signal(ordinal))
    assert driven.state.stream.malformed == 8


def test_a_duplicate_answer_changes_nothing() -> None:
    driven = a_running_desk()
    [call] = driven.deliver(signal_at(1, 1))
    [reply] = driven.gateway.handle(request_of(call), driven.now)
    driven.answer_all(driven.answer(call, reply))
    before = driven.state.account.book.deals.copy()
    assert driven.answer(call, reply) == []
    assert driven.state.account.book.deals == before
    assert driven.state.stream.duplicates == 1


# -------------------------------------------------------------------------------------------------- missing answers


def test_without_an_answer_in_a_lock_step_stream_the_request_is_repeated() -> None:
    driven = a_running_desk()
    [call] = driven.deliver(signal_at(1, 1))
    driven.state.account.take_events()
    assert driven.drop_reply(call) == []
    [order] = driven.state.account.book.orders.values()
    assert order.status is OrderStatus.PENDING
    assert driven.state.account.take_events() == []
    assert "does not answer" in driven.state.stream.waiting_for
    again = driven.wait(300)
    assert again == [call]
    driven.answer_all(again)
    assert driven.state.account.book.orders[order.order_id].status is OrderStatus.FILLED
    assert driven.state.stream.waiting_for == ""


def test_repetitions_slow_down_to_one_every_two_seconds() -> None:
    driven = a_running_desk()
    [call] = driven.deliver(signal_at(1, 1))
    sent_ms, now_ms = [], 0
    while now_ms < 10_000:
        now_ms += 50
        sent_ms += [now_ms] * driven.wait(50).count(call)
    pauses = [later - earlier for earlier, later in itertools.pairwise(sent_ms)]
    assert sent_ms[0] == 250
    assert pauses == sorted(pauses)
    assert max(pauses) == 2_000


def test_without_an_answer_in_a_live_stream_the_order_is_in_doubt_until_it_is_answered() -> None:
    driven = DeskHarness(a_gateway(a_stream(*QUOTES), pace=Pace(0, 1.0)))
    driven.answer_all(driven.start())
    assert driven.state.stream.desk_state is DeskState.RUNNING
    driven.gateway.on_timer(driven.now)
    [call] = driven.deliver(signal_at(1, 1))
    driven.drop_reply(call)
    [order] = driven.state.account.book.orders.values()
    assert order.status is OrderStatus.IN_DOUBT
    assert driven.state.account.book.open_orders == {order.order_id: "EURUSD"}
    driven.drop_reply(call)
    driven.answer_all(driven.wait(300))
    assert driven.state.account.book.orders[order.order_id].status is OrderStatus.FILLED
    assert driven.state.account.book.open_orders == {}


@pytest.mark.parametrize("status", ["CALL_IN_PROGRESS", "IN_DOUBT", "UNKNOWN", "SOMETHING_NEW", "filled", ""])
def test_a_reply_without_a_result_leaves_the_request_open(status: str) -> None:
    driven = a_running_desk()
    [call] = driven.deliver(signal_at(1, 1))
    [reply] = driven.gateway.handle(request_of(call), driven.now)
    assert isinstance(reply, OrderReply)
    assert driven.answer(call, structs.replace(reply, status=status)) == []
    assert driven.state.account.book.orders[reply.order_id].status is OrderStatus.PENDING
    assert driven.wait(300) == [call]


def test_a_restarted_courier_gets_every_open_request() -> None:
    driven = a_running_desk()
    [call] = driven.deliver(signal_at(1, 1))
    assert driven.deliver(CourierHello("boot-2")) == [call]


def test_a_reply_that_cannot_be_decoded_leaves_the_request_open() -> None:
    driven = a_running_desk()
    [call] = driven.deliver(signal_at(1, 1))
    assert driven.deliver(Answer(call.call_id, CallOutcome.REPLY, Raw(b"\x01"))) == []
    assert driven.state.stream.malformed == 1
    assert driven.wait(300) == [call]


# ------------------------------------------------------------------------------------------------- confirms and replies


def test_ticks_are_decided_before_the_answer_to_confirm_only_without_orders_in_flight() -> None:
    driven = a_running_desk()
    for ordinal in (1, 2, 3):
        assert driven.deliver(signal_at(ordinal)) == []
    assert driven.state.stream.cursor.ordinal == 3
    [confirm] = driven.pause()
    assert request_of(confirm) == Confirm(stream_id=STREAM_ID, ordinal=3)
    scheduler = driven.portfolio.client.scheduler
    assert isinstance(scheduler, LockStepScheduler)
    scheduler.policy.is_quiet = False
    assert driven.deliver(signal_at(4)) == []
    assert driven.state.stream.cursor.ordinal == 3
    driven.answer_all([confirm])
    assert driven.state.stream.cursor.ordinal == 4


def test_a_restarted_gateway_gets_the_highest_confirm() -> None:
    journal, store, stream = MemoryJournal("journal-1"), MemoryBookStore(), a_stream(*QUOTES)
    driven = a_desk(a_gateway(stream, journal=journal, book_store=store, pace=Pace(4, None)))
    driven.run_up()
    driven.gateway.on_timer(driven.now)
    driven.deliver(signal_at(1))
    driven.answer_all(driven.deliver(signal_at(2, 1)))
    driven.answer_all(driven.pause())
    driven.gateway = a_gateway(stream, journal=journal, book_store=store, pace=Pace(4, None), boot_id="boot-2")
    driven.deliver(CourierHello("boot-2"))
    driven.answer_all(driven.wait(1))
    driven.answer_all(driven.pause())
    assert driven.requests_of(Confirm)[-1] == Confirm(stream_id=STREAM_ID, ordinal=2)
    assert driven.gateway.publisher.confirmed == 2
    assert [tick.ordinal for tick in driven.gateway.on_timer(driven.now)] == [3, 4, 5, 6]


def test_a_refusal_of_the_gateway_fails_the_desk_with_its_text() -> None:
    driven = a_running_desk()
    [call] = driven.deliver(signal_at(1, 1))
    refusal = ErrorReply(
        status="ERROR",
        mode="simulated",
        venue="simulated-mt5",
        account="paper-USD",
        boot_id="boot-1",
        error="order X at tick 1, but the book is at tick 3",
        error_code=ErrorCode.OUT_OF_STEP,
    )
    assert driven.answer(call, refusal) == []
    assert driven.state.stream.desk_state is DeskState.FAILED
    assert driven.state.stream.waiting_for == (
        "the gateway refused BUY: OUT_OF_STEP order X at tick 1, but the book is at tick 3"
    )
    assert driven.deliver(signal_at(2, 1)) == []
    assert driven.pause() == []
    assert driven.wait(10_000) == []


def test_after_the_rejection_of_an_order_the_desk_continues_to_trade() -> None:
    driven = a_running_desk()
    [call] = driven.deliver(signal_at(1, 1))
    [reply] = driven.gateway.handle(request_of(call), driven.now)
    assert isinstance(reply, OrderReply)
    rejected = structs.replace(
        reply, status="REJECTED", retcode=10019, error="no money", error_code=None, deal_cursor=1
    )
    driven.answer_all(driven.answer(call, rejected))
    [order] = driven.state.account.book.orders.values()
    assert (order.status, order.retcode, order.error) == (OrderStatus.REJECTED, 10019, "no money")
    assert driven.state.stream.desk_state is DeskState.RUNNING
    assert driven.state.account.book.open_orders == {}


def test_the_deals_of_a_canceled_order_are_booked_before_the_next_tick() -> None:
    """The next signal is decided with the filled volume in the position."""
    driven = a_running_desk()
    [call] = driven.deliver(signal_at(1, 1))
    [reply] = driven.gateway.handle(request_of(call), driven.now)
    assert isinstance(reply, OrderReply)
    driven.answer_all(driven.answer(call, structs.replace(reply, status="CANCELED")))
    assert driven.state.account.book.positions["EURUSD"].net_volume == Decimal("0.01")


@each_window
def test_the_desk_reconciles_and_finishes_at_the_end_of_the_data(window: int) -> None:
    driven = a_running_desk(window)
    play(driven, 1, 0, -1, -1, 1, 0)
    assert driven.state.stream.desk_state is DeskState.FINISHED
    book = driven.state.account.book
    assert book.ended is not None
    assert book.reconciled is not None
    assert book.reconciled.differences == []
    assert book.ended.counts.published == driven.state.stream.cursor.processed == 6
    assert book.balance == 10_000 + book.realized_pnl


def test_a_desk_restarted_before_its_last_confirm_reconciles_the_end_once() -> None:
    driven = a_running_desk()
    play(driven, 1, 0, 0, 0, 0)
    driven.answer_all(driven.deliver(signal_at(6)))
    again = DeskHarness(driven.gateway, book=driven.state.account.book, persisted=driven.state.stream.persisted)
    again.answer_all(again.start())
    assert again.state.stream.desk_state is DeskState.FINISHED
    assert len(again.requests_of(GetAccount)) == 1


def test_the_result_does_not_depend_on_the_window() -> None:
    books = []
    for window in (1, 2, 4, 100):
        driven = a_running_desk(window)
        play(driven, 1, -1, -1, 1, 1, -1)
        books.append((driven.state.account.book.orders, driven.state.account.book.deals, driven.state.stream.cursor))
    assert all(book == books[0] for book in books)


def test_a_stream_with_other_symbols_fails_the_desk() -> None:
    driven = DeskHarness(a_gateway(a_stream(*QUOTES)), rules=some_rules("EURUSD", "GBPUSD"))
    driven.answer_all(driven.start())
    assert driven.state.stream.desk_state is DeskState.FAILED
    assert driven.state.stream.waiting_for == "the gateway serves EURUSD, expected EURUSD, GBPUSD"


def test_a_requested_reconciliation_waits_for_orders_in_flight() -> None:
    driven = a_running_desk()
    calls = driven.deliver(signal_at(1, 1))
    assert driven.compare() == []
    driven.answer_all(calls)
    driven.answer_all(driven.pause())
    driven.pause()
    [answer] = driven.comparisons
    assert answer.complete
    assert answer.differences == []


def test_a_stalled_stream_continues_with_a_repeat_of_the_last_confirm() -> None:
    driven = a_running_desk()
    assert driven.wait(400) == []
    [confirm] = driven.wait(200)
    assert request_of(confirm) == Confirm(stream_id=STREAM_ID, ordinal=0)
    assert isinstance(driven.portfolio.next_timer(), int)
    assert driven.requests_of(GetAccount)


def test_the_status_counts_only_orders_and_fills_of_the_current_run() -> None:
    driven = a_running_desk()
    driven.answer_all(driven.deliver(signal_at(1, 1)))
    status = status_of(driven.state)
    assert (status.orders, status.fills) == (1, 1)
    driven.state.account.emit(
        an_opened_stream(stream_id="another", orders_before=1, deals_before=driven.state.account.book.deal_cursor)
    )
    status = status_of(driven.state)
    assert (status.orders, status.fills) == (0, 0)
    assert list(status.positions) == ["EURUSD"]


def test_a_deal_of_a_rejected_order_is_booked_and_reported_by_the_reconciliation() -> None:
    """The venue contradicts itself. The deal changes the position, and the order is reported as a difference."""
    driven = a_running_desk()
    [call] = driven.deliver(signal_at(1, 1))
    [reply] = driven.gateway.handle(request_of(call), driven.now)
    assert isinstance(reply, OrderReply)
    driven.answer_all(driven.answer(call, structs.replace(reply, status="REJECTED", deal_cursor=1)))
    driven.answer_all(driven.deliver(signal_at(2, -1)))
    assert driven.state.account.book.deal_cursor == 3
    driven.answer_all(driven.compare())
    driven.answer_all(driven.pause())
    [answer] = driven.comparisons
    assert [found.kind for found in answer.differences] == ["volume"]
