"""`paperdesk parity` finds no difference between the real processes and the backtest.

Run with the full number of ticks, about a quarter of an hour on two cores:

  PAPERDESK_SYSTEM_TICKS=100000 python -m pytest tests/system/test_parity.py

docs/models.md has the figures of models that were trained on the whole first half of each recording.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from research import ledger_views
from tests.support.replays import IS_FULL_SIZE, run_paperdesk, ticks_or
from tests.support.tick_files import a_tick_file

TICKS = ticks_or(10_000)
TRAINED_ROWS = 75_000
ROUNDS = 300 if IS_FULL_SIZE else 20
SPEEDS = ["lockstep", "max"] if IS_FULL_SIZE else ["max"]


def assert_identical(*arguments: object, data_dir: Path) -> Any:
    """Require that replay and backtest are identical, have the requested number of ticks, and made deals."""
    done = run_paperdesk("parity", *arguments, "--ticks", TICKS, "--data-dir", data_dir, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["identical"] is True
    assert found["differences"] == []
    assert found["backtest"]["timings"]["engine"] == ("ticks" if "ticks" in arguments else "events")
    for name in ("replay", "backtest"):
        assert found[name]["reconciled"] is True
        assert found[name]["ticks"]["processed"] == TICKS
        assert found[name]["deals"] > 0
        assert len(ledger_views.equity_points(data_dir / name)) > 1
    return found


@pytest.mark.parametrize(
    ("speed", "policy", "currency", "engine"),
    [("lockstep", "reverse", "EUR", "events"), ("max", "close", "EUR", "events"), ("max", "reverse", "USD", "ticks")],
)
def test_replay_and_backtest_of_two_symbols_are_identical(
    speed: str, policy: str, currency: str, engine: str, tmp_path: Path
) -> None:
    """On an account in EUR, the profit in both symbols is converted with the quotes of EURUSD."""
    one = a_tick_file(tmp_path / "one.parquet", rows=TICKS, crossed_every=40)
    other = a_tick_file(tmp_path / "other.parquet", rows=TICKS // 2, seed=3, price=0.8612)
    assert_identical(
        *(f"{one}:EURUSD", f"{other}:NZDUSD", "--speed", speed, "--on-opposite", policy, "--currency", currency),
        *("--engine", engine),
        data_dir=tmp_path / "desk",
    )


def test_replay_and_backtest_of_gold_in_euros_are_identical_with_eurusd_watched(tmp_path: Path) -> None:
    """EURUSD is only watched: portfolio gets its ticks from the gateway, and the backtest passes them to portfolio."""
    gold = a_tick_file(tmp_path / "gold.parquet", rows=TICKS, price=2350.0, digits=2)
    euro = a_tick_file(tmp_path / "euro.parquet", rows=TICKS // 2, seed=3, price=1.09)
    found = assert_identical(
        *(f"{gold}:XAUUSD", "--watch", f"{euro}:EURUSD", "--currency", "EUR", "--speed", "max", "--risk", "none"),
        data_dir=tmp_path / "desk",
    )
    assert found["replay"]["watched"] == found["backtest"]["watched"]
    assert found["replay"]["watched"]["EURUSD"] > 0
    assert found["replay"]["orders"]["denied"].get("NO_CONVERSION_RATE", 0) < 10


@pytest.mark.parametrize("speed", SPEEDS)
def test_replay_and_backtest_of_a_recording_are_identical(shared_parquet: Path, speed: str, tmp_path: Path) -> None:
    symbol = shared_parquet.stem.split("_")[1].upper()
    policy = "reverse" if symbol == "EURUSD" else "close"
    assert_identical(
        f"{shared_parquet}:{symbol}", "--speed", speed, "--on-opposite", policy, data_dir=tmp_path / "desk"
    )


def test_replay_and_backtest_with_a_model_trained_on_earlier_ticks_are_identical(
    shared_parquet: Path, tmp_path: Path
) -> None:
    """The model is trained on rows of the first half and trades rows of the second; a low threshold gives orders."""
    symbol = shared_parquet.stem.split("_")[1].upper()
    file, model = f"{shared_parquet}:{symbol}", tmp_path / "model"
    half = pl.scan_parquet(shared_parquet).select(pl.len()).collect().item() // 2
    first = 1 if IS_FULL_SIZE else half - TRAINED_ROWS
    rows = ("--from-row", first, "--to-row", half)
    trained = run_paperdesk("train", file, *rows, "--threshold", "0.40", "--rounds", ROUNDS, "--out", model)
    assert trained.returncode == 0, trained.stderr
    found = assert_identical(
        *(file, "--from-row", half + 1, "--strategy", "xgboost", "--model", model, "--risk", "none", "--speed", "max"),
        data_dir=tmp_path / "desk",
    )
    assert found["replay"]["orders"]["created"] >= (100 if IS_FULL_SIZE else 1)
