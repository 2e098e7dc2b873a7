"""Every strategy in `services/signal/core/strategies` obeys the protocol in `services/signal/core/strategy.py`."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from services.signal.core.strategy import Strategy
from services.signal.core.symbol_engine import SymbolEngine
from services.signal.strategy_loader import MODEL_STRATEGIES, shipped_strategies, strategy_factory
from tests.unit.signal.builders import a_walk

TICKS_AFTER_WARM_UP = 200


@pytest.fixture(scope="module", params=shipped_strategies())
def make_strategy(request: pytest.FixtureRequest) -> Callable[[], Strategy]:
    """A function that creates one of the shipped strategies; a strategy with a model uses the demo model."""
    return strategy_factory(request.param)


def test_the_strategies_that_use_a_model_are_shipped() -> None:
    assert set(MODEL_STRATEGIES) < set(shipped_strategies())


def test_a_strategy_has_the_name_of_its_module() -> None:
    assert [strategy_factory(name)().name for name in shipped_strategies()] == list(shipped_strategies())


def test_a_strategy_restored_at_any_tick_gives_the_same_signals(make_strategy: Callable[[], Strategy]) -> None:
    first = SymbolEngine("EURUSD", make_strategy())
    ticks = a_walk(first.strategy.warm_up_ticks + TICKS_AFTER_WARM_UP)
    second = SymbolEngine("EURUSD", make_strategy())
    answers = []
    for tick in ticks:
        answers.append(first.on_tick(tick))
        if tick.sequence % 50 == 0:
            second.restore(first.snapshot(), first.strategy.name)
        elif tick.sequence > 50:
            assert second.on_tick(tick) == answers[-1], tick
    assert all(direction in (-1, 0, 1) and 0 <= confidence <= 1 for direction, confidence, _ in answers)


def test_a_strategy_refuses_a_state_that_is_not_its_own(make_strategy: Callable[[], Strategy]) -> None:
    with pytest.raises(ValueError, match="expected"):
        make_strategy().restore(b"of somebody else")
