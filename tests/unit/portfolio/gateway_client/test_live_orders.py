"""An order on a live desk: missing answers, the fence, a lost journal, and the limit of orders in doubt."""

from __future__ import annotations

from decimal import Decimal

from msgspec import structs

from proto.control import HaltCommand, ResumeCommand, TradingState
from proto.gateway import Buy, Fault, Fence, HelloReply, Lease, OrderReplyStatus, Sell, Simulate
from proto.messages import Call
from services.mt5.core.gateway.journal import MemoryJournal
from services.mt5.core.gateway.tick_publisher import Pace
from services.portfolio.core.account.book import JOURNAL_CHANGED
from services.portfolio.core.account.order_status import OrderStatus
from services.portfolio.core.decision.order_factory import ORDER_VALIDITY_NS
from services.portfolio.core.gateway_client.lease import RETRY_NS
from services.portfolio.core.gateway_client.order_tracker import EMPTY_PULLS_MIN, LOST_JOURNAL_WAIT_NS
from tests.support.builders import a_gateway, a_signal, a_stream, rows_of, some_rules
from tests.support.desk_harness import RISING, DeskHarness, a_live_desk, request_of
from tests.unit.portfolio.gateway_client.one_order_desk import a_reply, an_order_in_flight, calls_of, the_order

PAST_DEADLINE_MS = ORDER_VALIDITY_NS // 1_000_000 + 1


def requests_after_the_deadline(driven: DeskHarness) -> list[Call]:
    """Let the deadline pass without an answer; return the desk's next requests for the order."""
    return calls_of(driven.wait(PAST_DEADLINE_MS), (Fence, Buy))  # type: ignore[arg-type]


def test_an_order_that_never_reached_the_gateway_is_fenced_after_its_deadline() -> None:
    driven = a_live_desk()
    driven.drop_reply(an_order_in_flight(driven))
    [fence] = requests_after_the_deadline(driven)
    assert request_of(fence) == Fence(order_id=the_order(driven).order_id)
    driven.answer_all([fence])
    assert (the_order(driven).status, the_order(driven).code) == (OrderStatus.EXPIRED, "FENCED")
    assert driven.state.account.book.open_orders == {}


def test_a_fence_of_an_order_that_the_venue_has_executed_returns_its_fill() -> None:
    driven = a_live_desk()
    call = an_order_in_flight(driven)
    driven.gateway.handle(request_of(call), driven.now)
    driven.drop_reply(call)
    driven.answer_all(driven.wait(PAST_DEADLINE_MS))
    assert the_order(driven).status is OrderStatus.FILLED
    assert driven.state.account.book.position("EURUSD").net_volume == Decimal("0.01")


def test_a_venue_call_without_effect_is_repeated_within_the_deadline() -> None:
    """Portfolio repeats its request; the gateway calls the venue again, whose complete list lacks the order."""
    driven = a_live_desk(faults=True)
    driven.gateway.handle(Simulate(fault=Fault.NONE_RESULT, count=1), driven.now)
    driven.answer_all([an_order_in_flight(driven)])
    assert the_order(driven).status is OrderStatus.IN_DOUBT
    driven.answer_all(driven.wait(2_000))
    assert the_order(driven).status is OrderStatus.FILLED
    assert driven.gateway.venue.order_count == 1


def test_an_order_whose_venue_calls_have_no_effect_is_fenced_after_the_deadline() -> None:
    driven = a_live_desk(faults=True)
    driven.gateway.handle(Simulate(fault=Fault.NONE_RESULT, count=1_000), driven.now)
    driven.answer_all([an_order_in_flight(driven)])
    driven.answer_all(driven.wait(PAST_DEADLINE_MS))
    driven.answer_all(driven.wait(2_000))
    assert (the_order(driven).status, the_order(driven).code) == (OrderStatus.EXPIRED, "FENCED")
    assert driven.gateway.venue.order_count == 0


def test_an_order_stays_in_doubt_until_the_gateway_presumes_that_it_expired() -> None:
    driven = a_live_desk()
    call = an_order_in_flight(driven)
    reply = a_reply(driven, OrderReplyStatus.IN_DOUBT)
    driven.answer(call, reply)
    assert the_order(driven).status is OrderStatus.IN_DOUBT
    [call] = calls_of(driven.wait(PAST_DEADLINE_MS), Fence)
    for _ in range(3):
        driven.answer(call, reply)
        [call] = calls_of(driven.wait(2_000), Fence)
    driven.answer(call, structs.replace(reply, status=OrderReplyStatus.PRESUMED_EXPIRED))
    assert the_order(driven).status is OrderStatus.PRESUMED_EXPIRED
    assert driven.state.account.book.trading_state is TradingState.ACTIVE


