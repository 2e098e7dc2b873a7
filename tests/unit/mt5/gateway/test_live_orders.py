"""Resting orders, CLOSE, CANCEL and MODIFY in a live stream: with leases, faults and restarts of the gateway."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec import structs

from proto.gateway import (
    Cancel,
    Close,
    Fault,
    GetPositions,
    Halt,
    Hello,
    HelloReply,
    Lease,
    Modify,
    ModifyReply,
    OrderReply,
    PlaceOrder,
    PositionsReply,
    Request,
    Sell,
)
from proto.trading.enums import OrderType
from services.mt5.core.gateway.journal import LeaseRecord, MemoryJournal
from tests.unit.mt5.builders import SECOND_NS, a_buy
from tests.unit.mt5.live import LEASE_MS, MS, LiveGateway

MODIFY = Modify(symbol="EURUSD", order_id="A-1", price=Decimal("1.0"), revision=1)


@pytest.fixture
def live() -> LiveGateway:
    return LiveGateway()


def a_limit(order_id: str = "A-1", price: str = "1.05") -> PlaceOrder:
    """A limit order; the default price is far below the last bid, 1.109."""
    return structs.replace(a_buy(order_id), type=OrderType.LIMIT, price=Decimal(price))


def order(live: LiveGateway, request: Request) -> OrderReply:
    reply = live.ask(request)
    assert isinstance(reply, OrderReply), reply
    return reply


def lease(live: LiveGateway, epoch: int) -> None:
    hello = live.ask(Hello(client="portfolio"))
    assert isinstance(hello, HelloReply)
    live.ask(Lease(holder="portfolio", epoch=epoch, seen_ns=hello.lease_now_ns))


def test_a_lapsed_lease_cancels_resting_orders_and_keeps_stops_of_positions(live: LiveGateway) -> None:
    lease(live, 1)
    live.order(structs.replace(a_buy("A-1"), epoch=1, stop_loss=Decimal("1.05")))
    live.order(structs.replace(a_limit("A-2"), epoch=1))
    live.wait(LEASE_MS + 1_000)
    assert live.status("A-2") == "CANCELED"
    reply = live.ask(GetPositions())
    assert isinstance(reply, PositionsReply)
    assert [position.stop_loss for position in reply.positions] == [Decimal("1.05")]


def test_after_a_restart_the_lease_lapses_after_its_full_time(live: LiveGateway) -> None:
    """Only the monotonic clock counts: a step of the wall clock by a day has no effect."""
    lease(live, 1)
    live.order(structs.replace(a_limit(), epoch=1))
    live.wait(LEASE_MS - 1)
    live.boot()
    live.wall_step_ns = 86_400 * SECOND_NS
    live.wait(1)
    live.wait(LEASE_MS - 1)
    assert live.status() == "ACCEPTED"
    assert live.refused(structs.replace(a_limit("A-2"), epoch=1)) == "LEASE_LAPSED"
    live.wait(1)
    assert live.status() == "CANCELED"


def test_a_lease_without_a_renewal_since_a_restart_lapses_at_the_next_restart(live: LiveGateway) -> None:
    lease(live, 1)
    live.order(structs.replace(a_limit(), epoch=1))
    for ended in ("ACCEPTED", "CANCELED"):
        live.boot()
        live.gateway.leases.record_restart()
        live.wait(1)
        assert live.status() == ended


def test_a_lease_renewed_after_each_restart_does_not_lapse(live: LiveGateway) -> None:
    lease(live, 1)
    live.order(structs.replace(a_limit(), epoch=1))
    for _ in range(3):
        live.boot()
        live.gateway.leases.record_restart()
        live.wait(1)
        lease(live, 1)
        live.gateway.leases.record_restart()
    live.wait(LEASE_MS - 1)
    assert live.status() == "ACCEPTED"


def test_only_the_first_renewal_writes_to_the_journal(live: LiveGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[LeaseRecord] = []
    set_lease = live.journal.set_lease

    def noted(lease: LeaseRecord) -> None:
        written.append(lease)
        set_lease(lease)

    monkeypatch.setattr(live.journal, "set_lease", noted)
    for _ in range(5):
        lease(live, 1)
        live.wait(1_000)
    assert written == [LeaseRecord(1, "portfolio")]


def test_a_lapse_is_enforced_without_a_tick_or_a_request(live: LiveGateway) -> None:
    """A closed market has no ticks, so the gateway needs a timer."""
    live.wait(10_000)
    assert live.gateway.next_timer() is None
    lease(live, 1)
    live.order(structs.replace(a_limit(), epoch=1))
    leased_ns = live.mono_ns
    assert live.gateway.next_timer() == leased_ns + LEASE_MS * MS
    live.wait(LEASE_MS)
    assert live.status() == "CANCELED"
    assert live.gateway.next_timer() is None


def test_a_lapse_while_the_terminal_is_unavailable_cancels_resting_orders_later(live: LiveGateway) -> None:
    lease(live, 1)
    live.order(structs.replace(a_limit(), epoch=1))
    live.play(Fault.DISCONNECTED, duration_ms=LEASE_MS + 2_000)
    live.wait(LEASE_MS)
    assert live.status() == "ACCEPTED"
    due_ns = live.gateway.next_timer()
    assert due_ns is not None
    assert live.mono_ns < due_ns <= live.mono_ns + 250 * MS
    live.wait(2_000)
    assert live.status() == "CANCELED"


def test_after_a_lost_journal_a_desks_resting_orders_are_canceled_without_a_lease(live: LiveGateway) -> None:
    """The form of the order id shows that a desk made the order, and a desk needs a lease."""
    desk_id = "0a1b2c3d-000001"
    lease(live, 1)
    live.order(structs.replace(a_limit(desk_id), epoch=1))
    live.order(a_limit("script"))
    live.journal = MemoryJournal("journal-2")
    live.boot()
    live.wait(1)
    live.wait(LEASE_MS - 1)
    assert live.status(desk_id) == "ACCEPTED"
    live.wait(1)
    assert live.status(desk_id) == "CANCELED"


def test_after_a_lost_journal_orders_without_a_desks_id_do_not_imply_a_lease(live: LiveGateway) -> None:
    live.order(a_limit("script"))
    live.journal = MemoryJournal("journal-2")
    live.boot()
    live.wait(1)
    live.wait(2 * LEASE_MS)
    assert live.status("script") == "ACCEPTED"


def test_a_halt_cancels_resting_orders(live: LiveGateway) -> None:
    live.order(a_limit())
    live.ask(Halt(reason="enough"))
    assert live.status() == "CANCELED"


def test_a_halt_while_the_terminal_is_unavailable_cancels_resting_orders_later(live: LiveGateway) -> None:
    live.order(a_limit())
    live.play(Fault.DISCONNECTED, duration_ms=2_000)
    live.ask(Halt(reason="enough"))
    assert live.status() == "ACCEPTED"
    assert live.fence() == "ACCEPTED"
    live.wait(2_000)
    assert live.status() == "CANCELED"


def test_a_halt_while_the_terminal_is_unavailable_cancels_resting_orders_after_a_restart(live: LiveGateway) -> None:
    live.order(a_limit())
    live.play(Fault.DISCONNECTED, duration_ms=2_000)
    live.ask(Halt(reason="enough"))
    assert live.status() == "ACCEPTED"
    live.boot()
    live.wait(1_000)
    assert live.status() == "CANCELED"


def test_cancel_and_modify_of_a_lower_epoch_are_refused(live: LiveGateway) -> None:
    lease(live, 2)
    live.order(structs.replace(a_limit(), epoch=2))
    assert live.refused(Cancel(order_id="A-1", epoch=1)) == "STALE_EPOCH"
    assert live.refused(structs.replace(MODIFY, epoch=1)) == "STALE_EPOCH"
    assert order(live, Cancel(order_id="A-1", epoch=2)).status == "CANCELED"


def test_a_fence_cancels_a_resting_order(live: LiveGateway) -> None:
    live.order(a_limit())
    assert live.fence() == "CANCELED"


@pytest.mark.parametrize("fault", [Fault.NO_REPLY, Fault.COMMENT_REWRITTEN, Fault.POLL_DELAY, Fault.DEAL_LATER])
def test_a_pending_order_repeated_after_a_fault_rests_once(live: LiveGateway, fault: Fault) -> None:
    live.play(fault, delay_ms=500)
    live.ask(a_limit())
    live.wait(1_000)
    assert live.order(a_limit()).status == "ACCEPTED"
    assert len(live.store.load().orders) == 1


def test_a_pending_order_held_back_by_the_terminal_is_placed_later(live: LiveGateway) -> None:
    live.play(Fault.FILL_LATER, delay_ms=3_000)
    assert live.order(a_limit()).status == "ACCEPTED"
    assert live.store.load().orders[0].wait == "HELD"
    live.wait(3_000)
    assert live.store.load().orders[0].wait == "PENDING"
    assert order(live, Cancel(order_id="A-1")).status == "CANCELED"


def test_a_close_repeated_after_a_fault_is_executed_once(live: LiveGateway) -> None:
    live.order(a_buy("A-1"))
    live.play(Fault.NO_REPLY)
    close = Close(order_id="C-1", symbol="EURUSD")
    assert order(live, close).status == "FILLED"
    live.play(Fault.BLOCKING_CALL, duration_ms=2_000)
    live.order(a_buy("A-2"))
    live.wait(2_000)
    live.play(Fault.BLOCKING_CALL, duration_ms=2_000)
    again = Close(order_id="C-2", symbol="EURUSD")
    assert order(live, again).status == "CALL_IN_PROGRESS"
    live.boot()
    assert order(live, again).status == "FILLED"
    assert order(live, again).action == "SELL"
    assert live.executed == 4


def test_a_close_repeated_after_a_crash_sends_the_order_that_the_journal_has(live: LiveGateway) -> None:
    """Another client closes the position before the repeat, so the repeated close is rejected."""
    live.order(a_buy("A-1"))
    live.play(Fault.BLOCKING_CALL, duration_ms=9_000)
    close = Close(order_id="C-1", symbol="EURUSD")
    order(live, close)
    live.boot()
    live.order(Sell(order_id="B-1", symbol="EURUSD", volume=Decimal("0.01")))
    reply = order(live, close)
    assert (reply.status, reply.error_code) == ("REJECTED", "UNKNOWN_POSITION")
    assert live.executed == 2


@pytest.mark.parametrize(
    ("fault", "meanwhile"), [(Fault.BLOCKING_CALL, "ACCEPTED"), (Fault.POLL_DELAY, "CANCELED")], ids=str
)
def test_a_cancel_is_call_in_progress_until_its_call_returns(live: LiveGateway, fault: Fault, meanwhile: str) -> None:
    ticket = live.order(a_limit()).ticket
    live.play(fault, duration_ms=2_000)
    first = order(live, Cancel(order_id="A-1"))
    assert (first.status, first.error_code) == ("CALL_IN_PROGRESS", None)
    assert (first.symbol, first.action, first.ticket) == ("EURUSD", "BUY", ticket)
    assert live.status() == meanwhile
    if meanwhile == "ACCEPTED":
        assert live.refused(Cancel(order_id="A-1")) == "VENUE_BUSY"
    live.wait(2_000)
    assert (order(live, Cancel(order_id="A-1")).status, live.status()) == ("CANCELED", "CANCELED")


def test_a_cancel_reports_an_order_that_is_still_being_placed_or_is_in_doubt(live: LiveGateway) -> None:
    live.play(Fault.BLOCKING_CALL, duration_ms=2_000)
    live.ask(a_limit())
    calling = order(live, Cancel(order_id="A-1"))
    assert (calling.status, calling.error_code, calling.symbol) == ("CALL_IN_PROGRESS", None, "EURUSD")
    live.wait(2_000)
    live.play(Fault.HISTORY_LATE, delay_ms=5_000)
    live.ask(a_limit("A-2"))
    doubtful = order(live, Cancel(order_id="A-2"))
    assert (doubtful.status, doubtful.error_code, doubtful.action) == ("IN_DOUBT", "NO_TRACE", "BUY")


def test_a_cancel_of_an_ended_order_keeps_its_status_and_error_code(live: LiveGateway) -> None:
    live.order(a_buy("A-1"))
    filled = order(live, Cancel(order_id="A-1"))
    assert (filled.status, filled.error_code) == ("FILLED", "ORDER_ENDED")
    refused = live.order(a_limit("A-2", price="1.2"))
    again = order(live, Cancel(order_id="A-2"))
    assert (again.status, again.error_code, again.error) == ("REJECTED", "INVALID_PRICE", refused.error)
    live.fence("A-3")
    fenced = order(live, Cancel(order_id="A-3"))
    assert (fenced.status, fenced.error_code) == ("EXPIRED", "FENCED")


def test_a_modification_with_another_symbol_than_its_order_is_refused(live: LiveGateway) -> None:
    live.order(a_limit())
    wrong = structs.replace(MODIFY, symbol="GBPUSD")
    assert live.refused(wrong) == "INVALID_FIELD"
    assert live.orders()[0].price == Decimal("1.05")
    assert live.ask(MODIFY).status == "OK"
    assert live.refused(wrong) == "INVALID_FIELD"


@pytest.mark.parametrize("fault", [Fault.NONE_RESULT, Fault.NOT_EXECUTED])
def test_a_cancel_without_effect_reports_that_the_order_still_rests(live: LiveGateway, fault: Fault) -> None:
    live.order(a_limit())
    live.play(fault)
    failed = order(live, Cancel(order_id="A-1"))
    assert failed.status == "ACCEPTED"
    assert failed.error_code == "NO_TRACE"
    assert order(live, Cancel(order_id="A-1")).status == "CANCELED"


def test_a_modification_that_blocks_or_has_no_answer_succeeds_when_repeated(live: LiveGateway) -> None:
    live.order(a_limit())
    live.play(Fault.BLOCKING_CALL, duration_ms=2_000)
    assert live.ask(MODIFY).status == "CALL_IN_PROGRESS"
    live.wait(2_000)
    done = live.ask(MODIFY)
    assert isinstance(done, ModifyReply)
    assert done.status == "OK"
    assert done.order is not None
    assert done.order.price == Decimal("1.0")
    live.play(Fault.NO_REPLY)
    second = structs.replace(MODIFY, price=Decimal("1.01"), revision=2)
    assert live.ask(second).status == "IN_DOUBT"
    assert live.ask(second).status == "OK"
    live.play(Fault.NOT_EXECUTED)
    third = structs.replace(MODIFY, price=Decimal("1.02"), revision=3)
    assert live.ask(third).status == "IN_DOUBT"
    assert live.ask(third).status == "OK"
    assert live.orders()[0].price == Decimal("1.02")


def test_stops_are_executed_without_requests() -> None:
    early = LiveGateway(faults=False, warm_up_ms=2_000)
    early.order(structs.replace(a_buy("A-1"), take_profit=Decimal("1.1055")))
    early.wait(8_000)
    assert [deal.reason for deal in early.deals()] == ["CLIENT", "TAKE_PROFIT"]
    assert early.deals()[1].price == Decimal("1.106")


def test_stops_are_executed_at_ticks_that_were_due_while_the_gateway_was_down() -> None:
    """A recorded market continues from the book's tick, so that no tick is skipped."""
    early = LiveGateway(faults=False, warm_up_ms=2_000)
    early.order(structs.replace(a_buy("A-1"), take_profit=Decimal("1.1055")))
    early.mono_ns += 60_000_000_000
    early.boot()
    for _ in range(8):
        early.wait(1_000)
    assert [(deal.reason, deal.price) for deal in early.deals()][1:] == [("TAKE_PROFIT", Decimal("1.106"))]
