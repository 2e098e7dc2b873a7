"""A backtest runs without the cycle collector, and frees the cycles that a strategy leaves behind."""

from __future__ import annotations

import gc
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar
from weakref import WeakSet

import pytest

from research import backtest, event_backtest, in_process_desk
from research.backtest import run_backtest
from research.backtest_engine import BacktestEngine
from research.report import build_report
from tests.support.flipping import Flipping
from tests.support.recorded_backtests import recorded_run


class Note:
    """An object that refers to itself."""

    alive: ClassVar[WeakSet[Note]] = WeakSet()

    def __init__(self) -> None:
        self.itself = self
        self.alive.add(self)


class Littering(Flipping):
    """A strategy that leaves a cycle behind at every tick."""

    most_alive = 0
    collector_was_on = False

    def on_tick(self, *args: Any) -> tuple[int, float]:
        """Leave a cycle behind."""
        Note()
        Littering.most_alive = max(Littering.most_alive, len(Note.alive))
        Littering.collector_was_on |= gc.isenabled()
        return super().on_tick(*args)


@pytest.mark.parametrize("engine", BacktestEngine)
def test_cycles_of_a_strategy_do_not_add_up(
    engine: BacktestEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (backtest, event_backtest):
        monkeypatch.setattr(module, "COMMIT_EVERY_TICKS", 100)
    Note.alive.clear()  # notes of an earlier run may wait for the collector
    Littering.most_alive = 0
    spec = replace(recorded_run("no limits", tmp_path, rows=600), strategy=f"{__name__}:Littering")
    run_backtest(spec, spec.load(), data_dir=tmp_path, engine=engine)
    assert not Littering.collector_was_on
    assert gc.isenabled()
    assert 0 < Littering.most_alive <= 100


def test_a_run_makes_no_cycles_for_its_orders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a run leaves to the collector does not depend on the number of its orders."""
    found: list[int] = []

    def collected_before_report(*args: Any, **fields: Any) -> dict[str, Any]:
        found.append(gc.collect())
        return build_report(*args, **fields)

    monkeypatch.setattr(in_process_desk, "collect_young", lambda: None)
    monkeypatch.setattr(backtest, "build_report", collected_before_report)
    for rows in (300, 900):
        folder = tmp_path / str(rows)
        folder.mkdir()
        spec = recorded_run("hedging", folder, rows=rows)
        stream = spec.load()
        gc.collect()
        report = run_backtest(spec, stream, data_dir=folder)
        assert report["orders"]["created"] > rows // 10
    assert found[0] == found[1]
