"""Each tick has exactly one signal, and missed or repeated ticks and restarts do not change the signals."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proto.codec import decode_signal_message, encode
from proto.gateway import GetTicks, Hello
from proto.messages import WARMING_UP, MarketHeartbeat, SignalHello, SymbolReport, SymbolState, Tick
from services.signal.core.operator_notices import (
    GapFound,
    GapLost,
    GapRefilled,
    GatewayConnected,
    GatewayUnresponsive,
    SignalNotRetained,
    StreamChanged,
)
from services.signal.core.signal_engine import HELLO_RETRY_NS, HELLOS_UNTIL_SILENT, NOTICE_PAUSE_NS, RESEND_PAUSE_NS
from services.signal.core.signal_ring import RING_SIGNALS_MIN, SignalRing
from tests.unit.signal.builders import MS, STREAM, Bench, Momentum, TickGateway, a_page, a_walk, decisions

SYMBOLS = ("EURUSD", "NZDUSD")


def a_bench(ticks: list[Tick], *, symbols: tuple[str, ...] = ("EURUSD",)) -> Bench:
    return Bench(TickGateway(ticks), symbols=symbols, make_strategy=Momentum)


def undisturbed(ticks: list[Tick], *, symbols: tuple[str, ...] = ("EURUSD",)) -> list[tuple[object, ...]]:
    """Return the decisions of an engine that receives each tick once and in order."""
    return decisions(a_bench(ticks, symbols=symbols).start().publish(ticks).signals)


def a_heartbeat(bench: Bench, stream_id: str = STREAM) -> MarketHeartbeat:
    sequences = bench.gateway.hello().sequences
    return MarketHeartbeat("mt5-test", "boot", stream_id, bench.gateway.published, sequences, 0)


# ------------------------------------------------------------------------------------------------------- undisturbed


def test_each_tick_has_one_signal_with_its_ordinal_and_quote() -> None:
    ticks = a_walk(300, symbols=SYMBOLS)
    bench = a_bench(ticks, symbols=SYMBOLS).start().publish(ticks)
    assert [
        (s.stream_id, s.symbol, s.sequence, s.ordinal, s.time_ns, s.bid, s.ask, s.tick_published_mono_ns)
        for s in bench.signals
    ] == [(t.stream_id, t.symbol, t.sequence, t.ordinal, t.time_ns, t.bid, t.ask, t.published_mono_ns) for t in ticks]
    assert {s.publisher for s in bench.signals} == {"signal.test"}
    assert {s.sent_mono_ns for s in bench.signals} == {bench.mono_ns}


def test_each_symbol_has_its_own_warm_up() -> None:
    ticks = a_walk(100, symbols=SYMBOLS)
    bench = a_bench(ticks, symbols=SYMBOLS).start().publish(ticks)
    for signal in bench.signals:
        assert (signal.reason == WARMING_UP) == (signal.sequence <= Momentum.warm_up_ticks)


def test_every_signal_can_be_encoded_and_decoded() -> None:
    for signal in a_bench(ticks := a_walk(50)).start().publish(ticks).signals:
        assert decode_signal_message(encode(signal)) == signal


def test_hello_is_repeated_until_it_is_answered_and_the_missing_reply_reported_once() -> None:
    bench = a_bench(a_walk(1))
    bench.is_gateway_reachable = False
    bench.start().wait(30 * HELLO_RETRY_NS // MS)
    assert len(bench.outputs_of(Hello)) == 31
    assert len(bench.outputs_of(GatewayUnresponsive)) == 1
    assert not bench.outputs_of(SignalHello), "no hello message is sent to portfolio before the stream is known"
    bench.is_gateway_reachable = True
    bench.wait(HELLO_RETRY_NS // MS)
    assert len(bench.outputs_of(SignalHello)) == 1
    assert HELLOS_UNTIL_SILENT < 30


WARMING = [SymbolReport("EURUSD", SymbolState.WARMING_UP, 0, "")]


def test_a_hello_is_sent_to_portfolio_at_the_start_and_twice_a_second() -> None:
    bench = a_bench(a_walk(1)).start()
    assert bench.outputs_of(SignalHello) == [
        SignalHello("signal.test", "s1", STREAM, "momentum", ["EURUSD"], 0, 0, WARMING)
    ]
    bench.wait(3_000)
    assert len(bench.outputs_of(SignalHello)) == 7


def test_a_symbol_that_the_gateway_does_not_know_is_reported() -> None:
    bench = Bench(TickGateway(a_walk(1)), symbols=("EURUSD", "XAUUSD")).start()
    assert bench.outputs_of(GatewayConnected)[0] == GatewayConnected(STREAM, "boot", 0, 0, ("XAUUSD",))


def test_ticks_of_symbols_that_are_not_traded_are_ignored() -> None:
    ticks = a_walk(20, symbols=SYMBOLS)
    bench = a_bench(ticks).start().publish(ticks)
    assert {signal.symbol for signal in bench.signals} == {"EURUSD"}


# --------------------------------------------------------------------------------------------------------------- gaps


@settings(max_examples=60)
@given(data=st.data())
def test_signals_after_missed_ticks_equal_those_of_a_complete_stream(data: st.DataObject) -> None:
    ticks = a_walk(120, seed=data.draw(st.integers(0, 20)), symbols=SYMBOLS)
    missed = data.draw(st.frozensets(st.integers(1, 120), max_size=100))
    page = data.draw(st.sampled_from([1, 3, 1_000]))
    bench = a_bench(ticks, symbols=SYMBOLS)
    bench.gateway.page_ticks_max = page
    bench.start().publish(ticks, but=missed)
    bench.receive(a_heartbeat(bench))
    assert decisions(bench.signals) == undisturbed(ticks, symbols=SYMBOLS)
    assert len(bench.signals) == len(ticks), "each tick has exactly one signal"
    assert not bench.outputs_of(GapLost)


def test_a_gap_is_reported_fetched_and_reported_as_refilled() -> None:
    ticks = a_walk(10)
    bench = a_bench(ticks).start().publish(ticks, but=frozenset({4, 5, 6}))
    assert bench.outputs_of(GapFound) == [GapFound("EURUSD", expected=4, received=7)]
    assert [(r.from_sequence, r.limit) for r in bench.gateway.requests if isinstance(r, GetTicks)] == [(4, 1_000)]
    assert bench.outputs_of(GapRefilled) == [GapRefilled("EURUSD", 7)]
    assert bench.engine.gaps_refilled == 1


def test_a_symbol_with_a_gap_sends_no_signals_until_the_gap_is_refilled() -> None:
    ticks = a_walk(30)
    bench = a_bench(ticks).start().publish(ticks[:5])
    bench.is_gateway_reachable = False
    bench.publish(ticks[5:20], but=frozenset({6}))
    assert len(bench.signals) == 5
    bench.wait(2_000)
    assert len(bench.outputs_of(GetTicks)) == 5, "the request is repeated until it is answered"
    bench.is_gateway_reachable = True
    bench.wait(1_000).publish(ticks[20:])
    assert decisions(bench.signals) == undisturbed(ticks)


def test_the_second_reply_to_a_repeated_request_changes_nothing() -> None:
    ticks = a_walk(20)
    bench = a_bench(ticks).start().publish(ticks[:5])
    bench.is_gateway_reachable = False
    bench.publish(ticks[5:12], but=frozenset({6}))
    page = a_page(ticks[5:9], symbol="EURUSD", from_sequence=6)
    bench.is_gateway_reachable = True
    bench.receive(page)
    bench.receive(page)
    bench.publish(ticks[12:])
    assert decisions(bench.signals) == undisturbed(ticks)
    assert len(bench.signals) == 20


def test_missed_ticks_without_later_ticks_are_detected_by_the_heartbeat() -> None:
    ticks = a_walk(10)
    bench = a_bench(ticks).start().publish(ticks, but=frozenset({9, 10}))
    assert len(bench.signals) == 8
    bench.receive(a_heartbeat(bench))
    assert decisions(bench.signals) == undisturbed(ticks)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        ({"bid": [1.0, float("nan")], "ask": [1.0, 1.0]}, "a price out of range"),
        ({"bid": [1.0, 1.0], "ask": [1.0, -1.0]}, "a price out of range"),
        ({"bid": [1.0]}, "columns of different lengths"),
        ({"volume": [0.0, float("inf")]}, "a volume out of range"),
        ({"ordinal": [5, 5]}, "ordinals that do not increase"),
        ({"time_ns": [1, -1]}, "an ordinal or a time out of range"),
    ],
)
def test_after_an_invalid_page_the_ticks_of_the_gap_are_lost(spoil: dict[str, list[float]], why: str) -> None:
    ticks = a_walk(20)
    bench = a_bench(ticks).start().publish(ticks[:4])
    bench.is_gateway_reachable = False
    bench.publish(ticks[6:7])
    page = msgspec.structs.replace(a_page(ticks[4:6], symbol="EURUSD", from_sequence=5), **spoil)
    bench.receive(page)
    assert bench.outputs_of(GapLost) == [GapLost("EURUSD", 5, 7, f"the gateway's answer has {why}")]


def test_a_gap_that_cannot_be_filled_is_reported_and_the_symbol_warms_up_again() -> None:
    ticks = a_walk(40)
    bench = a_bench(ticks).start().publish(ticks[:20])
    bench.gateway.ticks = [tick for tick in ticks if tick.symbol != "EURUSD"]
    bench.publish(ticks[20:], but=frozenset({21, 22}))
    lost = bench.outputs_of(GapLost)
    assert [(loss.first, loss.last) for loss in lost if isinstance(loss, GapLost)] == [(21, 23)]
    assert bench.engine.gaps_lost == 1
    after = [signal for signal in bench.signals if signal.ordinal > 23]
    assert [s.reason for s in after] == [WARMING_UP] * 5 + [""] * 12


def test_a_lost_tick_that_arrives_later_gets_a_hold_signal() -> None:
    ticks = a_walk(40)
    bench = a_bench(ticks).start().publish(ticks[:20])
    bench.gateway.ticks = []
    bench.publish(ticks[20:25], but=frozenset({21, 22})).publish(ticks[20:21])
    assert (bench.signals[-1].ordinal, bench.signals[-1].direction, bench.signals[-1].reason) == (21, 0, WARMING_UP)


def test_ticks_that_the_gateway_has_not_kept_are_lost_and_the_others_processed() -> None:
    ticks = a_walk(40)
    bench = a_bench(ticks).start().publish(ticks[:10])
    bench.is_gateway_reachable = False
    bench.publish(ticks[20:21])
    bench.is_gateway_reachable = True
    unasked = a_page(ticks[15:21], symbol="EURUSD", from_sequence=16, request_id="9:EURUSD")
    bench.receive(unasked)
    assert bench.outputs_of(GapLost) == []
    answer = a_page(ticks[15:21], symbol="EURUSD", from_sequence=16, request_id="11:EURUSD")
    bench.receive(answer)
    assert bench.outputs_of(GapLost) == [GapLost("EURUSD", 11, 15, "the gateway does not keep them")]
    bench.publish(ticks[21:])
    assert [signal.ordinal for signal in bench.signals] == [*range(1, 11), *range(16, 41)]


# ------------------------------------------------------------------------------------------------------------ repeats


def test_for_a_repeated_tick_its_signal_and_all_later_signals_are_sent_again() -> None:
    ticks = a_walk(50)
    bench = a_bench(ticks).start().publish(ticks)
    first = bench.signals
    bench.outputs.clear()
    bench.mono_ns += 200 * MS
    bench.publish(ticks[39:40])
    again = bench.signals
    assert decisions(again) == decisions(first)[39:]
    assert {signal.sent_mono_ns for signal in again} == {bench.mono_ns}
    assert [s.tick_published_mono_ns for s in again] == [s.tick_published_mono_ns for s in first[39:]]


def test_for_a_burst_of_repeated_ticks_the_signals_are_sent_again_once() -> None:
    ticks = a_walk(500)
    bench = a_bench(ticks).start().publish(ticks)
    bench.outputs.clear()
    bench.publish(ticks)
    assert len(bench.signals) == 500
    bench.mono_ns += RESEND_PAUSE_NS
    bench.publish(ticks[-1:])
    assert len(bench.signals) == 501


def test_a_repeated_tick_whose_signal_was_discarded_is_reported() -> None:
    ticks = a_walk(RING_SIGNALS_MIN + 10)
    bench = a_bench(ticks).start().publish(ticks)
    bench.outputs.clear()
    bench.publish(ticks[:3])
    assert bench.outputs == [SignalNotRetained("EURUSD", 1)]
    bench.mono_ns += NOTICE_PAUSE_NS
    bench.publish(ticks[3:6])
    assert bench.outputs == [SignalNotRetained("EURUSD", 1), SignalNotRetained("EURUSD", 4)]


def test_the_capacity_of_the_ring_covers_the_window_of_the_gateway() -> None:
    ticks = a_walk(6_000)
    bench = a_bench(ticks)
    bench.gateway.window = 5_000
    bench.start().publish(ticks)
    bench.outputs.clear()
    bench.publish(ticks[1_000:1_001])
    assert len(bench.signals) == 5_000


def test_a_ring_finds_signals_that_were_stored_out_of_order() -> None:
    ring = SignalRing()
    kept = a_bench(ticks := a_walk(10)).start().publish(ticks).signals
    ring.fill(reversed(kept))
    assert list(ring.since(3)) == kept[2:]
    assert ring.get(11) is None
    assert ring.widened(100_000).get(4) == kept[3]
    assert ring.take_unsaved() == list(reversed(kept))
    assert ring.take_unsaved() == []


# -------------------------------------------------------------------------------------------------------------- starts


@settings(max_examples=40)
@given(
    cut=st.integers(0, 150),
    published=st.integers(0, 150),
    confirmed=st.integers(0, 150),
    seed=st.integers(0, 10),
)
def test_a_start_from_any_checkpoint_sends_all_unconfirmed_signals(
    cut: int, published: int, confirmed: int, seed: int
) -> None:
    ticks = a_walk(150, seed=seed, symbols=SYMBOLS)
    before = a_bench(ticks, symbols=SYMBOLS).start().publish(ticks[:cut])
    after = a_bench(ticks, symbols=SYMBOLS)
    if cut:
        saved = msgspec.msgpack.encode(before.engine.checkpoint())
        checkpoint = msgspec.msgpack.decode(saved, type=type(before.engine.checkpoint()))
        after.engine.restore(checkpoint, before.engine.ring.take_unsaved())
    after.gateway.published = max(published, confirmed)
    after.gateway.confirmed = confirmed
    after.start().publish(ticks[after.gateway.published :])
    expected = [row for row in undisturbed(ticks, symbols=SYMBOLS) if int(str(row[0])) > confirmed]
    assert decisions(after.signals) == expected
    assert (
        after.engine.checkpoint().engines
        == a_bench(ticks, symbols=SYMBOLS).start().publish(ticks).engine.checkpoint().engines
    )


def test_a_checkpoint_of_another_strategy_is_refused() -> None:
    checkpoint = a_bench(ticks := a_walk(10)).start().publish(ticks).engine.checkpoint()
    other = Bench(TickGateway(ticks))
    with pytest.raises(ValueError, match="checkpoint of strategy momentum, expected ema_cross"):
        other.engine.restore(checkpoint, [])


def test_after_a_damaged_checkpoint_the_engine_is_in_its_initial_state() -> None:
    ticks = a_walk(10, symbols=SYMBOLS)
    checkpoint = a_bench(ticks, symbols=SYMBOLS).start().publish(ticks).engine.checkpoint()
    engines = (checkpoint.engines[0], msgspec.structs.replace(checkpoint.engines[1], snapshot=b"?"))
    engine = a_bench(ticks, symbols=SYMBOLS).engine
    with pytest.raises(ValueError, match="no snapshot of an engine"):
        engine.restore(msgspec.structs.replace(checkpoint, engines=engines), [])
    assert engine.checkpoint() == a_bench(ticks, symbols=SYMBOLS).engine.checkpoint()


def test_a_checkpoint_of_another_stream_is_dropped() -> None:
    old = a_bench(ticks := a_walk(20)).start().publish(ticks)
    renewed = a_walk(20, seed=2, stream_id="stream-2")
    bench = Bench(TickGateway(renewed, stream_id="stream-2"), make_strategy=Momentum)
    bench.engine.restore(old.engine.checkpoint(), old.signals)
    bench.start().publish(renewed)
    assert bench.outputs_of(StreamChanged) == [StreamChanged("stream-2", before=STREAM)]
    assert [signal.reason for signal in bench.signals[:6]] == [WARMING_UP] * 5 + [""]
    assert {signal.stream_id for signal in bench.signals} == {"stream-2"}


def test_after_a_change_of_the_stream_the_new_stream_is_processed_from_its_beginning() -> None:
    bench = a_bench(ticks := a_walk(20)).start().publish(ticks)
    renewed = a_walk(20, seed=2, stream_id="stream-2")
    bench.gateway = TickGateway(renewed, stream_id="stream-2")
    bench.outputs.clear()
    bench.publish(renewed)
    expected = Bench(TickGateway(renewed, stream_id="stream-2"), make_strategy=Momentum).start().publish(renewed)
    assert decisions(bench.signals) == decisions(expected.signals)
    assert bench.outputs_of(StreamChanged) == [StreamChanged("stream-2", before=STREAM)]


def test_a_late_tick_of_an_earlier_stream_changes_nothing() -> None:
    bench = a_bench(ticks := a_walk(20)).start().publish(ticks[:10])
    strange = msgspec.structs.replace(ticks[10], stream_id="stream-0")
    bench.receive(strange)
    bench.receive(a_heartbeat(bench, "stream-0"))
    bench.publish(ticks[10:])
    assert len(bench.outputs_of(StreamChanged)) == 1
    assert decisions(bench.signals) == undisturbed(ticks)
