"""Orders in doubt end only by evidence from the venue, and only the process with the lease sends orders."""

from __future__ import annotations

from decimal import Decimal

from msgspec import structs

from proto.control import ResumeCommand, TradingState
from proto.gateway import (
    Buy,
    Cancel,
    Fault,
    Fence,
    Flatten,
    HaltReply,
    Hello,
    HelloReply,
    Lease,
    OrderReplyStatus,
    Simulate,
)
from proto.messages import Call
from proto.trading.enums import OrderType
from services.mt5.core.gateway.journal import MemoryJournal
from services.mt5.core.gateway.tick_publisher import Pace
from services.mt5.core.simulated.venue import SimulatedVenue
from services.portfolio.core.account.order_status import OrderStatus
from services.portfolio.core.gateway_client.order_tracker import LOST_JOURNAL_WAIT_NS
from services.portfolio.core.plan.plan import Entry, Plan
from tests.support.builders import a_gateway, a_signal, a_stream, some_rules
from tests.support.desk_harness import RISING, DeskHarness, a_live_desk, request_of
from tests.unit.portfolio.gateway_client.one_order_desk import (
    a_reply,
    an_order_in_flight,
    calls_of,
    pass_time,
    the_order,
)


def deliver_buy(driven: DeskHarness, sequence: int) -> None:
    """Deliver a BUY signal whose tick has the current venue time."""
    time_ns = driven.state.stream.domain_ns(driven.mono_ns)
    driven.answer_all(driven.deliver(structs.replace(a_signal(sequence, 1), time_ns=time_ns)))


def test_a_wrongly_presumed_expiry_halts_the_desk_before_its_symbol_trades_again() -> None:
    """The venue's history lacks the fill for longer than the desk waits; the position at the venue shows the fill."""
    driven = a_live_desk(faults=True)
    driven.gateway.handle(Simulate(fault=Fault.HISTORY_INCOMPLETE, duration_ms=600_000), driven.now)
    driven.answer_all([an_order_in_flight(driven)])
    for sequence in range(2, 100):
        pass_time(driven, seconds=1)
        deliver_buy(driven, sequence)
    assert the_order(driven).status is OrderStatus.PRESUMED_EXPIRED
    assert driven.state.account.book.trading_state is TradingState.HALTED
    assert driven.state.account.book.trading is not None
    assert "position EURUSD" in driven.state.account.book.trading.reason
    assert driven.gateway.venue.net_volume("EURUSD") == Decimal("0.01")


def test_a_resting_order_that_was_presumed_expired_is_canceled() -> None:
    """Otherwise the order could be filled later, when the market reaches its price."""
    driven = a_live_desk(faults=True, plan=Plan(entry=Entry(type=OrderType.LIMIT, offset_points=5_000)))
    driven.gateway.handle(Simulate(fault=Fault.HISTORY_INCOMPLETE, duration_ms=100_000), driven.now)
    driven.answer_all([an_order_in_flight(driven)])
    pass_time(driven, seconds=80)
    assert the_order(driven).status is OrderStatus.PRESUMED_EXPIRED
    venue = driven.gateway.venue
    assert isinstance(venue, SimulatedVenue)
    assert len(venue.resting()) == 1
    pass_time(driven, seconds=60)
    assert not venue.resting()
    assert driven.state.account.book.trading_state is TradingState.ACTIVE


def test_a_cancel_refused_for_a_superseded_epoch_halts_with_lease_lost() -> None:
    driven = a_live_desk(faults=True, plan=Plan(entry=Entry(type=OrderType.LIMIT, offset_points=5_000)))
    driven.gateway.handle(Simulate(fault=Fault.HISTORY_INCOMPLETE, duration_ms=100_000), driven.now)
    driven.answer_all([an_order_in_flight(driven)])
    calls: list[Call] = []
    cancels: list[Call] = []
    while not cancels:
        calls = [following for call in calls for following in driven.answer(call)] + driven.wait(500)
        cancels = [call for call in calls if isinstance(request_of(call), Cancel)]
    [hello] = driven.gateway.handle(Hello(client="other"), driven.now)
    assert isinstance(hello, HelloReply)
    lease = Lease(holder="other", epoch=driven.state.lease.epoch + 1, seen_ns=hello.lease_now_ns)
    [leased] = driven.gateway.handle(lease, driven.now)
    assert leased.error_code is None
    driven.answer_all(driven.answer(cancels[0]))
    assert [cause.code for cause in driven.state.account.state_causes] == ["LEASE_LOST"]


def test_after_a_correctly_presumed_expiry_one_reconciliation_without_differences_allows_new_orders() -> None:
    driven = a_live_desk(faults=True)
    driven.gateway.handle(Simulate(fault=Fault.NOT_EXECUTED, count=1), driven.now)
    driven.answer_all([an_order_in_flight(driven)])
    pass_time(driven, seconds=80)
    assert the_order(driven).status is OrderStatus.PRESUMED_EXPIRED
    assert driven.state.warnings.unproven_symbols == set()
    deliver_buy(driven, 2)
    assert [order.status for order in driven.state.account.book.orders.values()] == [
        OrderStatus.PRESUMED_EXPIRED,
        OrderStatus.FILLED,
    ]


