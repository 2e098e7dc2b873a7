"""The backtest agrees with an independent loop that has the rules of `ema_cross` and uses no code of the desk.

The loop fills buys at the ask and sells at the bid.
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from tests.support.replays import run_paperdesk
from tests.support.tick_files import a_tick_file

LOTS = Decimal("0.01")
UNITS_OF_A_LOT = 100_000
CENT = Decimal("0.01")


def reference(path: Path) -> tuple[int, Decimal]:
    """The number of position changes, and the realized profit in the profit currency."""
    fast = slow = 0.0
    side = held = seen = changes = 0
    earned, opened_at = Decimal(0), Decimal(0)
    for bid, ask in pl.read_parquet(path, columns=["bid", "ask"]).iter_rows():
        mid = (bid + ask) / 2
        fast = mid if seen == 0 else fast + 2 / 51 * (mid - fast)
        slow = mid if seen == 0 else slow + 2 / 501 * (mid - slow)
        side = (fast > slow) - (fast < slow) or side
        seen += 1
        if seen <= 500 or side in (0, held):
            continue
        price = Decimal(str(ask if side > 0 else bid))
        if held:
            earned += ((price - opened_at) * held * LOTS * UNITS_OF_A_LOT).quantize(CENT)
        held, opened_at, changes = side, price, changes + 1
    return changes, earned


def assert_agrees(path: Path, symbol: str) -> None:
    done = run_paperdesk(
        *("backtest", f"{path}:{symbol}", "--strategy", "ema_cross", "--on-opposite", "reverse"),
        *("--risk", "none", "--crossed", "accept", "--volume", LOTS, "--json"),
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    changes, earned = reference(path)
    assert changes > 0
    assert (report["position_changes"], Decimal(report["realized_pnl"])) == (changes, earned)
    assert report["ticks"]["rejected"].get("crossed", 0) == 0


def test_the_backtest_of_a_random_walk_agrees_to_the_cent(tmp_path: Path) -> None:
    assert_agrees(a_tick_file(tmp_path / "may.parquet", rows=30_000, crossed_every=10), "EURUSD")


@pytest.mark.slow
def test_the_backtest_of_a_recording_agrees_to_the_cent(shared_parquet: Path) -> None:
    assert_agrees(shared_parquet, shared_parquet.stem.split("_")[1].upper())
