"""Replay and backtest agree with many features enabled at once.

The runs have a trained model, sizing, trailing stops, resting entries and realistic fills. Two symbols have the ticks
of recordings, if these are beside the checkout, and otherwise of random walks. The third symbol, which is quoted in
yen, always has a random walk. The account is in EUR, so that profits and risks are converted, and is netting or
hedging. Run with the full number of ticks, some minutes on two cores:

  PAPERDESK_SYSTEM_TICKS=50000 python -m pytest tests/system/test_parity_of_everything.py
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import polars as pl
import pytest

from tests.support.replays import IS_FULL_SIZE, list_rows, run_paperdesk, ticks_or
from tests.support.shared_data import shared_parquet_files
from tests.support.tick_files import a_tick_file

SYMBOLS: Final = ("EURUSD", "NZDUSD", "EURJPY")
TICKS: Final = ticks_or(3_000)
TRAINED_ROWS: Final = 30_000
TRADED_FROM_NS: Final = 1_399_035_600_000_000_000
"""13:00 UTC on the second day of the recordings, when both symbols have many ticks."""

ROUNDS: Final = 300 if IS_FULL_SIZE else 20

BALANCE: Final = 1_000_000 if IS_FULL_SIZE else 10_000
"""Opening balance in EUR; with a smaller one the limits on losses would stop a long run."""

PLAN: Final = """
[sizing]
method = "kelly"
payoff = 2.5
volume_max = 0.5

[exits]
stop_loss_points = 30
take_profit_points = 50
trailing_stop_points = 20
trailing_step_points = 2
time_exit_s = 60

[strategies.rest]
symbols = ["NZDUSD", "EURJPY"]
sizing = { method = "fraction", risk_pct = 0.3, volume_max = 0.5 }
exits = { stop_loss_points = 40, trailing_stop_points = 20, time_exit_s = 45 }
entry = { type = "LIMIT", offset_points = 12, lifetime_s = 60 }
"""


LIMITS: Final = """
position_legs_max = 3
orders_per_second_max = "none"
orders_per_minute_max = "none"
orders_per_day_max = "none"
repeated_orders_max = "none"
rejects_per_minute_max = "none"
spread_factor_max = "none"
breaker_losses = "none"
"""
"""The default limits without those that would deny most orders of these runs."""


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The tick files to trade by symbol, and under `before` the file for the training of EURUSD's model."""
    folder = tmp_path_factory.mktemp("market")
    started = {"start_ns": TRADED_FROM_NS, "rows": TICKS}
    yen = a_tick_file(folder / "EURJPY.parquet", price=141.2, digits=3, seed=5, pause_ms_max=500, **started)
    there = {path.stem.split("_")[1].upper(): path for path in shared_parquet_files()}
    if not {"EURUSD", "NZDUSD"} <= there.keys():
        return {
            "before": a_tick_file(folder / "before.parquet", rows=TRAINED_ROWS),
            "EURUSD": a_tick_file(folder / "EURUSD.parquet", seed=2, **started),
            "NZDUSD": a_tick_file(folder / "NZDUSD.parquet", seed=3, price=0.8612, **started),
            "EURJPY": yen,
        }
    eurusd, nzdusd = (pl.scan_parquet(there[symbol]) for symbol in ("EURUSD", "NZDUSD"))
    is_traded = pl.col("ts_ns") >= TRADED_FROM_NS
    return {
        "before": written(eurusd.filter(~is_traded).tail(TRAINED_ROWS), folder / "before.parquet"),
        "EURUSD": written(eurusd.filter(is_traded).head(TICKS), folder / "EURUSD.parquet"),
        "NZDUSD": written(nzdusd.filter(is_traded).head(TICKS), folder / "NZDUSD.parquet"),
        "EURJPY": yen,
    }


def written(rows: pl.LazyFrame, path: Path) -> Path:
    rows.collect().write_parquet(path)
    return path


@pytest.fixture(scope="module")
def model(market: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with a low threshold, so that it makes many orders."""
    folder = tmp_path_factory.mktemp("model") / "trained"
    done = run_paperdesk(
        "train", f"{market['before']}:EURUSD", "--threshold", "0.40", "--rounds", ROUNDS, "--out", folder
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize(("account_mode", "speed"), [("netting", "max"), ("hedging", "lockstep")])
def test_replay_and_backtest_with_many_features_are_identical(
    account_mode: str, speed: str, market: dict[str, Path], model: Path, tmp_path: Path
) -> None:
    plan, limits = tmp_path / "plan.toml", tmp_path / "limits.toml"
    plan.write_text(PLAN, encoding="utf-8")
    limits.write_text(LIMITS, encoding="utf-8")
    done = run_paperdesk(
        *("parity", *(f"{market[symbol]}:{symbol}" for symbol in SYMBOLS), "--ticks", TICKS, "--speed", speed),
        *(
            "--strategy",
            "EURUSD=xgboost,NZDUSD=ema_cross,EURJPY=ema_cross",
            "--model",
            model,
            "--risk",
            limits,
            "--plan",
            plan,
        ),
        *("--fills", "realistic", "--seed", 7, "--account-mode", account_mode, "--currency", "EUR"),
        *("--balance", BALANCE),
        *("--on-opposite", "reverse", "--data-dir", tmp_path / "desk", "--json"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["identical"] is True
    for name in ("replay", "backtest"):
        assert found[name]["reconciled"] is True
        assert found[name]["ticks"]["processed"] == TICKS
    orders = list_rows("orders", tmp_path / "desk" / "replay")
    print(
        found["replay"]["orders"],
        counted(orders, "symbol", "status", "type"),
        counted(list_rows("deals", tmp_path / "desk" / "replay"), "why"),
    )
    assert {order["symbol"] for order in orders} == set(SYMBOLS)
    assert {order["type"] for order in orders} == {"MARKET", "LIMIT"}
    assert {"signal", "time exit"} <= {order["cause"] for order in orders}


def counted(rows: Iterable[dict[str, Any]], *names: str) -> Counter[str]:
    return Counter(" ".join(str(row[name]) for name in names) for row in rows)
