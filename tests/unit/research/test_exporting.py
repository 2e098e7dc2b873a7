"""What leaves the desk: round trips by hand, the balance, and files that another program reads back."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proto.units import plain
from proto.views import plain_fields
from research.exporting import COLUMNS, TradeRow, csv_text, equity_of, trades_of, write_parquet

D = Decimal


def a_deal(number: int, kind: str, volume: str, price: str, **changed: Any) -> dict[str, Any]:
    """A deal as plain fields, in EURUSD at no cost."""
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


def brief(trades: list[TradeRow]) -> list[tuple[int, int, str, str, str]]:
    return [(t.open_deal, t.close_deal, t.direction, plain(t.volume), plain(t.profit)) for t in trades]


def test_a_closing_deal_is_matched_with_the_oldest_openings_first() -> None:
    deals = [
        a_deal(1, "BUY", "0.10", "1.1000"),
        a_deal(2, "BUY", "0.20", "1.1010"),
        # 0.10 x 20 pips + 0.05 x 10 pips at 10 USD a pip and lot: 20.00 + 5.00
        a_deal(3, "SELL", "0.15", "1.1020", profit="25.00"),
        a_deal(4, "SELL", "0.15", "1.1000", profit="-15.00"),
    ]
    trades = trades_of(deals, {"o1": "a", "o2": "b"}, is_hedging=False)
    assert brief(trades) == [
        (1, 3, "LONG", "0.1", "20"),
        (2, 3, "LONG", "0.05", "5"),
        (2, 4, "LONG", "0.15", "-15"),
    ]
    assert [(trade.trade, trade.tag) for trade in trades] == [(1, "a"), (2, "b"), (3, "b")]


def test_a_reversal_closes_first_and_opens_with_the_rest() -> None:
    deals = [
        a_deal(1, "SELL", "1", "1.2", commission="-7.00"),
        a_deal(2, "BUY", "3", "1.1", commission="-21.00", profit="10000.00"),
        a_deal(3, "SELL", "2", "1.1", commission="-14.00"),
    ]
    trades = trades_of(deals, {}, is_hedging=False)
    assert brief(trades) == [(1, 2, "SHORT", "1", "10000"), (2, 3, "LONG", "2", "0")]
    # of deal 2 a third goes with what it closed, two thirds with what it opened
    assert [trade.commission for trade in trades] == [D("-14.00"), D("-28.00")]
    assert [trade.net for trade in trades] == [D("9986.00"), D("-28.00")]


def test_on_a_hedging_account_tickets_are_closed_and_not_the_oldest() -> None:
    deals = [
        a_deal(1, "BUY", "1", "1.1", position=11),
        a_deal(2, "SELL", "1", "1.2", position=22),
        a_deal(3, "BUY", "1", "1.1", position=22, profit="10000"),
    ]
    assert brief(trades_of(deals, {}, is_hedging=True)) == [(2, 3, "SHORT", "1", "10000")]
    assert [row[:2] for row in brief(trades_of(deals, {}, is_hedging=False))] == [(1, 2)]


def test_what_moved_cash_alone_is_no_trade() -> None:
    assert trades_of([a_deal(1, "BALANCE", "0", "0", symbol="", profit="10000")], {}, is_hedging=False) == []


@given(
    st.lists(
        st.tuples(st.sampled_from(["BUY", "SELL"]), st.integers(1, 5), st.integers(90, 110), st.integers(-500, 500)),
        max_size=20,
    )
)
def test_round_trips_carry_every_cent_of_what_was_closed(found: list[tuple[str, int, int, int]]) -> None:
    deals, net = [], 0
    for number, (kind, lots, price, cents) in enumerate(found, 1):
        signed = lots if kind == "BUY" else -lots
        closes = net * signed < 0
        net += signed
        profit = str(D(cents) / 100) if closes else "0"
        deals.append(a_deal(number, kind, str(lots), str(D(price) / 100), profit=profit, commission="-0.07"))
    # Whatever is open in the end is closed, so that no commission is left with it.
    if net:
        deals.append(a_deal(len(deals) + 1, "SELL" if net > 0 else "BUY", str(abs(net)), "1", profit="0.01"))
    trades = trades_of(deals, {}, is_hedging=False)
    for part in ("profit", "commission"):
        told = sum((D(deal[part]) for deal in deals), D(0))
        assert sum((getattr(trade, part) for trade in trades), D(0)) == told
    assert all(trade.net == trade.profit + trade.commission + trade.swap for trade in trades)


def test_the_balance_after_each_deal_and_the_present_with_what_is_unrealised() -> None:
    deals = [
        a_deal(1, "BALANCE", "0", "0", symbol="", profit="100"),
        a_deal(2, "BUY", "1", "1.1", commission="-3.5", swap="-0.25"),
    ]
    rows = equity_of(deals, {"time_ns": 9, "unrealized_pnl": "-1.25"})
    assert [(row.kind, row.balance, row.equity) for row in rows] == [
        ("BALANCE", D(100), None),
        ("BUY", D("96.25"), None),
        ("PRESENT", D("96.25"), D("95.00")),
    ]
    assert equity_of(deals, {"time_ns": 9, "unrealized_pnl": None})[-1].equity is None


def test_csv_keeps_decimals_to_the_last_digit_and_reads_back() -> None:
    rows = equity_of([a_deal(1, "BUY", "1", "1", profit="0.1000000000001")], {"time_ns": 9, "unrealized_pnl": None})
    text = csv_text([plain_fields(row) for row in rows], COLUMNS["equity"])
    read = list(csv.DictReader(io.StringIO(text)))
    assert list(read[0]) == list(COLUMNS["equity"].__struct_fields__)
    assert (read[0]["balance"], read[0]["equity"]) == ("0.1000000000001", "")


@pytest.mark.parametrize("what", COLUMNS)
def test_a_parquet_file_has_its_columns_and_types_also_without_a_row(what: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    write_parquet(path, [], COLUMNS[what])
    frame = pl.read_parquet(path)
    assert frame.columns == list(COLUMNS[what].__struct_fields__)
    assert {str(type_) for type_ in frame.dtypes} <= {"String", "Int64", "Decimal(precision=38, scale=12)"}


def test_a_parquet_file_has_exact_decimals(tmp_path: Path) -> None:
    path = tmp_path / "trades.parquet"
    deals = [a_deal(1, "BUY", "0.1", "1.10001"), a_deal(2, "SELL", "0.1", "1.10003", profit="0.2")]
    write_parquet(path, [plain_fields(row) for row in trades_of(deals, {}, is_hedging=False)], TradeRow)
    (row,) = pl.read_parquet(path).to_dicts()
    assert (row["open_price"], row["profit"], row["close_time_ns"]) == (D("1.10001"), D("0.2"), 2)
