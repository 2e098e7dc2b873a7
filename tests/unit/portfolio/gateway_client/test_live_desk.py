"""A live desk: deadlines by the venue's clock, reconnects, the signal queue, and orders without an answer."""

from __future__ import annotations

import pytest
from msgspec import structs

from proto.control import DeskState, needs_person
from proto.gateway import Buy, Confirm, Hello, HelloReply
from proto.messages import MarketHeartbeat
from services.mt5.core.gateway.tick_publisher import Pace
from services.portfolio.core.account.events import LeverageChanged, OrderDenied
from services.portfolio.core.account.market_feed import FEED_STALE_NS
from services.portfolio.core.account.order_status import OrderStatus
from services.portfolio.core.decision.order_factory import ORDER_VALIDITY_NS
from services.portfolio.core.decision.signal_queue import LIVE_DECISIONS_MAX, QUEUED_SIGNALS_MAX
from services.portfolio.core.queries.conditions import CONNECTING_SILENT_NS, conditions_of
from services.portfolio.core.queries.status import status_of
from tests.support.builders import START_NS, STREAM_ID, TICK_NS, a_gateway, a_signal, a_stream, a_tick
from tests.support.desk_harness import RISING, DeskHarness, a_live_desk, request_of


def a_heartbeat(time_ns: int, stream_id: str = STREAM_ID) -> MarketHeartbeat:
    return MarketHeartbeat("simulated-mt5", "boot-1", stream_id, 1, {"EURUSD": 1}, time_ns)


def test_the_deadline_of_an_order_is_computed_from_the_time_of_its_tick() -> None:
    driven = a_live_desk()
    driven.answer_all(driven.deliver(a_signal(1, 1)))
    [order] = driven.requests_of(Buy)
    assert isinstance(order, Buy)
    assert order.valid_until_ns == START_NS + ORDER_VALIDITY_NS
    assert order.ordinal == 0
    [filled] = driven.state.account.book.orders.values()
    assert filled.status is OrderStatus.FILLED


def test_a_live_desk_sends_no_confirm() -> None:
    driven = a_live_desk()
    driven.answer_all(driven.deliver(a_signal(1, 1)))
    driven.answer_all(driven.pause())
    assert driven.requests_of(Confirm) == []


@pytest.mark.parametrize(("late_ns", "is_denied"), [(5 * TICK_NS, False), (5 * TICK_NS + 1, True)])
def test_a_signal_older_than_the_limit_by_the_venues_clock_makes_no_order(late_ns: int, is_denied: bool) -> None:
    driven = a_live_desk()
    driven.market(a_heartbeat(START_NS + late_ns))
    driven.answer_all(driven.deliver(a_signal(1, 1)))
    assert bool(driven.requests_of(Buy)) is not is_denied
    denials = [event for event in driven.state.account.take_events() if isinstance(event, OrderDenied)]
    assert [denial.code for denial in denials] == ["SIGNAL_STALE"] * is_denied
    if is_denied:
        assert (denials[0].limit, denials[0].observed) == ("5000 ms", "5000 ms old")
        assert driven.state.stream.cursor.marks["EURUSD"].bid == 1.1, "the quote of a denied signal counts"


@pytest.mark.parametrize("is_hello_answered", [False, True])
def test_a_gateway_without_an_answer_for_30_seconds_during_connection_is_shown_as_silent(
    is_hello_answered: bool,
) -> None:
    driven = DeskHarness(a_gateway(a_stream(*RISING), pace=Pace(0, 1.0)))
    calls = driven.start()
    if is_hello_answered:
        driven.answer(calls[0])
    state = driven.state.stream.desk_state.value
    assert state == ("RECONCILING" if is_hello_answered else "CONNECTING")
    driven.mono_ns += CONNECTING_SILENT_NS
    assert [one.code for one in status_of(driven.state, driven.mono_ns).conditions] == [state]
    driven.mono_ns += 1
    silent, _ = status_of(driven.state, driven.mono_ns).conditions
    assert (silent.code, needs_person(silent)) == ("GATEWAY_SILENT", True)
    assert silent.text == f"no usable answer for 30 s; portfolio waits for {driven.state.stream.waiting_for}"


def test_a_desk_that_cannot_write_its_ledger_does_not_report_a_silent_gateway() -> None:
    driven = a_live_desk()
    driven.deliver(a_signal(1, 1))
    driven.mono_ns += 4_000_000_000
    driven.state.warnings.on_storage_failure("the disk is full")
    assert [one.code for one in conditions_of(driven.state, driven.mono_ns)][:1] == ["STORAGE"]
    assert "GATEWAY_SILENT" not in {one.code for one in conditions_of(driven.state, driven.mono_ns)}
    driven.state.warnings.on_storage_recovery()
    assert "GATEWAY_SILENT" in {one.code for one in conditions_of(driven.state, driven.mono_ns)}


def test_signals_queued_during_a_reconnect_are_stale_if_much_older_than_the_newest_tick() -> None:
    """Ticks arrive for ten seconds before the restarted gateway answers; the first five signals are stale by then."""
    driven = a_live_desk()
    driven.portfolio.client.scheduler.on_gateway_restart()
    calls = driven.pause()
    for ordinal in range(1, 12):
        driven.deliver(a_signal(ordinal, -1))
        driven.market(a_tick(ordinal=ordinal, sequence=ordinal, time_ns=START_NS + (ordinal - 1) * TICK_NS))
    driven.answer_all(calls)
    [order] = driven.state.account.book.orders.values()
    assert order.decision.ordinal == 6
    assert driven.state.stream.cursor.denied == {"SIGNAL_STALE": 5}