def test_an_order_of_a_lost_journal_stays_in_doubt_until_the_venue_can_be_queried() -> None:
    driven = a_live_desk()
    driven.drop_reply(an_order_in_flight(driven))
    driven.gateway = a_gateway(
        a_stream(*RISING), pace=Pace(0, 1.0), journal=MemoryJournal("journal-2"), boot_id="boot-2", faults=True
    )
    driven.gateway.on_timer(driven.now)
    away_ms = 2 * LOST_JOURNAL_WAIT_NS // 1_000_000
    driven.gateway.handle(Simulate(fault=Fault.DISCONNECTED, duration_ms=away_ms), driven.now)
    driven.portfolio.client.scheduler.on_gateway_restart()
    calls = driven.pause()
    for _ in range(2 * away_ms // 1_000 - 10):
        calls = [following for call in calls for following in driven.answer(call)] + driven.wait(500)
    assert the_order(driven).status is OrderStatus.IN_DOUBT
    for _ in range(60):
        calls = [following for call in calls for following in driven.answer(call)] + driven.wait(500)
    assert the_order(driven).status is OrderStatus.PRESUMED_EXPIRED


def test_only_one_of_two_portfolios_that_connect_at_the_same_time_gets_the_lease() -> None:
    gateway = a_gateway(a_stream(*RISING), pace=Pace(0, 1.0))
    one, other = (DeskHarness(gateway, rules=some_rules(), boot_id=name) for name in ("one", "other"))
    starts = [(desk, desk.start()[0]) for desk in (one, other)]
    hellos = [gateway.handle(request_of(call), desk.now)[0] for desk, call in starts]
    for (desk, call), hello in zip(starts, hellos, strict=True):
        desk.answer_all(desk.answer(call, hello))
    gateway.on_timer(one.now)
    one.answer_all(one.pause())
    other.answer_all(other.pause())
    assert (one.state.lease.epoch, other.state.lease.epoch) == (1, 1)
    for desk in (one, other):
        desk.answer_all(desk.deliver(a_signal(1, 1)))
    assert (one.state.lease.is_superseded, other.state.lease.is_superseded) == (False, True)
    assert gateway.venue.order_count == 1


def test_a_resumed_desk_sends_nothing_before_it_has_the_lease_again() -> None:
    driven = a_live_desk()
    driven.drop_reply(an_order_in_flight(driven))
    driven.state.lease.lose_leadership("epoch 9 leads the account")
    driven.command(ResumeCommand("that one is gone"))
    assert calls_of(driven.wait(200), Buy) == []
    driven.answer_all(driven.pause())
    pass_time(driven, seconds=2)
    assert the_order(driven).status is OrderStatus.FILLED
    assert [request.epoch for request in driven.requests if isinstance(request, Buy)] == [1, 2]


def test_an_accepted_order_that_is_rejected_later_ends_as_rejected() -> None:
    driven = a_live_desk()
    call = an_order_in_flight(driven)
    reply = a_reply(driven, OrderReplyStatus.ACCEPTED)
    driven.answer(call, reply)
    [again] = calls_of(driven.wait(200), Buy)
    driven.answer(again, structs.replace(reply, status=OrderReplyStatus.REJECTED))
    assert the_order(driven).status is OrderStatus.REJECTED


def test_an_accepted_market_order_past_its_deadline_is_canceled_by_the_fence() -> None:
    driven = a_live_desk(faults=True)
    driven.gateway.handle(Simulate(fault=Fault.FILL_LATER, count=1, delay_ms=60_000), driven.now)
    driven.answer_all([an_order_in_flight(driven)])
    assert the_order(driven).status is OrderStatus.ACCEPTED
    pass_time(driven, seconds=10)
    assert the_order(driven).status is OrderStatus.CANCELED
    pass_time(driven, seconds=60)
    assert driven.gateway.venue.net_volume("EURUSD") == 0


def test_flatten_at_the_gateway_cancels_resting_orders() -> None:
    driven = a_live_desk(faults=True)
    driven.gateway.handle(Simulate(fault=Fault.FILL_LATER, count=1, delay_ms=60_000), driven.now)
    driven.answer_all([an_order_in_flight(driven)])
    [reply] = driven.gateway.handle(Flatten(reason="portfolio is gone"), driven.now)
    assert isinstance(reply, HaltReply)
    assert reply.is_halted
    driven.mono_ns += 61_000_000_000
    driven.gateway.on_timer(driven.now)
    assert driven.gateway.venue.net_volume("EURUSD") == 0


def test_resting_orders_are_canceled_when_the_lease_lapses() -> None:
    driven = a_live_desk(faults=True)
    driven.gateway.handle(Simulate(fault=Fault.FILL_LATER, count=1, delay_ms=60_000), driven.now)
    driven.answer_all([an_order_in_flight(driven)])
    driven.mono_ns += 6_000_000_000
    driven.gateway.on_timer(driven.now)
    driven.mono_ns += 60_000_000_000
    driven.gateway.on_timer(driven.now)
    assert driven.gateway.venue.net_volume("EURUSD") == 0
    [fence] = [call for call in driven.wait(1) if isinstance(request_of(call), Fence)]
    driven.answer_all([fence])
    assert the_order(driven).status is OrderStatus.CANCELED


def test_a_signal_becomes_stale_by_the_venues_clock_even_without_ticks() -> None:
    driven = a_live_desk()
    driven.mono_ns += 60_000_000_000
    driven.answer_all(driven.deliver(a_signal(1, 1)))
    assert driven.state.account.book.orders == {}
    assert driven.state.stream.cursor.denied == {"SIGNAL_STALE": 1}
