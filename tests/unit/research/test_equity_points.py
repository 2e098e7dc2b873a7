"""The equity points of a backtest: one for each minute with ticks, and compared by parity."""

from __future__ import annotations

from pathlib import Path

import pytest

from marketdata.files.tick_input import TickInput
from research import ledger_views
from research.backtest import run_backtest
from research.parity import compare
from research.run_spec import RunSpec
from services.portfolio.core.accounting.equity_curve import POINT_EVERY_NS
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME
from tests.support.tampering import edit_skilfully
from tests.support.tick_files import a_tick_file


@pytest.fixture
def ticks(tmp_path: Path) -> Path:
    return a_tick_file(tmp_path / "may.parquet", rows=600)


def a_run(ticks: Path, folder: Path) -> Path:
    folder.mkdir()
    spec = RunSpec(inputs=(TickInput(ticks, "EURUSD"),), risk="none", strategy="tests.support.flipping:Flipping")
    run_backtest(spec, spec.load(), data_dir=folder)
    return folder


def test_a_backtest_has_a_point_for_each_minute_with_ticks(ticks: Path, tmp_path: Path) -> None:
    points = ledger_views.equity_points(a_run(ticks, tmp_path / "run"))
    minutes = [point["time_ns"] // POINT_EVERY_NS for point in points]
    assert minutes == list(range(minutes[0], minutes[-1] + 1))
    assert len(minutes) > 5
    assert len({point["equity"] for point in points}) > 3


def test_parity_finds_a_point_with_another_value_and_a_missing_point(ticks: Path, tmp_path: Path) -> None:
    one, other = a_run(ticks, tmp_path / "one"), a_run(ticks, tmp_path / "other")
    assert compare(one, other) == []
    [first, *_, last] = ledger_views.equity_points(other)
    edit_skilfully(
        other / LEDGER_FILE_NAME,
        f"UPDATE equity_points SET equity = '9' WHERE time_ns = {first['time_ns']}",
        f"DELETE FROM equity_points WHERE time_ns = {last['time_ns']}",
    )
    count, value = compare(one, other, names=("left", "right"))
    assert count.startswith("equity points: left has ")
    assert value == f"equity points {first['time_ns']}: equity is {first['equity']!r} in left, '9' in right"