def test_an_unanswered_live_order_is_in_doubt_until_the_venue_answers() -> None:
    driven = a_live_desk()
    [call] = driven.deliver(a_signal(1, 1))
    driven.drop_reply(call)
    [order] = driven.state.account.book.orders.values()
    assert order.status is OrderStatus.IN_DOUBT
    assert status_of(driven.state).in_doubt == 1
    assert driven.deliver(a_signal(2, 1)) == []
    calls = driven.wait(100)
    assert [request_of(again) for again in calls] == [request_of(call)], (
        "the order is repeated unchanged before its deadline"
    )
    driven.answer_all(calls)
    [order] = driven.state.account.book.orders.values()
    assert order.status is OrderStatus.FILLED
    assert status_of(driven.state).in_doubt == 0


def test_an_order_that_arrives_after_its_deadline_expires_unfilled() -> None:
    """The deadline passes by the venue's clock while the order is in flight."""
    driven = a_live_desk()
    [call] = driven.deliver(a_signal(1, 1))
    driven.mono_ns += 30 * TICK_NS
    driven.gateway.on_timer(driven.now)
    late = structs.replace(request_of(call), request_id="late")
    assert isinstance(late, Buy)
    [reply] = driven.gateway.handle(late, driven.now._replace(domain_ns=driven.gateway.domain_ns(driven.mono_ns)))
    driven.answer_all(driven.answer(call, reply))
    driven.answer_all(driven.wait(100))
    [order] = driven.state.account.book.orders.values()
    assert (order.status, order.code) == (OrderStatus.EXPIRED, "FENCED")
    assert driven.state.account.book.position("EURUSD").is_flat


def test_a_new_stream_makes_the_desk_connect_again() -> None:
    """The gateway has restarted with other settings: portfolio sends HELLO again and continues with the new stream."""
    driven = a_live_desk()
    calls = driven.market(a_heartbeat(START_NS, "another"))
    assert [type(request_of(call)) for call in calls] == [Hello]
    assert status_of(driven.state).waiting_for == "the gateway, which has another stream now"
    driven.answer_all(calls)
    assert driven.state.stream.desk_state is DeskState.RUNNING


def test_a_changed_leverage_of_the_same_stream_is_recorded_and_used() -> None:
    """The gateway has restarted with another MT5_LEVERAGE and the same stream."""
    driven = a_live_desk()
    stream = driven.state.account.book.stream
    assert stream is not None
    assert stream.leverage == 100
    driven.state.account.take_events()
    for leverage, changes in ((100, []), (30, [30])):
        driven.portfolio.client.scheduler.on_gateway_restart()
        [call] = driven.pause()
        [hello] = driven.gateway.handle(request_of(call), driven.now)
        assert isinstance(hello, HelloReply)
        driven.answer_all(driven.answer(call, structs.replace(hello, leverage=leverage)))
        events = driven.state.account.take_events()
        assert [event.leverage for event in events if isinstance(event, LeverageChanged)] == changes
    assert driven.state.account.book.stream == structs.replace(stream, leverage=30)


def test_ticks_before_the_first_signal_of_a_live_desk_are_not_counted_as_a_gap() -> None:
    driven = a_live_desk()
    driven.deliver(a_signal(700))
    assert driven.state.stream.cursor.gaps == 0
    driven.deliver(a_signal(705))
    assert driven.state.stream.cursor.gaps == 4


def test_a_full_signal_queue_drops_its_oldest_signal() -> None:
    driven = a_live_desk()
    driven.portfolio.client.scheduler.on_gateway_restart()
    driven.pause()
    for ordinal in range(1, QUEUED_SIGNALS_MAX + 3):
        driven.deliver(a_signal(ordinal))
    assert driven.portfolio.queued_signals == QUEUED_SIGNALS_MAX
    assert driven.state.stream.malformed == 0


def test_a_backlog_of_signals_is_decided_in_batches_in_the_sequence_of_the_ticks() -> None:
    driven = a_live_desk()
    driven.state.stream.set_desk_state(DeskState.CONNECTING, "the gateway")
    count = 2 * LIVE_DECISIONS_MAX + 10
    for ordinal in range(count, 0, -1):
        driven.deliver(a_signal(ordinal))
    driven.state.stream.set_desk_state(DeskState.RUNNING)
    decided = list[int]()
    while driven.portfolio.queued_signals:
        assert driven.portfolio.next_timer() == 0, "the next batch is due at once"
        driven.portfolio.on_timer(driven.now)
        decided.append(driven.state.stream.cursor.processed)
    assert decided == [LIVE_DECISIONS_MAX, 2 * LIVE_DECISIONS_MAX, count]
    assert driven.state.stream.cursor.sequences == {"EURUSD": count}
    assert driven.portfolio.next_timer() != 0


def test_the_status_shows_quotes_signals_orders_and_a_silent_feed() -> None:
    driven = a_live_desk()
    driven.market(a_tick())
    driven.answer_all(driven.deliver(a_signal(1, 1, confidence=0.7)))
    status = status_of(driven.state, driven.mono_ns + 40_000_000)
    quote = status.quotes["EURUSD"]
    assert (quote.bid, quote.ask, quote.age_ms) == (1.1, 1.1001, 40)
    assert quote.spread_points == pytest.approx(10)
    assert (status.signals["EURUSD"].direction, status.signals["EURUSD"].confidence) == (1, 0.7)
    assert [order.status for order in status.recent_orders] == ["FILLED"]
    assert status.venue_time_ns >= START_NS
    assert not status.feed_stale
    assert status_of(driven.state, driven.mono_ns + FEED_STALE_NS + 1).feed_stale