def test_an_order_in_doubt_blocks_only_its_own_symbol() -> None:
    from marketdata.tick_stream import build_stream

    stream = build_stream([rows_of("EURUSD", RISING), rows_of("GBPUSD", RISING)], accept_crossed=False)
    driven = DeskHarness(a_gateway(stream, pace=Pace(0, 1.0)), rules=some_rules("EURUSD", "GBPUSD"))
    driven.answer_all(driven.start())
    driven.gateway.on_timer(driven.now)
    driven.drop_reply(an_order_in_flight(driven))
    driven.answer_all(driven.deliver(a_signal(2, 1, symbol="GBPUSD", sequence=1)))
    statuses = {order.symbol: order.status for order in driven.state.account.book.orders.values()}
    assert statuses == {"EURUSD": OrderStatus.IN_DOUBT, "GBPUSD": OrderStatus.FILLED}
    driven.answer_all(driven.deliver(a_signal(3, 1, sequence=2)))
    assert len(driven.state.account.book.orders) == 2


def test_too_many_orders_in_doubt_halt_the_desk() -> None:
    driven = a_live_desk(doubt_orders_max=0)
    driven.drop_reply(an_order_in_flight(driven))
    assert driven.state.account.book.trading is not None
    assert (driven.state.account.book.trading.state, driven.state.account.book.trading.by) == (
        TradingState.HALTED,
        "doubt",
    )
    assert driven.state.account.book.trading.reason == "IN_DOUBT_LIMIT: 1 orders in doubt, limit 0"


def test_a_halted_desk_fences_an_order_in_flight_instead_of_repeating_it() -> None:
    driven = a_live_desk()
    call = an_order_in_flight(driven)
    driven.command(HaltCommand("news"))
    driven.drop_reply(call)
    assert [type(request_of(again)) for again in driven.wait(100)] == [Fence]


def test_after_a_replaced_journal_open_orders_are_in_doubt_and_not_sent_again() -> None:
    """The venue's history does not contain the order, and the new journal is empty."""
    driven = a_live_desk()
    driven.drop_reply(an_order_in_flight(driven))
    driven.gateway = a_gateway(
        a_stream(*RISING), pace=Pace(0, 1.0), journal=MemoryJournal("journal-2"), boot_id="boot-2"
    )
    driven.gateway.on_timer(driven.now)
    epoch = driven.state.lease.epoch
    driven.portfolio.client.scheduler.on_gateway_restart()
    driven.answer_all(driven.pause())
    assert (the_order(driven).status, the_order(driven).code) == (OrderStatus.IN_DOUBT, JOURNAL_CHANGED)
    assert driven.state.account.book.journal_id == "journal-2"
    assert driven.state.lease.epoch > epoch, "requests in flight under the old epoch are refused"
    before = len(driven.requests_of(Buy))
    driven.answer_all(driven.wait(PAST_DEADLINE_MS))
    assert the_order(driven).status is OrderStatus.IN_DOUBT
    for _ in range(EMPTY_PULLS_MIN + 1):
        driven.answer_all(driven.wait(LOST_JOURNAL_WAIT_NS // 1_000_000))
    assert the_order(driven).status is OrderStatus.PRESUMED_EXPIRED
    assert len(driven.requests_of(Buy)) == before


def test_another_portfolio_with_the_lease_halts_this_one_until_a_person_resumes_it() -> None:
    driven = a_live_desk()
    [hello] = driven.gateway.handle(request_of(driven.start()[0]), driven.now)
    assert isinstance(hello, HelloReply)
    driven = a_live_desk()
    other = Lease(holder="other", epoch=driven.state.lease.epoch + 5, seen_ns=hello.lease_now_ns)
    [token] = driven.gateway.handle(other, driven.now)
    driven.gateway.handle(structs.replace(other, seen_ns=token.lease_now_ns), driven.now)  # type: ignore[union-attr]
    driven.answer_all(driven.wait(1_000))
    assert driven.state.account.book.trading is not None
    assert driven.state.account.book.trading.reason.startswith("LEASE_LOST: another portfolio leads this account")
    driven.answer_all(driven.deliver(a_signal(1, 1)))
    assert driven.requests_of(Buy) == []
    driven.command(ResumeCommand("that one is gone"))
    driven.answer_all(driven.pause())
    driven.answer_all(driven.wait(RETRY_NS // 1_000_000))
    driven.answer_all(driven.deliver(a_signal(2, 1)))
    assert the_order(driven).status is OrderStatus.FILLED
    assert driven.requests_of(Sell) == []
