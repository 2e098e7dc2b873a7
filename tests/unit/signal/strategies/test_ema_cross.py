"""`ema_cross`, compared with a reference implementation, and its snapshots."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proto.messages import WARMING_UP
from services.signal.core.strategies.ema_cross import EmaCross, EmaCrossParameters
from services.signal.core.symbol_engine import SignalValue, SymbolEngine
from services.signal.core.tick_buffer import TickBuffer
from tests.unit.signal.builders import Momentum, a_walk


def reference(quotes: list[tuple[float, float]], *, fast_ticks: int = 50, slow_ticks: int = 500) -> list[int]:
    """Return the direction after each tick, 0 during the warm-up: a simple reference implementation."""
    sides = []
    fast = slow = 0.0
    side = 0
    for number, (bid, ask) in enumerate(quotes, start=1):
        mid = (bid + ask) / 2
        if number == 1:
            fast = slow = mid
        else:
            fast = fast + 2 / (fast_ticks + 1) * (mid - fast)
            slow = slow + 2 / (slow_ticks + 1) * (mid - slow)
        if fast > slow:
            side = 1
        elif fast < slow:
            side = -1
        sides.append(side if number > slow_ticks else 0)
    return sides


@pytest.mark.parametrize("seed", range(5))
def test_directions_equal_those_of_the_reference_implementation(seed: int) -> None:
    ticks = a_walk(6_000, seed=seed)
    engine = SymbolEngine("EURUSD", EmaCross())
    directions = [engine.on_tick(tick).direction for tick in ticks]
    assert directions == reference([(tick.bid, tick.ask) for tick in ticks])
    assert {1, -1} <= set(directions), "the random walk must have both directions"


@pytest.mark.parametrize(("fast_ticks", "slow_ticks"), [(1, 2), (20, 300), (3, 700)])
def test_lengths_of_the_averages_and_the_warm_up_are_parameters(fast_ticks: int, slow_ticks: int) -> None:
    ticks = a_walk(2_000)
    engine = SymbolEngine("EURUSD", EmaCross(EmaCrossParameters(fast_ticks=fast_ticks, slow_ticks=slow_ticks)))
    directions = [engine.on_tick(tick).direction for tick in ticks]
    quotes = [(tick.bid, tick.ask) for tick in ticks]
    assert directions == reference(quotes, fast_ticks=fast_ticks, slow_ticks=slow_ticks)
    assert {1, -1} <= set(directions)


def test_a_faster_average_that_is_not_shorter_is_refused() -> None:
    with pytest.raises(ValueError, match="fast_ticks is 500, expected less than slow_ticks, 500"):
        EmaCrossParameters(fast_ticks=500)


def test_the_first_signal_other_than_hold_is_on_tick_501() -> None:
    engine = SymbolEngine("EURUSD", EmaCross())
    signals = [engine.on_tick(tick) for tick in a_walk(502)]
    assert set(signals[:500]) == {SignalValue(0, 0.0, WARMING_UP)}
    assert signals[500].reason == signals[501].reason == ""
    assert signals[500].direction in (-1, 1)
    assert signals[500].confidence == 1.0


def test_the_direction_is_0_if_the_price_never_changed() -> None:
    engine = SymbolEngine("EURUSD", EmaCross())
    decisions = [engine.process_tick(sequence, sequence, 1.1, 1.1002, 0.0) for sequence in range(1, 600)]
    assert decisions[-1] == SignalValue(0, 0.0, "")


@pytest.mark.parametrize("side", [-1, 0, 1])
def test_the_direction_stays_the_same_while_both_averages_are_equal(side: int) -> None:
    strategy = EmaCross()
    strategy.restore(struct.pack("<?ddb", True, 2.0, 2.0, side))
    assert strategy.on_tick(TickBuffer(), 2.0, 2.0, 1) == (side, float(abs(side)))


@settings(max_examples=40)
@given(cut=st.integers(min_value=0, max_value=700), seed=st.integers(min_value=0, max_value=50))
def test_signals_after_a_restore_at_any_tick_are_unchanged(cut: int, seed: int) -> None:
    ticks = a_walk(750, seed=seed)
    for make_strategy in (EmaCross, Momentum):
        straight = SymbolEngine("EURUSD", make_strategy())
        for tick in ticks[:cut]:
            straight.on_tick(tick)
        resumed = SymbolEngine("EURUSD", make_strategy())
        resumed.restore(straight.snapshot())
        assert resumed.snapshot() == straight.snapshot()
        assert [resumed.on_tick(tick) for tick in ticks[cut:]] == [straight.on_tick(tick) for tick in ticks[cut:]]
        assert resumed.snapshot() == straight.snapshot()


@pytest.mark.parametrize("state", [b"", b"x" * 17, b"x" * 100])
def test_bytes_that_are_no_snapshot_are_refused(state: bytes) -> None:
    with pytest.raises(ValueError, match="ema_cross snapshot of"):
        EmaCross().restore(state)
