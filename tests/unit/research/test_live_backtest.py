"""A backtest under the live order policy: its stream id, and its reconciliation at the end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from marketdata.files.tick_input import TickInput
from research.backtest import run_backtest
from research.order_policy_name import OrderPolicyName
from research.run_spec import RunSpec
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, read_ledger
from tests.support.tick_files import a_tick_file


def a_spec(folder: Path, plan: str = "", **changed: Any) -> RunSpec:
    """A run with many orders."""
    (folder / "plan.toml").write_text(plan)
    fields: dict[str, Any] = {
        "inputs": (TickInput(a_tick_file(folder / "a.parquet", rows=400, price=1.1), "EURUSD"),),
        "strategy": "tests.support.flipping:Flipping",
        "risk": "none",
        "plan": str(folder / "plan.toml"),
        "order_policy": OrderPolicyName.LIVE,
        **changed,
    }
    return RunSpec(**fields)


def test_only_the_live_policy_is_part_of_the_stream_id(tmp_path: Path) -> None:
    lock_step = a_spec(tmp_path, order_policy=OrderPolicyName.LOCK_STEP)
    assert "order_policy" not in lock_step.deciding_settings()
    assert a_spec(tmp_path).deciding_settings()["order_policy"] == "live"


def test_a_run_ends_reconciled_and_without_open_orders(tmp_path: Path) -> None:
    spec = a_spec(tmp_path)
    report = run_backtest(spec, spec.load(), data_dir=tmp_path / "desk")
    assert report["settings"] == spec.deciding_settings()
    assert report["reconciled"]
    assert report["ticks"]["processed"] == 400
    assert report["orders"]["by_status"] == {"FILLED": report["orders"]["created"]}
    assert report["orders"]["created"] > 100
    book, _ = read_ledger(tmp_path / "desk" / LEDGER_FILE_NAME)
    assert all(order.valid_until_ns == order.created_ns + 5_000_000_000 for order in book.orders.values())
    assert book.epoch == 1
