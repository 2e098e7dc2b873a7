"""Strategies as a library: `StrategyEngine` returns for each tick the signal that the signal process would send live.

>>> from services.signal import StrategyEngine
>>> engine = StrategyEngine("EURUSD")
>>> engine.process_tick({"bid": 1.10001, "ask": 1.10003, "time_ns": 1_398_902_400_000_000_000})
(0, 0.0)
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from proto.messages import Tick
from proto.trading.units import PRICE_MAX, TIME_NS_MAX
from services.signal.core.strategy_fault import StrategyError
from services.signal.core.symbol_engine import Direction, SignalValue, SymbolEngine
from services.signal.given_parameters import GivenParameters
from services.signal.parameter_types import ParameterKey
from services.signal.strategy_loader import UnknownStrategyError, strategy_factories

__all__ = ["StrategyEngine", "StrategyError", "UnknownStrategyError"]

_MISSING: Final = object()


class StrategyEngine:
    """One symbol and one strategy, with the tick buffer and the warm-up of the live process.

    Every tick is processed, including crossed quotes, which the source of the ticks must filter out if necessary.
    """

    def __init__(
        self,
        symbol: str,
        strategy: str = "ema_cross",
        *,
        parameters: Mapping[str, int | float | bool | str] | None = None,
        model: str | Path | None = None,
    ) -> None:
        """Start before the first tick.

        Args:
            symbol: symbol of the ticks.
            strategy: name of a strategy that comes with the desk, or `package.module:Class`.
            parameters: values of the strategy's parameters; the others have their defaults.
            model: folder of the model for `xgboost`; None for the demo model.

        Raises:
            ValueError: the symbol is empty, or there is no such strategy.
            StartError: a parameter or the model cannot be used.
        """
        if not symbol:
            raise ValueError(f"symbol is {symbol!r}, expected a name such as EURUSD")
        values = {ParameterKey("", name): value for name, value in (parameters or {}).items()}
        [make_strategy] = strategy_factories(
            strategy,
            [symbol],
            given=[GivenParameters("parameters", values, is_typed=True)],
            model=None if model is None else Path(model),
        ).values()
        self._engine = SymbolEngine(symbol, make_strategy())
        self.last = SignalValue(0, 0.0, "")

    def process_tick(self, tick: Tick | Mapping[str, Any]) -> tuple[Direction, float]:
        """Process the next tick and return the signal (-1 sell, 0 hold, +1 buy) and its confidence from 0 to 1.

        If the strategy is still warming up, `last.reason` is then WARMING_UP.

        Args:
            tick: a published tick, or a mapping with `bid`, `ask` (prices > 0), `time_ns` (UTC nanoseconds) and, if
                there is one, `volume`.

        Raises:
            ValueError: a key is missing or invalid; the text has the value and the expected value.
            StrategyError: the strategy raised an exception or returned an invalid signal, on this or an earlier tick.
        """
        symbol = self._engine.symbol
        if isinstance(tick, Tick):
            tick = {name: getattr(tick, name) for name in ("symbol", "bid", "ask", "time_ns", "volume")}
        elif not isinstance(tick, Mapping):
            raise ValueError(f"tick is {tick!r}, expected a Tick or a mapping with bid, ask and time_ns")
        if tick.get("symbol", symbol) != symbol:
            raise ValueError(f"symbol is {tick['symbol']!r}, expected {symbol!r}")
        self.last = self._engine.process_tick(
            self._engine.sequence + 1,
            _time(tick),
            _number(tick, "bid", above_zero=True),
            _number(tick, "ask", above_zero=True),
            _number(tick, "volume", above_zero=False) if "volume" in tick else 0.0,
        )
        return self.last.direction, self.last.confidence

    def snapshot(self) -> bytes:
        """Return the state from which all later signals follow."""
        return self._engine.snapshot()

    def restore(self, state: bytes) -> None:
        """Continue from a snapshot of an engine with the same strategy and parameters.

        Raises:
            ValueError: `state` is no such snapshot.
        """
        self._engine.restore(state)


def _number(tick: Mapping[str, Any], key: str, *, above_zero: bool) -> float:
    value = tick.get(key, _MISSING)
    expected = f"a finite number {'above' if above_zero else 'not below'} 0 and up to {PRICE_MAX:g}"
    if value is _MISSING:
        raise ValueError(f"{key} is missing, expected {expected}")
    if not isinstance(value, int | float | Decimal) or isinstance(value, bool):
        raise ValueError(f"{key} is {value!r}, expected {expected}")
    number = float(value)
    if not math.isfinite(number) or not 0 <= number <= PRICE_MAX or (above_zero and number == 0):
        raise ValueError(f"{key} is {value!r}, expected {expected}")
    return number


def _time(tick: Mapping[str, Any]) -> int:
    value = tick.get("time_ns", _MISSING)
    expected = "whole nanoseconds since 1970-01-01 UTC"
    if value is _MISSING:
        raise ValueError(f"time_ns is missing, expected {expected}")
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= TIME_NS_MAX:
        raise ValueError(f"time_ns is {value!r}, expected {expected}")
    return value
