"""`StrategyEngine` returns the same signals as the signal process, and reports invalid ticks."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from common.errors import StartError
from proto.messages import WARMING_UP
from services.signal import StrategyEngine, UnknownStrategyError
from services.signal.core.strategies.ema_cross import EmaCross, EmaCrossParameters
from services.signal.core.symbol_engine import SymbolEngine
from services.signal.strategy_loader import shipped_strategies
from tests.unit.signal.builders import Momentum, a_walk

GOOD = {"bid": 1.1, "ask": 1.1002, "time_ns": 1_398_902_400_000_000_000}


class NoStrategy:
    """A class with a name but no methods of a strategy."""

    name = "no_strategy"


class NeedsArguments(Momentum):
    """A class whose constructor needs an argument."""

    def __init__(self, length: int) -> None:
        super().__init__()
        self.length = length


def test_signals_for_messages_and_mappings_equal_those_of_the_live_engine() -> None:
    live = SymbolEngine("EURUSD", EmaCross())
    of_messages, of_mappings = StrategyEngine("EURUSD"), StrategyEngine("EURUSD", "ema_cross")
    for tick in a_walk(1_500):
        signal = live.on_tick(tick)
        assert of_messages.process_tick(tick) == signal[:2]
        mapping = {"bid": tick.bid, "ask": Decimal(repr(tick.ask)), "time_ns": tick.time_ns}
        assert of_mappings.process_tick(mapping) == signal[:2]
        assert of_messages.last == of_mappings.last == signal


def test_parameters_are_values_of_their_types() -> None:
    live = SymbolEngine("EURUSD", EmaCross(EmaCrossParameters(fast_ticks=5, slow_ticks=20)))
    engine = StrategyEngine("EURUSD", parameters={"slow_ticks": 20, "fast_ticks": 5})
    for tick in a_walk(500):
        assert engine.process_tick(tick) == live.on_tick(tick)[:2]
    with pytest.raises(StartError, match="parameters: fast_ticks is '5', expected a whole number"):
        StrategyEngine("EURUSD", parameters={"fast_ticks": "5"})


def test_a_restored_engine_gives_the_same_signals() -> None:
    ticks = a_walk(700)
    engine, restored = StrategyEngine("EURUSD"), StrategyEngine("EURUSD")
    for tick in ticks[:600]:
        engine.process_tick(tick)
    restored.restore(engine.snapshot())
    assert [restored.process_tick(tick) for tick in ticks[600:]] == [engine.process_tick(tick) for tick in ticks[600:]]
    with pytest.raises(ValueError, match="no snapshot of an engine"):
        restored.restore(b"of somebody else")


def test_signals_during_the_warm_up_are_hold() -> None:
    engine = StrategyEngine("EURUSD")
    assert engine.process_tick(GOOD) == (0, 0.0)
    assert engine.last.reason == WARMING_UP


def test_a_crossed_quote_is_processed() -> None:
    assert StrategyEngine("EURUSD").process_tick({**GOOD, "ask": 1.0}) == (0, 0.0)


@pytest.mark.parametrize(
    ("tick", "message"),
    [
        ({"ask": 1.1, "time_ns": 1}, "bid is missing, expected a finite number above 0"),
        ({"bid": 1.1, "time_ns": 1}, "ask is missing, expected a finite number above 0"),
        ({"bid": 1.1, "ask": 1.1}, "time_ns is missing, expected whole nanoseconds"),
        ({**GOOD, "bid": float("nan")}, "bid is nan, expected a finite number above 0"),
        ({**GOOD, "ask": float("inf")}, "ask is inf, expected a finite number above 0"),
        ({**GOOD, "bid": 0}, "bid is 0, expected a finite number above 0"),
        ({**GOOD, "ask": -1.1}, r"ask is -1\.1, expected a finite number above 0"),
        ({**GOOD, "bid": "1.1"}, r"bid is '1\.1', expected a finite number"),
        ({**GOOD, "bid": True}, "bid is True, expected a finite number"),
        ({**GOOD, "bid": None}, "bid is None, expected a finite number"),
        ({**GOOD, "volume": -1}, "volume is -1, expected a finite number not below 0"),
        ({**GOOD, "time_ns": 1.5}, r"time_ns is 1\.5, expected whole nanoseconds"),
        ({**GOOD, "time_ns": -1}, "time_ns is -1, expected whole nanoseconds"),
        ({**GOOD, "symbol": "NZDUSD"}, "symbol is 'NZDUSD', expected 'EURUSD'"),
        ([1.1, 1.2], "expected a Tick or a mapping"),
    ],
)
def test_an_invalid_tick_is_refused_with_the_reason_and_changes_nothing(tick: Any, message: str) -> None:
    engine = StrategyEngine("EURUSD")
    before = engine._engine.snapshot()
    with pytest.raises(ValueError, match=message):
        engine.process_tick(tick)
    assert engine._engine.snapshot() == before


def test_a_users_strategy_is_loaded_by_its_import_path() -> None:
    engine = StrategyEngine("EURUSD", "tests.unit.signal.builders:Momentum")
    for tick in a_walk(6):
        signal = engine.process_tick(tick)
    assert engine.last.reason == ""
    assert 0 < signal[1] < 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "crystal_ball",
            rf"no strategy 'crystal_ball', expected {', '.join(shipped_strategies())} or package\.module:Class",
        ),
        ("no_such_package.x:Y", f"No module named 'no_such_package'; expected {shipped_strategies()[0]}"),
        ("tests.unit.signal.builders:Nobody", r"tests\.unit\.signal\.builders has no Nobody"),
        ("tests.unit.signal.test_facade:NoStrategy", r"is no strategy: it has no method on_tick\(\)"),
        ("tests.unit.signal.test_facade:NeedsArguments", "cannot be made without arguments"),
        ("", "no strategy ''"),
        (":", "no strategy ':'"),
    ],
)
def test_an_unknown_strategy_is_refused_with_a_message(name: str, message: str) -> None:
    with pytest.raises(UnknownStrategyError, match=message):
        StrategyEngine("EURUSD", name)


def test_an_empty_symbol_is_refused() -> None:
    with pytest.raises(ValueError, match="symbol is ''"):
        StrategyEngine("")
