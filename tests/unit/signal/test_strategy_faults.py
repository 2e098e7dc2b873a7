"""The fault of a strategy stops only the strategy of its symbol, and is reported in one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from msgspec import structs

from common.errors import StartError
from proto.codec import encode
from proto.messages import STRATEGY_FAULT, Signal, SignalHello, SymbolReport, SymbolState
from proto.trading.units import MAX_FRAME_BYTES
from services.signal.call_marker import DEATHS_MAX, LOADING_DEATHS_MAX, CallMarker
from services.signal.core.operator_notices import GapLost, StrategyStopped
from services.signal.core.signal_engine import SignalEngine
from services.signal.core.strategy import Strategy
from services.signal.core.strategy_fault import StrategyError, StrategyFault
from services.signal.core.symbol_engine import SymbolEngine
from services.signal.strategy_loader import StrategyLoadError, strategy_factories
from tests.support import faulty_strategies
from tests.support.faulty_strategies import AT_THE_START, FAULT_TICK, ON_A_TICK, RestoreRaises, Sound
from tests.unit.signal.builders import Bench, TickGateway, a_page, a_walk

SYMBOLS = ("EURUSD", "NZDUSD")
TICKS = a_walk(60, symbols=SYMBOLS)
OF_EURUSD = [tick for tick in TICKS if tick.symbol == "EURUSD"]
HERE = "tests.support.faulty_strategies"


def a_bench(make: type[Sound], **fields: object) -> Bench:
    bench = Bench(TickGateway(TICKS), symbols=SYMBOLS, make_strategy=Sound)
    bench.engine = SignalEngine(
        publisher="signal.test",
        boot_id="s1",
        make_strategies={"EURUSD": make, "NZDUSD": Sound},
        **fields,  # type: ignore[arg-type]
    )
    return bench


def directions(signals: list[Signal], symbol: str) -> list[tuple[int, float, str]]:
    return [(s.direction, s.confidence, s.reason) for s in signals if s.symbol == symbol]


@pytest.mark.parametrize(("make", "message"), ON_A_TICK.items(), ids=lambda one: getattr(one, "__name__", ""))
def test_a_fault_on_a_tick_stops_only_the_strategy_of_its_symbol(make: type[Sound], message: str) -> None:
    sound = a_bench(Sound).start().publish(TICKS)
    bench = a_bench(make).start().publish(TICKS)
    bench.wait(1_000)
    notice = bench.outputs_of(StrategyStopped)
    assert len(notice) == 1, "the fault is reported once"
    fault = notice[0].fault  # type: ignore[union-attr]
    assert (fault.symbol, fault.strategy, fault.sequence) == ("EURUSD", make.name, FAULT_TICK)
    assert fault.time_ns == OF_EURUSD[FAULT_TICK - 1].time_ns
    assert fault.error.startswith(message)
    assert len(fault.text) <= 400
    assert "\n" not in fault.text
    assert fault.text.startswith(f"strategy {make.name}, tick {FAULT_TICK} of EURUSD at 2014-05-01T00:00:")
    assert directions(bench.signals, "NZDUSD") == directions(sound.signals, "NZDUSD")
    expected = directions(sound.signals, "EURUSD")
    held = [(0, 0.0, STRATEGY_FAULT)] * (len(expected) - FAULT_TICK + 1)
    assert directions(bench.signals, "EURUSD") == expected[: FAULT_TICK - 1] + held, "every tick has its signal"
    first_hold = next(
        number for number, out in enumerate(bench.outputs) if getattr(out, "reason", "") == STRATEGY_FAULT
    )
    hello = bench.outputs[first_hold - 1]
    assert isinstance(hello, SignalHello), "the hello message is sent before the first HOLD"
    assert SymbolReport("EURUSD", SymbolState.FAULT, 0, fault.text) in hello.reports


@pytest.mark.parametrize(("make", "message"), AT_THE_START.items(), ids=lambda one: getattr(one, "__name__", ""))
def test_a_fault_before_the_first_tick_stops_only_the_strategy_of_its_symbol(make: type[Sound], message: str) -> None:
    bench = a_bench(make).start().publish(TICKS)
    (notice,) = bench.outputs_of(StrategyStopped)
    assert notice.fault.error.startswith(message)  # type: ignore[union-attr]
    assert set(directions(bench.signals, "EURUSD")) == {(0, 0.0, STRATEGY_FAULT)}
    assert directions(bench.signals, "NZDUSD") == directions(a_bench(Sound).start().publish(TICKS).signals, "NZDUSD")
    bench.engine.checkpoint()


def test_a_restart_continues_from_the_state_before_the_fault_and_calls_the_strategy_again() -> None:
    bench = a_bench(faulty_strategies.Raises).start().publish(TICKS[:5])
    before = bench.engine.checkpoint()
    bench.publish(TICKS[5:40])
    after = bench.engine.checkpoint()
    assert bench.outputs_of(StrategyStopped)
    assert after.engines[0] == before.engines[0], "the state from before the fault"

    again = a_bench(faulty_strategies.Raises)
    again.gateway = bench.gateway
    again.engine.restore(after, [])
    again.start()
    (notice,) = again.outputs_of(StrategyStopped)
    assert notice.fault.sequence == FAULT_TICK  # type: ignore[union-attr]

    mended = a_bench(Sound)
    mended.engine.strategy = after.strategy
    mended.gateway = bench.gateway
    mended.engine.restore(after, [])
    mended.start().publish(TICKS[40:])
    assert not mended.outputs_of(StrategyStopped)
    straight = directions(a_bench(Sound).start().publish(TICKS).signals, "EURUSD")
    got = directions(mended.signals, "EURUSD")
    assert got == straight[-len(got) :], "the signals equal those of a run without the fault"


def test_while_a_strategy_is_out_of_use_all_states_are_kept_in_checkpoints() -> None:
    before = a_bench(Sound).start().publish(TICKS[:20])
    saved = before.engine.checkpoint()
    fault = StrategyFault("EURUSD", "mine:S", 7, 0, "the process died 3 times")

    without = a_bench(Sound, out_of_use={"EURUSD": fault})
    without.gateway = before.gateway
    without.engine.restore(saved, [])
    assert without.engine.engines["NZDUSD"].sequence == before.engine.engines["NZDUSD"].sequence
    without.start().publish(TICKS[20:40])
    kept = without.engine.checkpoint()
    assert kept.engines[0] == saved.engines[0]

    again = a_bench(Sound)
    again.gateway = before.gateway
    again.engine.restore(kept, [])
    again.start().publish(TICKS[40:])
    straight = a_bench(Sound).start().publish(TICKS)
    for symbol in SYMBOLS:
        got = directions(again.signals, symbol)
        assert got == directions(straight.signals, symbol)[-len(got) :]


def test_a_strategy_without_a_saved_state_starts_from_the_first_tick() -> None:
    bench = a_bench(faulty_strategies.CannotBeMade).start().publish(TICKS[:40])
    saved = bench.engine.checkpoint()
    assert [state.symbol for state in saved.engines] == ["NZDUSD"]
    mended = a_bench(Sound)
    mended.gateway = bench.gateway
    mended.engine.restore(saved, [])
    mended.start()
    assert mended.engine.engines["EURUSD"].sequence == sum(tick.symbol == "EURUSD" for tick in TICKS[:40])


def test_the_state_of_another_strategy_is_refused() -> None:
    saved = a_bench(Sound).start().publish(TICKS[:20]).engine.checkpoint()
    with pytest.raises(ValueError, match="checkpoint of strategy sound, expected EURUSD=raises,NZDUSD=sound"):
        a_bench(faulty_strategies.Raises).engine.restore(saved, [])


def test_a_failed_snapshot_is_a_fault_and_the_previous_snapshot_is_kept() -> None:
    bench = a_bench(Sound).start().publish(TICKS[:20])
    good = bench.engine.checkpoint()
    engine = bench.engine.engines["EURUSD"]
    engine.strategy.snapshot = faulty_strategies.SnapshotRaises().snapshot  # type: ignore[method-assign]
    bench.publish(TICKS[20:30])
    assert bench.engine.checkpoint().engines[0] == good.engines[0]
    bench.wait(1_000)
    (notice,) = bench.outputs_of(StrategyStopped)
    assert notice.fault.error.startswith("snapshot: ValueError: no snapshot")  # type: ignore[union-attr]


def test_a_new_stream_replaces_the_snapshot_of_a_strategy_whose_snapshot_fails() -> None:
    """A restart in the new stream processes each tick of that stream; the old stream ended at tick 20 of EURUSD."""
    bench = a_bench(Sound).start().publish(TICKS[:40])
    bench.engine.engines["EURUSD"].strategy.snapshot = faulty_strategies.SnapshotRaises().snapshot  # type: ignore[method-assign]
    ticks = a_walk(60, symbols=SYMBOLS, stream_id="stream-2", seed=5)
    bench.gateway = TickGateway(ticks, stream_id="stream-2")
    bench.publish(ticks[:10])
    saved = bench.engine.checkpoint()
    assert (saved.stream_id, bench.engine.engines["EURUSD"].kept_sequence) == ("stream-2", 0)
    restarted = a_bench(Sound)
    restarted.gateway = bench.gateway
    restarted.engine.restore(saved, [])
    restarted.start().publish(ticks[10:])
    of_eurusd = [signal.sequence for signal in restarted.signals if signal.symbol == "EURUSD"]
    assert of_eurusd == list(range(1, sum(tick.symbol == "EURUSD" for tick in ticks) + 1))


def test_a_strategy_that_fails_after_a_lost_gap_is_reported_before_its_next_signal() -> None:
    """Ticks are lost, because the gateway's page is invalid. The strategy then cannot restore its initial state."""
    bench = a_bench(Sound).start().publish(TICKS[:8])
    engine = bench.engine.engines["EURUSD"]
    engine.strategy.restore = RestoreRaises().restore  # type: ignore[method-assign]
    bench.is_gateway_reachable = False
    following = engine.sequence + 1
    bench.publish(TICKS[12:20])
    lost = [tick for tick in OF_EURUSD if following <= tick.sequence < following + 2]
    page = a_page(lost, symbol="EURUSD", from_sequence=following)
    outputs = bench.engine.handle(structs.replace(page, bid=[-1.0, -1.0]), bench.now)
    assert [type(output) for output in outputs[:3]] == [GapLost, StrategyStopped, SignalHello]
    assert engine.fault is not None
    assert engine.fault.error.startswith("restore: KeyError")


