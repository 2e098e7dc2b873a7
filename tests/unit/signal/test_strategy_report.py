"""The report of a strategy: latest signal, counts and peaks, and the values of the model at the newest tick."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from proto.codec import decode_strategy_report, encode
from proto.messages import STRATEGY_FAULT, WARMING_UP, StrategyReport, Tick
from services.signal.core.features.schema import FEATURE_NAMES, WINDOW_TICKS
from services.signal.core.strategy import Strategy
from services.signal.core.strategy_fault import StrategyError
from services.signal.core.strategy_report import strategy_report
from services.signal.core.symbol_engine import SymbolEngine
from services.signal.core.tick_buffer import TickBuffer
from services.signal.model.loader import load_model
from services.signal.strategy_loader import strategy_factory
from tests.support.models import a_model
from tests.unit.signal.builders import a_walk


class Scripted:
    """A strategy without a warm-up that gives the signals of a list, and fails after the last."""

    name = "scripted"
    warm_up_ticks = 1

    def __init__(self, signals: list[tuple[int, float]]) -> None:
        self._signals = iter([(0, 0.0), *signals])

    def on_tick(self, window: TickBuffer, bid: float, ask: float, time_ns: int) -> tuple[int, float]:  # noqa: ARG002
        return next(self._signals)

    def snapshot(self) -> bytes:
        return b""

    def restore(self, state: bytes) -> None:
        pass


def report_of(engine: SymbolEngine) -> StrategyReport:
    """The report of an engine, after encoding and decoding."""
    report = strategy_report(engine, publisher="signal.test", boot_id="s1", stream_id="stream-1")
    assert decode_strategy_report(encode(report)) == report
    return report


def played(strategy: Strategy, ticks: list[Tick]) -> SymbolEngine:
    engine = SymbolEngine("EURUSD", strategy)
    for tick in ticks:
        engine.on_tick(tick)
    return engine


def test_the_report_has_the_newest_signal_the_counts_and_the_peaks() -> None:
    ticks = a_walk(6)
    engine = played(Scripted([(1, 0.5), (1, 0.75), (0, 0.25), (-1, 0.625)]), ticks[:5])
    assert report_of(engine) == StrategyReport(
        publisher="signal.test",
        boot_id="s1",
        stream_id="stream-1",
        symbol="EURUSD",
        strategy="scripted",
        model="",
        model_sha256="",
        thresholds={},
        threshold=None,
        time_ns=ticks[4].time_ns,
        ordinal=5,
        direction=-1,
        confidence=0.625,
        reason="",
        probabilities={},
        features={},
        counts={"ticks": 5, "buy": 2, "sell": 1, "hold": 1, "warming_up": 1},
        peaks={"buy": 0.75, "hold": 0.25, "sell": 0.625},
    )


def test_peaks_begin_again_after_each_report_and_counts_do_not() -> None:
    ticks = a_walk(4)
    engine = played(Scripted([(1, 0.5), (-1, 0.25), (1, 0.125)]), ticks[:3])
    assert report_of(engine).peaks == {"buy": 0.5, "sell": 0.25}
    assert report_of(engine).peaks == {}
    engine.on_tick(ticks[3])
    report = report_of(engine)
    assert report.peaks == {"buy": 0.125}
    assert report.counts == {"ticks": 4, "buy": 2, "sell": 1, "hold": 0, "warming_up": 1}


def test_a_report_before_the_first_tick_and_after_a_reset_has_no_tick() -> None:
    engine = SymbolEngine("EURUSD", Scripted([(1, 0.5)]))
    first = report_of(engine)
    assert (first.time_ns, first.ordinal, first.direction, first.reason) == (0, 0, 0, "")
    for tick in a_walk(2):
        engine.on_tick(tick)
    engine.reset()
    again = report_of(engine)
    assert (again.ordinal, again.direction, again.confidence) == (0, 0, 0.0)
    assert again.counts["ticks"] == 2


def test_a_signal_of_the_warm_up_has_its_reason() -> None:
    report = report_of(played(Scripted([]), a_walk(1)))
    assert (report.direction, report.reason) == (0, WARMING_UP)
    assert report.counts == {"ticks": 1, "buy": 0, "sell": 0, "hold": 0, "warming_up": 1}


def test_a_strategy_with_a_fault_has_no_signal() -> None:
    ticks = a_walk(3)
    engine = played(Scripted([(1, 0.5)]), ticks[:2])
    with pytest.raises(StrategyError):
        engine.on_tick(ticks[2])
    report = report_of(engine)
    assert (report.direction, report.confidence, report.reason) == (0, 0.0, STRATEGY_FAULT)
    assert report.ordinal == 2
    assert report.counts["ticks"] == 2


def test_a_strategy_with_a_model_reports_its_values_at_the_newest_tick(tmp_path: Path) -> None:
    folder = a_model(tmp_path / "small")
    engine = played(strategy_factory("xgboost", model=folder)(), a_walk(WINDOW_TICKS + 20))
    report = report_of(engine)
    assert report.model == "small"
    assert report.model_sha256 == hashlib.sha256((folder / "model.ubj").read_bytes()).hexdigest()
    assert report.thresholds == {"sell": 0.36, "buy": 0.36}
    assert report.threshold == 0.36
    from services.signal.core.features.kernel import feature_rows

    window = engine.buffer
    rows = feature_rows(window.time_ns, window.bid, window.ask, window.volume)
    assert report.features == dict(zip(FEATURE_NAMES, rows[0].tolist(), strict=True))
    model = load_model(folder)
    [chances] = model.probabilities(rows).tolist()
    assert report.probabilities == dict(zip(("sell", "hold", "buy"), chances, strict=True))
    assert (report.direction, report.confidence) == model.decide(*chances)


def test_a_report_does_not_change_later_signals(tmp_path: Path) -> None:
    make = strategy_factory("xgboost", model=a_model(tmp_path / "m"))
    plain, reported = SymbolEngine("EURUSD", make()), SymbolEngine("EURUSD", make())
    for tick in a_walk(WINDOW_TICKS + 50):
        assert reported.on_tick(tick) == plain.on_tick(tick)
        report_of(reported)
    assert reported.snapshot() == plain.snapshot()


def test_a_model_reports_no_probabilities_until_the_window_is_full_or_after_a_restart(tmp_path: Path) -> None:
    make = strategy_factory("xgboost", model=a_model(tmp_path / "m"))
    ticks = a_walk(WINDOW_TICKS + 1)
    short = report_of(played(make(), ticks[: WINDOW_TICKS - 1]))
    assert (short.model, short.probabilities, short.features, short.threshold) == ("m", {}, {}, None)
    restarted = SymbolEngine("EURUSD", make())
    restarted.restore(played(make(), ticks[:-1]).snapshot())
    assert (report_of(restarted).ordinal, report_of(restarted).probabilities) == (0, {})
    restarted.on_tick(ticks[-1])
    assert set(report_of(restarted).probabilities) == {"sell", "hold", "buy"}
