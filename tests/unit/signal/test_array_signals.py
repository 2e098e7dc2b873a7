"""Signals of many ticks at once have the same bits as those of one tick after another."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.signal.core.strategies.ema_cross import EmaCross
from services.signal.core.strategy import SignalArrays, Strategy, TickArrays
from services.signal.core.strategy_fault import StrategyError
from services.signal.core.symbol_engine import TICKS_AT_ONCE, SymbolEngine
from services.signal.core.tick_buffer import TickBuffer
from services.signal.strategy_loader import shipped_strategies, strategy_factory
from tests.unit.signal.builders import Momentum

MAKERS = {name: strategy_factory(name) for name in shipped_strategies()}


class Loudest(EmaCross):
    """`ema_cross` without a warm-up, so that its first signals are compared as well."""

    def __init__(self) -> None:
        super().__init__()
        self.warm_up_ticks = 0


class FaultyAt(Momentum):
    """A strategy that returns an invalid direction at one of its ticks, also in its array form."""

    def __init__(self, tick: int) -> None:
        super().__init__()
        self._left = tick

    def on_tick(self, window: TickBuffer, bid: float, ask: float, time_ns: int) -> tuple[int, float]:
        """Return direction 2 at the tick of the fault."""
        self._left -= 1
        return (2, 0.5) if self._left == 0 else super().on_tick(window, bid, ask, time_ns)

    def on_ticks(self, window: TickBuffer, ticks: TickArrays) -> SignalArrays:  # noqa: ARG002
        """Count the ticks, then fail."""
        self._left -= len(ticks.bid)
        raise RuntimeError("no array form today")

    def snapshot(self) -> bytes:
        return f"{self._left} {super().snapshot().decode()}".encode()

    def restore(self, state: bytes) -> None:
        left, _, rest = state.decode().partition(" ")
        self._left = int(left)
        super().restore(rest.encode())


def some_ticks(count: int, seed: int) -> TickArrays:
    """A random walk with repeated times and prices, crossed quotes, and volumes."""
    dice = np.random.Generator(np.random.PCG64(seed))
    mid = 1.2 * (1 + np.cumsum(dice.normal(0, 0.0001, count) * dice.integers(0, 2, count)))
    half_spread = dice.integers(-1, 4, count) * 1e-5
    times = 1_398_902_400_000_000_000 + np.cumsum(dice.integers(0, 3, count)) * 500_000_000
    return TickArrays(
        times.astype(np.int64),
        np.round(mid - half_spread, 5).astype(np.float64),
        np.round(mid + half_spread, 5).astype(np.float64),
        dice.integers(0, 3, count).astype(np.float64),
    )


def one_by_one(engine: SymbolEngine, ticks: TickArrays) -> list[tuple[int, str, str]]:
    """Direction, exact confidence and reason of each tick."""
    values: list[tuple[int, str, str]] = []
    for time_ns, bid, ask, volume in zip(*(column.tolist() for column in ticks), strict=True):
        value = engine.process_tick(engine.sequence + 1, time_ns, bid, ask, volume)
        values.append((value.direction, value.confidence.hex(), value.reason))
    return values


def at_once(engine: SymbolEngine, ticks: TickArrays, cuts: list[int]) -> list[tuple[int, str, str]]:
    """Direction, exact confidence and reason of each tick, with the ticks cut into several calls."""
    values = []
    ends = [*sorted(cuts), len(ticks.bid)]
    for start, stop in zip([0, *ends[:-1]], ends, strict=True):
        signals = engine.process_ticks(ticks.part(start, stop))
        assert signals.error is None
        pairs = zip(signals.direction.tolist(), signals.confidence.tolist(), strict=True)
        values += [
            (direction, confidence.hex(), "WARMING_UP" if row < signals.warming_up else "")
            for row, (direction, confidence) in enumerate(pairs)
        ]
    return values


@pytest.mark.parametrize("make", [*MAKERS.values(), Loudest, Momentum], ids=[*MAKERS, "loudest", "momentum"])
@settings(max_examples=25)
@given(count=st.integers(1, 1_200), seed=st.integers(0, 2**32 - 1), data=st.data())
def test_signals_at_once_have_the_bits_of_signals_one_by_one(
    make: Callable[[], Strategy], count: int, seed: int, data: st.DataObject
) -> None:
    ticks = some_ticks(count, seed)
    cuts = data.draw(st.lists(st.integers(0, count), max_size=4))
    single, batch = SymbolEngine("EURUSD", make()), SymbolEngine("EURUSD", make())
    assert at_once(batch, ticks, cuts) == one_by_one(single, ticks)
    assert batch.snapshot() == single.snapshot()
    further = some_ticks(data.draw(st.integers(1, 120)), seed + 1)
    assert one_by_one(batch, further) == one_by_one(single, further)
    assert batch.snapshot() == single.snapshot()


@pytest.mark.parametrize("name", shipped_strategies())
def test_a_shipped_strategy_decides_many_ticks_at_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    strategy = MAKERS[name]()
    monkeypatch.setattr(strategy, "on_tick", None)
    signals = SymbolEngine("EURUSD", strategy).process_ticks(some_ticks(700, 1))
    assert signals.error is None
    assert signals.warming_up == strategy.warm_up_ticks
    assert set(signals.direction[signals.warming_up :].tolist()) != {0}


@pytest.mark.parametrize("tick", [6, 40, 100])
def test_a_fault_is_that_of_the_same_tick(tick: int) -> None:
    ticks = some_ticks(100, 3)
    single, batch = SymbolEngine("EURUSD", FaultyAt(tick)), SymbolEngine("EURUSD", FaultyAt(tick))
    with pytest.raises(StrategyError) as expected:
        one_by_one(single, ticks)
    first = batch.process_ticks(ticks.part(0, 5))
    assert first.error is None
    found = batch.process_ticks(ticks.part(5, 100))
    assert found.error is not None
    assert found.error.fault == expected.value.fault
    assert len(found.direction) == tick - 6
    again = batch.process_ticks(ticks.part(tick - 1, tick))
    assert again.error is not None
    assert again.error.fault == expected.value.fault


class Broken(Momentum):
    """A strategy whose `on_ticks` has an error that its `on_tick` has not."""

    def on_ticks(self, window: TickBuffer, ticks: TickArrays) -> SignalArrays:  # noqa: ARG002
        """Raise an exception."""
        raise TypeError("a wrong argument")


def test_an_array_form_that_fails_is_named_and_not_called_again() -> None:
    ticks = some_ticks(2_500, 5)
    single, batch = SymbolEngine("EURUSD", Momentum()), SymbolEngine("EURUSD", Broken())
    assert at_once(batch, ticks, []) == one_by_one(single, ticks)
    assert batch.array_problem.startswith("on_ticks of momentum failed at tick 1: TypeError: a wrong argument")


def test_many_ticks_are_decided_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    strategy, sizes = MAKERS["ema_cross"](), list[int]()
    decide = strategy.on_ticks  # type: ignore[attr-defined]

    def counted(window: TickBuffer, ticks: TickArrays) -> SignalArrays:
        sizes.append(len(ticks.bid))
        return cast("SignalArrays", decide(window, ticks))

    monkeypatch.setattr(strategy, "on_ticks", counted)
    SymbolEngine("EURUSD", strategy).process_ticks(some_ticks(2 * TICKS_AT_ONCE + 1, 1))
    assert sizes == [TICKS_AT_ONCE, TICKS_AT_ONCE, 1]