def test_a_checkpoint_that_the_strategy_cannot_restore_is_refused_as_damaged() -> None:
    bench = a_bench(RestoreRaises).start().publish(TICKS[:5])
    other = a_bench(RestoreRaises)
    with pytest.raises(ValueError, match="KeyError: 'old'"):
        other.engine.restore(bench.engine.checkpoint(), [])


def test_a_hello_of_a_thousand_faults_fits_into_a_frame() -> None:
    symbols = [f"SYM{number:04}" for number in range(1_000)]
    faults = {symbol: StrategyFault(symbol, "mine", 3, 1, "x" * 200) for symbol in symbols}
    engine = SignalEngine(publisher="p", boot_id="b", make_strategies=dict.fromkeys(symbols, Sound), out_of_use=faults)
    bench = Bench(TickGateway(TICKS))
    bench.engine = engine
    bench.start()
    (hello,) = bench.outputs_of(SignalHello)
    assert len(encode(hello)) < MAX_FRAME_BYTES
    assert len(hello.reports) == 1_000  # type: ignore[union-attr]


def test_the_library_raises_the_text_of_the_fault() -> None:
    engine = SymbolEngine("EURUSD", faulty_strategies.ReturnsNone())
    for tick in OF_EURUSD[: FAULT_TICK - 1]:
        engine.on_tick(tick)
    for _ in range(2):
        with pytest.raises(StrategyError, match=r"tick 6 of EURUSD .*: returned None"):
            engine.on_tick(OF_EURUSD[FAULT_TICK - 1])


