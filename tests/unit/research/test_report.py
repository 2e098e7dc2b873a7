"""The report of a run has consistent sums and the documented schema, and depends only on the run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from cli.report_view import balance_before
from common.errors import StartError
from common.project_root import PROJECT_ROOT
from marketdata.files.tick_input import TickInput
from research import ledger_views
from research.backtest import run_backtest
from research.parity import compare
from research.report import as_json, report_digest, report_of
from research.run_spec import RunSpec
from services.portfolio.core.plan.on_opposite import OnOpposite
from tests.support.builders import START_NS, TICK_NS

PAGE = PROJECT_ROOT / "docs" / "report.md"
ROWS = 600
BAD_ROWS = 3


@pytest.fixture(scope="module")
def ticks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A seeded random walk with a crossed row, a row without a price and a row out of order."""
    random = np.random.default_rng(7)
    bid = np.round(1.1 + np.cumsum(random.normal(0, 0.0002, ROWS)), 5)
    ask = np.round(bid + 0.0001, 5)
    time_ns = START_NS + np.arange(ROWS, dtype=np.int64) * TICK_NS
    bid[100], ask[200], time_ns[300] = bid[100] + 0.01, np.nan, START_NS
    path = tmp_path_factory.mktemp("ticks") / "walk.parquet"
    pl.DataFrame({"ts_ns": time_ns, "bid": bid, "ask": ask}).write_parquet(path)
    return path


def a_spec(path: Path, **changed: Any) -> RunSpec:
    """A run over a file of EURUSD ticks."""
    return RunSpec(inputs=(TickInput(path, "EURUSD"),), **changed)


def a_run(path: Path, folder: Path, **changed: Any) -> dict[str, Any]:
    """The report of a backtest."""
    spec = a_spec(path, **changed)
    return run_backtest(spec, spec.load(), data_dir=folder)


@pytest.fixture(scope="module")
def report(ticks: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The report of one run, for the tests that only read it."""
    return a_run(ticks, tmp_path_factory.mktemp("run"))


def keys_of(value: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """The names of a report's fields in the form of the docs; a map by reason or name is one field."""
    for key, found in value.items():
        path = f"{prefix}{key}"
        if path in ("ticks", "signals", "orders", "timings"):
            yield from keys_of(found, f"{path}.")
        else:
            yield path


def test_every_row_read_is_published_or_rejected_with_a_reason(report: dict[str, Any]) -> None:
    ticks = report["ticks"]
    assert ticks["read"] == ROWS
    assert ticks["read"] == ticks["published"] + sum(ticks["rejected"].values())
    assert sum(ticks["rejected"].values()) == BAD_ROWS
    assert ticks["processed"] == ticks["published"]
    assert ticks["gaps"] == 0


def test_the_counts_of_signals_and_their_outcomes_add_up(report: dict[str, Any]) -> None:
    signals, orders = report["signals"], report["orders"]
    directional = signals["buy"] + signals["sell"]
    assert directional + signals["hold"] + signals["warming_up"] == report["ticks"]["processed"]
    assert directional == sum(signals["blocked"].values()) + sum(orders["denied"].values()) + orders["created"]
    assert orders["created"] == sum(orders["by_status"].values()) > 0


def test_the_balance_is_the_sum_of_the_cash_categories(report: dict[str, Any]) -> None:
    total = sum(Decimal(report[name]) for name in ("realized_pnl", "commission", "swap"))
    assert Decimal(report["balance"]) == Decimal(report["settings"]["balance"]) + total
    assert balance_before(report) == Decimal(report["settings"]["balance"])
    assert Decimal(report["equity"]) == Decimal(report["balance"]) + Decimal(report["unrealized_pnl"])
    assert report["deals"] == report["position_changes"] == report["orders"]["by_status"]["FILLED"]


def test_a_run_to_the_end_is_reconciled(report: dict[str, Any]) -> None:
    assert report["reconciled"] is True
    assert report["differences"] == []


def test_the_docs_describe_every_field_and_no_other(report: dict[str, Any]) -> None:
    described = re.findall(r"^\| `([a-z0-9_.]+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(described) == sorted({*keys_of(report), "model_data", "warnings"})
    for name in report["settings"]:
        assert f"`{name}`" in PAGE.read_text(encoding="utf-8")


def test_the_same_run_has_the_same_report_except_timings(ticks: Path, tmp_path: Path, report: dict[str, Any]) -> None:
    again = a_run(ticks, tmp_path / "again")
    assert report_digest(again) == report_digest(report)
    assert report_digest({**again, "mode": "replay", "timings": {}}) == report_digest(report)
    assert report_digest({**again, "balance": "1"}) != report_digest(report)


def test_the_report_can_be_computed_again_from_the_folder_of_the_run(ticks: Path, tmp_path: Path) -> None:
    first = a_run(ticks, tmp_path / "run")
    later = report_of(tmp_path / "run", a_spec(ticks), mode="backtest")
    assert report_digest(later) == report_digest(first)
    assert set(later["timings"]) == set(first["timings"])
    assert not any(later["timings"].values())
    with pytest.raises(StartError):
        report_of(tmp_path / "nothing", a_spec(ticks), mode="backtest")


def test_the_report_is_json_with_sorted_keys_and_no_floats_for_money(report: dict[str, Any]) -> None:
    text = as_json(report)
    assert json.loads(text) == report
    keys = list(json.loads(text))
    assert keys == sorted(keys)
    assert all(isinstance(report[name], str) for name in ("balance", "equity", "realized_pnl"))


def test_equal_runs_are_identical_row_by_row_and_runs_with_other_settings_are_not(ticks: Path, tmp_path: Path) -> None:
    one, other, third = tmp_path / "one", tmp_path / "other", tmp_path / "third"
    a_run(ticks, one)
    a_run(ticks, other)
    a_run(ticks, third, on_opposite=OnOpposite.REVERSE)
    assert compare(one, other) == []
    found = compare(one, third, names=("left", "right"))
    assert found
    assert any("in left" in line and "in right" in line for line in found)


def test_the_views_agree_with_the_report(ticks: Path, tmp_path: Path) -> None:
    report = a_run(ticks, tmp_path)
    orders, deals, account = ledger_views.orders(tmp_path), ledger_views.deals(tmp_path), ledger_views.account(tmp_path)
    assert len(orders) == report["orders"]["created"]
    assert [deal["kind"] for deal in deals[:1]] == ["BALANCE"]
    assert len(deals) - 1 == report["deals"]
    assert sum(Decimal(deal["profit"]) for deal in deals[1:]) == Decimal(report["realized_pnl"])
    assert sum(Decimal(order["profit"]) for order in orders) == Decimal(report["realized_pnl"])
    assert (account["balance"], account["equity"]) == (report["balance"], report["equity"])
    assert account["orders_open"] == 0
    assert {row["symbol"]: row["net_volume"] for row in ledger_views.positions(tmp_path)} == {
        symbol: position["net_volume"] for symbol, position in report["position"].items()
    }
