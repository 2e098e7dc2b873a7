"""Backtests of three symbols on a netting and a hedging account: the ledger is complete and agrees with the venue."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from marketdata.files.tick_input import TickInput
from proto.trading.enums import AccountMode
from research.backtest import run_backtest
from research.run_spec import RunSpec
from services.portfolio.core.accounting.invariants import find_any_violation
from services.portfolio.core.accounting.round_trips import compute_round_trips, pnl_by_tag
from services.portfolio.core.plan.on_opposite import OnOpposite
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, read_ledger, verify_ledger
from tests.support.builders import START_NS, TICK_NS

ROWS = 1_500
MARKETS = (("EURUSD", 1.1, 0.0002, 0.0001, 5), ("USDJPY", 150.0, 0.03, 0.02, 3), ("XAUUSD", 2_000.0, 0.5, 0.3, 2))


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> tuple[TickInput, ...]:
    """Seeded random walks with one tick a minute for 25 hours, which include one server midnight."""
    folder, found = tmp_path_factory.mktemp("ticks"), []
    for seed, (symbol, start, step, spread, digits) in enumerate(MARKETS, 7):
        bid = np.round(start + np.cumsum(np.random.default_rng(seed).normal(0, step, ROWS)), digits)
        time_ns = START_NS + np.arange(ROWS, dtype=np.int64) * 60 * TICK_NS
        path = folder / f"{symbol}.parquet"
        pl.DataFrame({"ts_ns": time_ns, "bid": bid, "ask": np.round(bid + spread, digits)}).write_parquet(path)
        found.append(TickInput(path, symbol))
    return tuple(found)


@pytest.mark.parametrize("mode", AccountMode)
@pytest.mark.parametrize(("fills", "currency"), [("ideal", "USD"), ("realistic", "EUR")])
def test_the_ledger_of_a_run_is_consistent_and_agrees_with_the_venue(
    inputs: tuple[TickInput, ...], tmp_path: Path, mode: AccountMode, fills: str, currency: str
) -> None:
    """The comparison at the end covers deals, orders, tickets, cash, equity and margin."""
    spec = RunSpec(
        inputs=inputs, account_mode=mode, fills=fills, currency=currency, on_opposite=OnOpposite.REVERSE, risk="none"
    )
    report = run_backtest(spec, spec.load(), data_dir=tmp_path)
    assert (report["reconciled"], report["differences"]) == (True, [])
    assert report["position"]
    book, _ = read_ledger(tmp_path / LEDGER_FILE_NAME)
    assert (find_any_violation(book), verify_ledger(tmp_path / LEDGER_FILE_NAME)) == ("", [])
    costs, (trades, _, unassigned) = report["costs"], compute_round_trips(book)
    assert Decimal(costs["spread"]) > 0
    assert (Decimal(costs["commission"]) > 0) is (fills == "realistic")
    assert Decimal(costs["net"]) == book.balance - spec.balance == pnl_by_tag(book)["desk"].net
    assert sum((trade.profit for trade in trades), unassigned.profit) == Decimal(report["realized_pnl"])
