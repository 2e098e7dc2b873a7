"""The engine of one symbol: the window of its buffer, the sequence of its ticks, and the strategy's signals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.signal.core.strategies.ema_cross import EmaCross
from services.signal.core.strategy_fault import StrategyError
from services.signal.core.symbol_engine import SequenceError, SymbolEngine
from services.signal.core.tick_buffer import TickBuffer
from tests.unit.signal.builders import Momentum, a_walk


@given(count=st.integers(min_value=0, max_value=60), capacity=st.integers(min_value=1, max_value=20))
def test_the_window_contains_the_last_ticks_in_order(count: int, capacity: int) -> None:
    buffer = TickBuffer(capacity)
    for number in range(count):
        buffer.append(number, number + 0.25, number + 0.5, number + 0.75)
        expected = np.arange(max(0, number + 1 - capacity), number + 1)
        assert np.array_equal(buffer.time_ns, expected)
        assert np.array_equal(buffer.bid, expected + 0.25)
        assert np.array_equal(buffer.ask, expected + 0.5)
        assert np.array_equal(buffer.volume, expected + 0.75)
        assert buffer.bid.base is not None, "a window is a view"
        assert buffer.bid.flags.c_contiguous
    copy = TickBuffer(capacity)
    copy.restore(buffer.snapshot())
    assert copy.snapshot() == buffer.snapshot()
    assert copy.count == buffer.count == min(count, capacity)


def test_a_snapshot_of_a_larger_buffer_is_refused() -> None:
    large = TickBuffer(20)
    for number in range(20):
        large.append(number, 1.0, 1.0, 0.0)
    with pytest.raises(ValueError, match="buffer snapshot of 640 bytes, expected up to 10 ticks"):
        TickBuffer(10).restore(large.snapshot())


def test_a_tick_out_of_sequence_raises_an_error() -> None:
    engine = SymbolEngine("EURUSD", EmaCross())
    ticks = a_walk(5)
    engine.on_tick(ticks[0])
    with pytest.raises(SequenceError, match="tick 4 of EURUSD, expected 2"):
        engine.on_tick(ticks[3])
    with pytest.raises(SequenceError, match="tick 1 of EURUSD, expected 2"):
        engine.on_tick(ticks[0])


def test_a_reset_engine_has_its_initial_state() -> None:
    ticks = a_walk(50)
    engine = SymbolEngine("EURUSD", Momentum())
    for tick in ticks:
        engine.on_tick(tick)
    engine.reset()
    assert engine.snapshot() == SymbolEngine("EURUSD", Momentum()).snapshot()


@pytest.mark.parametrize("signal", [(2, 1.0), (1, 1.5), (0, float("nan")), (-1, -0.1)])
def test_a_strategy_that_returns_an_invalid_signal_is_stopped(signal: tuple[int, float]) -> None:
    class Nonsense(Momentum):
        warm_up_ticks = 0

        def on_tick(self, *_: object) -> tuple[int, float]:
            return signal

    with pytest.raises(StrategyError, match=r"strategy momentum, tick 1 of EURUSD at .*: returned"):
        SymbolEngine("EURUSD", Nonsense()).on_tick(a_walk(1)[0])


def test_numpy_numbers_become_python_numbers() -> None:
    class InNumpy(Momentum):
        warm_up_ticks = 0

        def on_tick(self, *_: object) -> tuple[int, float]:
            return np.int64(1), np.float64(0.5)  # type: ignore[return-value]

    signal = SymbolEngine("EURUSD", InNumpy()).on_tick(a_walk(1)[0])
    assert (type(signal.direction), type(signal.confidence)) == (int, float)


def test_bytes_that_are_no_snapshot_are_refused() -> None:
    with pytest.raises(ValueError, match="no snapshot of an engine"):
        SymbolEngine("EURUSD", EmaCross()).restore(b"not msgpack at all")
