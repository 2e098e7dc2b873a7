"""Ticks that come too fast for the strategies are fetched later and processed in steps. No tick is lost or repeated."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from common.event_loop import BURST_NS
from proto.gateway import GetTicks
from proto.messages import SymbolReport, SymbolState
from services.signal.core.backfill import QUICK_STEP_NS
from services.signal.core.operator_notices import GapFound
from services.signal.core.signal_engine import SLICE_NS
from tests.unit.signal.builders import Bench, TickGateway, a_page, a_walk, decisions

SYMBOLS = ("EURUSD", "GBPUSD", "USDJPY")


def undisturbed(count: int, seed: int = 1) -> list[tuple[object, ...]]:
    ticks = a_walk(count, seed=seed, symbols=SYMBOLS)
    return decisions(Bench(TickGateway(ticks), symbols=SYMBOLS).start().publish(ticks).signals)


def give_page(bench: Bench, symbol: str, from_sequence: int) -> None:
    """Deliver the page that the gateway would send now, without letting the engine process its ticks."""
    out = [tick for tick in bench.gateway.ticks[: bench.gateway.published] if tick.symbol == symbol]
    page = a_page(out[from_sequence - 1 :], symbol=symbol, from_sequence=from_sequence)
    bench.take(bench.engine.handle(page, bench.now))


@settings(max_examples=40)
@given(data=st.data())
def test_deferred_ticks_get_the_same_signals_later(data: st.DataObject) -> None:
    """Each tick is processed at once or deferred; between ticks, pages are processed in steps of random size."""
    seed = data.draw(st.integers(0, 20))
    ticks = a_walk(80, seed=seed, symbols=SYMBOLS)
    deferred = data.draw(st.frozensets(st.integers(1, 80), max_size=60))
    bench = Bench(TickGateway(ticks), symbols=SYMBOLS).start()
    bench.is_gateway_reachable = False
    for tick in ticks:
        bench.gateway.published = tick.ordinal
        if tick.ordinal in deferred:
            bench.defer(tick)
        else:
            bench.publish([tick])
        for request in bench.outputs_of(GetTicks)[-1:]:
            assert isinstance(request, GetTicks)
            give_page(bench, request.symbol, request.from_sequence)
        for _ in range(data.draw(st.integers(0, 3)) if bench.has_page else 0):
            bench.process_some()
    bench.is_gateway_reachable = True
    bench.wait(2_000)
    assert decisions(bench.signals) == undisturbed(80, seed)
    assert len(bench.signals) == 80, "each tick has exactly one signal"


def test_a_deferred_tick_is_reported_as_catching_up_and_not_as_a_gap() -> None:
    ticks = a_walk(30)
    bench = Bench(TickGateway(ticks)).start().publish(ticks[:10])
    bench.is_gateway_reachable = False
    for tick in ticks[10:30]:
        bench.defer(tick)
    assert not bench.outputs_of(GapFound)
    assert len(bench.outputs_of(GetTicks)) == 1
    hello = bench.engine._signal_hello(bench.now)
    assert hello.reports == [SymbolReport("EURUSD", SymbolState.CATCHING_UP, 20, "")]


def test_steps_through_a_page_grow_while_strategies_are_quick() -> None:
    ticks = a_walk(40)
    bench = Bench(TickGateway(ticks)).start().publish(ticks[:10])
    bench.is_gateway_reachable = False
    bench.gateway.published = 40
    bench.defer(ticks[39])
    give_page(bench, "EURUSD", 11)
    assert len(bench.signals) == 10, "the arrival of a page does not process its ticks"
    reached = []
    while bench.has_page:
        bench.process_some()
        reached.append(bench.engine.engines["EURUSD"].sequence)
    assert reached == [11, 13, 17, 21, 25, 29, 33, 37, 40]
    assert len(bench.outputs_of(GetTicks)) == 1, "no page is requested while another page waits"
    assert decisions(bench.signals)[-1][0] == 40


def test_with_a_slow_strategy_each_step_processes_one_tick() -> None:
    ticks = a_walk(20)
    bench = Bench(TickGateway(ticks)).start()
    bench.is_gateway_reachable = False
    bench.gateway.published = 20
    bench.defer(ticks[19])
    give_page(bench, "EURUSD", 1)
    for sequence in range(1, 6):
        bench.process_some()
        assert bench.engine.engines["EURUSD"].sequence == sequence
        bench.mono_ns += QUICK_STEP_NS + 1


def test_strategies_may_use_half_of_the_time_of_a_burst() -> None:
    assert 2 * SLICE_NS == BURST_NS


def test_symbols_with_fetched_pages_are_served_in_turn() -> None:
    ticks = a_walk(60, symbols=SYMBOLS)
    bench = Bench(TickGateway(ticks), symbols=SYMBOLS).start()
    bench.is_gateway_reachable = False
    bench.gateway.published = 60
    last = {tick.symbol: tick for tick in ticks}
    for tick in last.values():
        bench.defer(tick)
    for symbol in SYMBOLS:
        give_page(bench, symbol, 1)
    for _ in SYMBOLS:
        bench.process_some()
    assert {signal.symbol for signal in bench.signals} == set(SYMBOLS)
