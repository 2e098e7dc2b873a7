"""The report of a symbol's strategy for people: its latest signal, its model, and counts of its signals."""

from __future__ import annotations

from typing import Final

from proto.messages import StrategyReport
from proto.trading.units import TEXT_CHARS_MAX
from services.signal.core.strategy import ModelReport, ModelStrategy
from services.signal.core.strategy_fault import shortened
from services.signal.core.symbol_engine import FAULT_VALUE, SignalValue, SymbolEngine

DIRECTION_NAMES: Final = {1: "buy", 0: "hold", -1: "sell"}

_NO_VALUE: Final = SignalValue(0, 0.0, "")
_NO_MODEL: Final = ModelReport("", "", {}, {}, {})


def strategy_report(engine: SymbolEngine, *, publisher: str, boot_id: str, stream_id: str) -> StrategyReport:
    """Make the report, with the highest confidences since the previous report."""
    tick, shown = engine.newest, _shown(engine)
    if tick is None:  # the window may have ticks of before a restart, whose numbers are not known
        shown = shown._replace(probabilities={}, features={})
    value = FAULT_VALUE if engine.fault is not None else _NO_VALUE if tick is None else engine.newest_value
    counts = {name: engine.counts[direction] for direction, name in DIRECTION_NAMES.items()}
    ticks = sum(counts.values()) + engine.warm_up_signals
    return StrategyReport(
        publisher=publisher,
        boot_id=boot_id,
        stream_id=stream_id,
        symbol=engine.symbol,
        strategy=shortened(engine.label, TEXT_CHARS_MAX),
        model=shown.model,
        model_sha256=shown.model_sha256,
        thresholds=shown.thresholds,
        threshold=_compared(shown),
        time_ns=0 if tick is None else tick.time_ns,
        ordinal=0 if tick is None else tick.ordinal,
        direction=value.direction,
        confidence=value.confidence,
        reason=value.reason,
        probabilities=shown.probabilities,
        features=shown.features,
        counts={"ticks": ticks, **counts, "warming_up": engine.warm_up_signals},
        peaks={DIRECTION_NAMES[direction]: peak for direction, peak in engine.take_peaks().items()},
    )


def _shown(engine: SymbolEngine) -> ModelReport:
    """Values of the strategy's model; empty without a model, and after a fault."""
    strategy = engine.strategy
    if engine.fault is None and isinstance(strategy, ModelStrategy):
        return strategy.model_report(engine.buffer)
    return _NO_MODEL


def _compared(shown: ModelReport) -> float | None:
    """The threshold of the more probable of buy and sell; None without both probabilities."""
    buy, sell = (shown.probabilities.get(side) for side in ("buy", "sell"))
    if buy is None or sell is None:
        return None
    return shown.thresholds.get("buy" if buy > sell else "sell")
