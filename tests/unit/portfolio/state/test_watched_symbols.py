"""Watched symbols: quotes for conversion rates, without signals or orders, live and in lock-step."""

from __future__ import annotations

from msgspec import structs

from marketdata.tick_stream import build_stream
from proto.control import ControlError, DeskState
from proto.messages import Signal, Tick
from services.mt5.core.gateway.tick_publisher import LOCKSTEP, Pace
from services.portfolio.core.queries.conditions import conditions_of
from tests.support.builders import START_NS, TICK_NS, a_gateway, a_signal, a_tick, rows_of, some_rules
from tests.support.desk_harness import DeskHarness
from tests.unit.portfolio.decision.manual_desk import an_order, reply_to

HALF_NS = TICK_NS // 2
GOLD = [(2_350.0 + n, 2_350.1 + n) for n in range(20)]
EURO = [(1.08, 1.0802)] * 20


def a_desk(pace: Pace, *, watched: tuple[str, ...] = ("EURUSD",)) -> DeskHarness:
    """A desk in EUR that trades gold; EURUSD has a tick half a second before each tick of gold."""
    stream = build_stream(
        [rows_of("XAUUSD", GOLD), rows_of("EURUSD", EURO, first_ns=START_NS - HALF_NS)], accept_crossed=False
    )
    gateway = a_gateway(stream, pace=pace, currency="EUR")
    rules = structs.replace(some_rules("XAUUSD"), watched=watched)
    driven = DeskHarness(gateway, rules=rules)
    driven.answer_all(driven.start())
    if pace.window:
        driven.hello("XAUUSD")
    driven.answer_all(driven.pause())
    return driven


def euro(number: int) -> Tick:
    """The tick of EURUSD before the tick of gold with the same number."""
    time_ns = START_NS - HALF_NS + (number - 1) * TICK_NS
    return a_tick(ordinal=2 * number - 1, sequence=number, time_ns=time_ns, bid=1.08, ask=1.0802)


def gold(number: int, direction: int) -> Signal:
    bid, ask = GOLD[number - 1]
    time_ns = START_NS + (number - 1) * TICK_NS
    return a_signal(2 * number, direction, symbol="XAUUSD", sequence=number, time_ns=time_ns, bid=bid, ask=ask)


def publish(driven: DeskHarness, tick: Tick) -> None:
    driven.answer_all(driven.market(tick))
    driven.answer_all(driven.pause())


def test_a_lock_step_desk_decides_a_watched_tick_in_stream_order_and_counts_no_signal_for_it() -> None:
    driven = a_desk(LOCKSTEP)
    assert driven.state.stream.desk_state is DeskState.RUNNING
    driven.gateway.on_timer(driven.now)
    driven.answer_all(driven.deliver(gold(1, 1)))
    assert driven.state.stream.cursor.ordinal == 0, "the preceding tick of EURUSD has not arrived"
    publish(driven, euro(1))
    cursor = driven.state.stream.cursor
    assert (cursor.ordinal, cursor.processed, cursor.buy, cursor.hold) == (2, 1, 1, 0)
    assert cursor.denied == {}
    assert [order.symbol for order in driven.state.account.book.orders.values()] == ["XAUUSD"]
    publish(driven, euro(1))
    assert driven.state.stream.duplicates == 1


def test_a_live_desk_uses_watched_quotes_and_expects_no_signal_process_for_them() -> None:
    driven = a_desk(Pace(0, 1.0))
    driven.gateway.on_timer(driven.now)
    publish(driven, euro(1))
    driven.answer_all(driven.deliver(gold(1, 1)))
    assert driven.state.stream.cursor.denied == {}
    assert [order.symbol for order in driven.state.account.book.orders.values()] == ["XAUUSD"]
    driven.wait(0)
    assert {one.subject for one in conditions_of(driven.state, driven.mono_ns)} <= {"", "XAUUSD"}


def test_a_watched_tick_of_another_stream_or_before_the_desk_is_connected_is_ignored() -> None:
    driven = a_desk(LOCKSTEP)
    publish(driven, structs.replace(euro(1), stream_id="other"))
    assert driven.state.stream.cursor.ordinal == 0
    driven.state.stream.set_desk_state(DeskState.CONNECTING, "a test")
    publish(driven, euro(1))
    assert driven.portfolio.queued_signals == 0


def test_an_order_in_a_watched_symbol_is_refused() -> None:
    driven = a_desk(Pace(0, 1.0))
    driven.gateway.on_timer(driven.now)
    publish(driven, euro(1))
    driven.answer_all(driven.deliver(gold(1, 0)))
    refused = driven.command(an_order())
    assert isinstance(refused, ControlError)
    assert refused.error == "symbol is EURUSD, expected one that the desk trades: XAUUSD"
    assert reply_to(driven, an_order(symbol="XAUUSD")).order_ids


def test_a_gateway_with_an_unexpected_symbol_fails_the_desk() -> None:
    driven = a_desk(LOCKSTEP, watched=())
    assert driven.state.stream.desk_state is DeskState.FAILED
    assert driven.state.stream.waiting_for == "the gateway serves EURUSD, XAUUSD, expected XAUUSD"
