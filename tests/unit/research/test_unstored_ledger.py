"""A run without a ledger has the report of a run with one, and opens no file."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from cli.main import run
from research import backtest
from research.backtest import run_backtest
from research.backtest_engine import BacktestEngine
from research.order_policy_name import OrderPolicyName
from research.report import report_digest
from tests.support.recorded_backtests import recorded_run
from tests.support.tick_files import a_tick_file


def refused(*_: object, **__: object) -> None:
    """In place of a function that makes a file or folder."""
    raise AssertionError("a run without a ledger makes a file")


@pytest.mark.parametrize(
    ("name", "engine", "policy"),
    [
        ("default limits", BacktestEngine.EVENTS, OrderPolicyName.LOCK_STEP),
        ("stops and time exits", BacktestEngine.EVENTS, OrderPolicyName.LOCK_STEP),
        ("stops and time exits", BacktestEngine.TICKS, OrderPolicyName.LOCK_STEP),
        ("two symbols", BacktestEngine.EVENTS, OrderPolicyName.LOCK_STEP),
        ("hedging", BacktestEngine.TICKS, OrderPolicyName.LIVE),
    ],
)
def test_the_report_is_that_of_a_run_with_a_ledger(
    name: str, engine: BacktestEngine, policy: OrderPolicyName, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = replace(recorded_run(name, tmp_path, rows=900), order_policy=policy)
    stream = spec.load()
    stored = run_backtest(spec, stream, data_dir=tmp_path, engine=engine)
    assert stored["modifications"]["made"] > 0 or name == "default limits" or policy is OrderPolicyName.LIVE
    monkeypatch.setattr(backtest, "Ledger", refused)
    unstored = run_backtest(spec, stream, data_dir=None, engine=engine)
    assert (stored["ledger"], unstored["ledger"]) == (True, False)
    assert report_digest(stored) == report_digest(unstored)
    assert stored.get("warnings") == unstored.get("warnings")
    assert stored["timings"]["visits"] == unstored["timings"]["visits"]


def test_the_command_makes_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ticks = a_tick_file(tmp_path / "eurusd.parquet", rows=900)
    command = ["backtest", f"{ticks}:EURUSD", "--risk", "none", "--json"]
    assert run(command) == 0
    expected = json.loads(capsys.readouterr().out)
    monkeypatch.setattr(tempfile, "mkdtemp", refused)
    monkeypatch.setattr(backtest, "Ledger", refused)
    assert run([*command, "--no-ledger"]) == 0
    assert report_digest(json.loads(capsys.readouterr().out)) == report_digest(expected)
    assert run([*command[:-1], "--no-ledger"]) == 0
    assert "no ledger: orders, why, export and verify have nothing to read of this run" in capsys.readouterr().out
