"""Exports of the equity, and the files in CSV and Parquet."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from proto.control.views import plain_fields
from research.export import COLUMNS, csv_text, equity_rows, write_parquet

D = Decimal
PRESENT: dict[str, Any] = {"time_ns": 9, "unrealized_pnl": None, "margin": None}


def a_deal(number: int, kind: str, volume: str, price: str, **changed: Any) -> dict[str, Any]:
    """A EURUSD deal without costs, as plain fields."""
    fields: dict[str, Any] = {
        "deal": number,
        "order_id": f"o{number}",
        "position": 0,
        "time_ns": number,
        "symbol": "EURUSD",
        "kind": kind,
        "volume": volume,
        "price": price,
        "profit": "0",
        "commission": "0",
        "swap": "0",
        "why": "CLIENT",
    }
    return {**fields, **changed}


def test_equity_rows_have_the_balance_after_each_deal_and_the_current_equity() -> None:
    deals = [
        a_deal(1, "BALANCE", "0", "0", symbol="", profit="100"),
        a_deal(2, "BUY", "1", "1.1", commission="-3.5", swap="-0.25"),
    ]
    rows = equity_rows(deals, {"time_ns": 9, "unrealized_pnl": "-1.25", "margin": "3.5"}, [])
    assert [(row.kind, row.balance, row.equity) for row in rows] == [
        ("BALANCE", D(100), None),
        ("BUY", D("96.25"), None),
        ("PRESENT", D("96.25"), D("95.00")),
    ]
    assert equity_rows(deals, PRESENT, [])[-1].equity is None


def a_point(time_ns: int, balance: str, equity: str, margin: str | None = "0") -> dict[str, Any]:
    """An equity point, as plain fields."""
    return {"time_ns": time_ns, "ordinal": time_ns, "balance": balance, "equity": equity, "margin": margin}


def test_equity_rows_have_the_points_between_the_deals_by_time() -> None:
    deals = [
        a_deal(1, "BALANCE", "0", "0", symbol="", profit="100", time_ns=1),
        a_deal(2, "BUY", "1", "1.1", commission="-1", time_ns=5),
        a_deal(3, "SELL", "1", "1.1", commission="-1", time_ns=5),
    ]
    points = [a_point(2, "100", "100"), a_point(5, "99", "98.5", "3.7"), a_point(8, "98", "98", None)]
    rows = equity_rows(deals, {"time_ns": 9, "unrealized_pnl": "0", "margin": "0"}, points)
    assert [(row.time_ns, row.kind, row.balance, row.equity, row.margin) for row in rows] == [
        (1, "BALANCE", D(100), None, None),
        (2, "POINT", D(100), D(100), D(0)),
        (5, "BUY", D(99), None, None),
        (5, "POINT", D(99), D("98.5"), D("3.7")),
        (5, "SELL", D(98), None, None),
        (8, "POINT", D(98), D(98), None),
        (9, "PRESENT", D(98), D(98), D(0)),
    ]


def test_csv_keeps_every_digit_of_decimals() -> None:
    rows = equity_rows([a_deal(1, "BUY", "1", "1", profit="0.1000000000001")], PRESENT, [])
    text = csv_text([plain_fields(row) for row in rows], COLUMNS["equity"])
    read = list(csv.DictReader(io.StringIO(text)))
    assert list(read[0]) == ["time_ns", "time", "deal", "kind", "symbol", "change", "balance", "equity", "margin"]
    assert (read[0]["balance"], read[0]["equity"]) == ("0.1000000000001", "")
    assert (read[0]["time_ns"], read[0]["time"]) == ("1", "1970-01-01T00:00:00.000000001Z")


def test_csv_shows_the_time_0_as_an_empty_text() -> None:
    (read,) = csv.DictReader(io.StringIO(csv_text([{"created_ns": 1, "ended_ns": 0}], COLUMNS["orders"])))
    assert (read["ended_ns"], read["ended"], read["expires"]) == ("0", "", "")


@pytest.mark.parametrize("what", COLUMNS)
def test_a_parquet_file_without_rows_has_its_columns_and_types(what: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    write_parquet(path, [], COLUMNS[what])
    frame = pl.read_parquet(path)
    assert frame.columns == list(COLUMNS[what].__struct_fields__)
    assert {str(type_) for type_ in frame.dtypes} <= {"String", "Int64", "Decimal(precision=38, scale=12)"}


def test_a_parquet_file_has_exact_decimals(tmp_path: Path) -> None:
    path = tmp_path / "equity.parquet"
    rows = equity_rows([a_deal(1, "BUY", "0.1", "1.10001", profit="0.00003")], PRESENT, [])
    write_parquet(path, [plain_fields(row) for row in rows], COLUMNS["equity"])
    first, present = pl.read_parquet(path).to_dicts()
    assert (first["balance"], first["time_ns"], first["equity"]) == (D("0.00003"), 1, None)
    assert present["kind"] == "PRESENT"