# ------------------------------------------------------------------------------------------------------------- loading


def write_module(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> str:
    (folder / f"{name}.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder))
    return f"{name}:S"


@pytest.mark.parametrize(
    ("number", "text", "message"),
    [
        (1, "import not_there_at_all", "ModuleNotFoundError: No module named 'not_there_at_all'"),
        (2, "def broken(:", "SyntaxError: invalid syntax"),
        (3, "1 / 0", "ZeroDivisionError: division by zero (sick_3."),
        (4, "raise SystemExit(0)", "SystemExit: 0 (sick_4."),
        (5, "x = 1", "AttributeError: module 'sick_5' has no attribute 'S'"),
        (6, "class S: pass", "it has no method on_tick()"),
    ],
)
def test_a_strategy_that_cannot_be_imported_is_a_fault_of_its_symbols(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, text: str, message: str
) -> None:
    sick = write_module(tmp_path, monkeypatch, f"sick_{number}", text)
    both = f"EURUSD={sick},NZDUSD={HERE}:Sound"
    with pytest.raises(StrategyLoadError):
        strategy_factories(both, SYMBOLS)
    made = strategy_factories(both, SYMBOLS, defer_errors=True)
    with pytest.raises(StrategyError) as refusal:
        made["EURUSD"]()
    assert refusal.value.fault.error.startswith(message)
    bench = Bench(TickGateway(TICKS))
    bench.engine = SignalEngine(publisher="p", boot_id="b", make_strategies=made)
    bench.start().publish(TICKS)
    (notice,) = bench.outputs_of(StrategyStopped)
    assert notice.fault.symbol == "EURUSD"  # type: ignore[union-attr]
    assert notice.fault.strategy == sick  # type: ignore[union-attr]
    assert {1, -1} <= {direction for direction, _, _ in directions(bench.signals, "NZDUSD")}


def test_an_unusable_model_is_a_fault_of_its_symbols_if_other_symbols_have_other_strategies(tmp_path: Path) -> None:
    with pytest.raises(StartError):
        strategy_factories("xgboost", SYMBOLS, model=tmp_path, defer_errors=True)
    made = strategy_factories(f"EURUSD=xgboost,NZDUSD={HERE}:Sound", SYMBOLS, model=tmp_path, defer_errors=True)
    with pytest.raises(StrategyError, match="strategy xgboost"):
        made["EURUSD"]()
    made["NZDUSD"]()


# ------------------------------------------------------------------------------------------------ deaths of the process


def die(folder: Path, symbol: str, sequence: int) -> dict[str, StrategyFault]:
    """Write the marks of a process that dies in a call of the strategy; return the faults found at its start."""
    marker = CallMarker(folder, "signal.test", SYMBOLS)
    found = marker.faults(dict.fromkeys(SYMBOLS, "mine"))
    marker.loaded()
    marker.mark()(symbol, sequence)
    return found


def test_a_strategy_is_out_of_use_after_three_deaths_at_the_same_tick(tmp_path: Path) -> None:
    assert [die(tmp_path, "NZDUSD", 123) for _ in range(DEATHS_MAX)] == [{}, {}, {}]
    marker = CallMarker(tmp_path, "signal.test", SYMBOLS)
    (fault,) = marker.faults(dict.fromkeys(SYMBOLS, "mine")).values()
    assert (fault.symbol, fault.sequence) == ("NZDUSD", 123)
    assert fault.error == "the process died 3 times inside the strategy of NZDUSD at tick 123"

    marker.mark()("EURUSD", 7)
    marker.clear()
    assert CallMarker(tmp_path, "signal.test", SYMBOLS).faults(dict.fromkeys(SYMBOLS, "mine")), "NZDUSD is out of use"

    CallMarker(tmp_path, "signal.test", SYMBOLS).end()
    assert die(tmp_path, "NZDUSD", 123) == {}, "after a normal end the strategy is called again"
    assert die(tmp_path, "NZDUSD", 123), "after one more death it is out of use"


def test_deaths_at_different_ticks_or_symbols_or_between_calls_stop_no_strategy(tmp_path: Path) -> None:
    for life in range(20):
        if life < 2 * len(SYMBOLS):  # two deaths of each symbol at this tick, one below the limit
            assert die(tmp_path, SYMBOLS[life % len(SYMBOLS)], 100) == {}
        assert die(tmp_path, "EURUSD", 200 + life) == {}
    for _ in range(20):
        marker = CallMarker(tmp_path, "signal.test", SYMBOLS)
        assert marker.faults(dict.fromkeys(SYMBOLS, "mine")) == {}
        marker.mark()("EURUSD", 5_000)
        marker.clear()


def test_a_strategy_that_ends_the_process_during_loading_is_out_of_use_after_ten_deaths(tmp_path: Path) -> None:
    for _ in range(LOADING_DEATHS_MAX):
        marker = CallMarker(tmp_path, "signal.test", SYMBOLS)
        assert marker.faults(dict.fromkeys(SYMBOLS, "mine")) == {}
        marker.mark()("EURUSD", 0)
    (fault,) = CallMarker(tmp_path, "signal.test", SYMBOLS).faults(dict.fromkeys(SYMBOLS, "mine")).values()
    assert fault.error == "the process died 10 times inside the strategy of EURUSD before its first tick"


def test_a_successful_start_forgets_deaths_during_loading(tmp_path: Path) -> None:
    for life in range(3 * LOADING_DEATHS_MAX):
        marker = CallMarker(tmp_path, "signal.test", SYMBOLS)
        assert marker.faults(dict.fromkeys(SYMBOLS, "mine")) == {}
        if life % (LOADING_DEATHS_MAX - 1) == 0:
            marker.loaded()
        marker.mark()("EURUSD", 0)


def test_each_call_of_a_strategy_is_marked_with_symbol_and_tick(tmp_path: Path) -> None:
    calls: list[tuple[str, int]] = []
    bench = a_bench(Sound, mark_call=lambda symbol, sequence: calls.append((symbol, sequence)))
    bench.start().publish(TICKS)
    expected = [(tick.symbol, tick.sequence) for tick in TICKS]
    assert [call for call in calls if call[1]] == expected
    made: Strategy = bench.engine.engines["EURUSD"].strategy
    assert made.name == "sound"


def test_a_call_that_closes_files_of_the_process_is_detected_before_the_next_call(tmp_path: Path) -> None:
    script = (
        "import os, sys, pathlib; from services.signal.call_marker import CallMarker\n"
        "mark = CallMarker(pathlib.Path(sys.argv[1]), 'signal.test', ['EURUSD', 'NZDUSD']).mark()\n"
        "mark('EURUSD', 60); os.closerange(3, 64); mark('NZDUSD', 5)"
    )
    for _ in range(DEATHS_MAX):
        ended = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, check=False)
        assert ended.returncode == 1
    (fault,) = CallMarker(tmp_path, "signal.test", SYMBOLS).faults(dict.fromkeys(SYMBOLS, "mine")).values()
    assert (fault.symbol, fault.sequence) == ("EURUSD", 60)
