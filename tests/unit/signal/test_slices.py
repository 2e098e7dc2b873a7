"""What strategies cannot keep up with is fetched and folded bit by bit, and nothing of it is lost or doubled."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from proto.gateway import GetTicks
from proto.messages import SymbolReport, SymbolState
from services.signal.core.operator_notices import GapFound
from tests.unit.signal.builders import Bench, TickGateway, a_page, a_walk, words

SYMBOLS = ("EURUSD", "GBPUSD", "USDJPY")


def undisturbed(count: int, seed: int = 1) -> list[tuple[object, ...]]:
    ticks = a_walk(count, seed=seed, symbols=SYMBOLS)
    return words(Bench(TickGateway(ticks), symbols=SYMBOLS).start().publish(ticks).signals)


def waiting(bench: Bench, symbol: str, from_sequence: int) -> None:
    """Give the engine the page that it would get now, to be folded later."""
    out = [tick for tick in bench.gateway.ticks[: bench.gateway.published] if tick.symbol == symbol]
    page = a_page(out[from_sequence - 1 :], symbol=symbol, from_sequence=from_sequence)
    bench.take(bench.desk.take_page(page, bench.now))


@settings(max_examples=40)
@given(data=st.data())
def test_ticks_that_are_deferred_have_their_signals_in_the_end(data: st.DataObject) -> None:
    """Every tick is folded as it comes, or deferred; pages are folded in bits of any size between them."""
    seed = data.draw(st.integers(0, 20))
    ticks = a_walk(80, seed=seed, symbols=SYMBOLS)
    deferred = data.draw(st.frozensets(st.integers(1, 80), max_size=60))
    bench = Bench(TickGateway(ticks), symbols=SYMBOLS).start()
    bench.is_gateway_reachable = False
    for tick in ticks:
        bench.gateway.published = tick.ordinal
        take = bench.desk.defer if tick.ordinal in deferred else bench.desk.handle
        bench.take(take(tick, bench.now))
        for request in bench.said(GetTicks)[-1:]:
            assert isinstance(request, GetTicks)
            waiting(bench, request.symbol, request.from_sequence)
        bench.fold(data.draw(st.integers(0, 3)))
    bench.is_gateway_reachable = True
    bench.wait(2_000)
    while bench.desk.has_page:
        bench.fold(5)
    assert words(bench.signals) == undisturbed(80, seed)
    assert len(bench.signals) == 80, "each tick has one signal and no more"


def test_a_deferred_tick_is_no_gap_and_shows_as_ticks_behind() -> None:
    ticks = a_walk(30)
    bench = Bench(TickGateway(ticks)).start().publish(ticks[:10])
    bench.is_gateway_reachable = False
    for tick in ticks[10:30]:
        bench.take(bench.desk.defer(tick, bench.now))
    assert not bench.said(GapFound)
    assert len(bench.said(GetTicks)) == 1
    hello = bench.desk._signal_hello(bench.now)
    assert hello.reports == [SymbolReport("EURUSD", SymbolState.CATCHING_UP, 20, "")]


def test_a_page_is_folded_as_far_as_is_asked_for_and_no_further() -> None:
    ticks = a_walk(30)
    bench = Bench(TickGateway(ticks)).start().publish(ticks[:10])
    bench.is_gateway_reachable = False
    bench.gateway.published = 30
    bench.take(bench.desk.defer(ticks[29], bench.now))
    waiting(bench, "EURUSD", 11)
    assert len(bench.signals) == 10, "taking a page in folds nothing"
    bench.fold(4)
    assert bench.desk.engines["EURUSD"].sequence == 14
    assert len(bench.said(GetTicks)) == 1, "nothing is asked for while a page waits"
    bench.wait(2_000)
    assert len(bench.said(GetTicks)) == 1
    bench.fold(100)
    assert not bench.desk.has_page
    assert words(bench.signals)[-1][0] == 30


def test_symbols_with_pages_take_turns() -> None:
    ticks = a_walk(60, symbols=SYMBOLS)
    bench = Bench(TickGateway(ticks), symbols=SYMBOLS).start()
    bench.is_gateway_reachable = False
    bench.gateway.published = 60
    last = {tick.symbol: tick for tick in ticks}
    for tick in last.values():
        bench.take(bench.desk.defer(tick, bench.now))
    for symbol in SYMBOLS:
        waiting(bench, symbol, 1)
    for _ in SYMBOLS:
        bench.fold(1)
    assert Counter(signal.symbol for signal in bench.signals) == dict.fromkeys(SYMBOLS, 1)
