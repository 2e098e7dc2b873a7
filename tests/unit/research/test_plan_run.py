"""A backtest with a plan: orders have the plan's sizes and sizing method, and the settings have the plan's name."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from marketdata.files.tick_input import TickInput
from proto.trading.units import decimal_text
from research.backtest import run_backtest
from research.run_spec import RunSpec
from services.portfolio.core.account.orders import Order
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, read_ledger
from tests.support.tick_files import START_NS, a_tick_file

MINUTE_NS = 60_000_000_000


def a_run(folder: Path, plan: str, **changed: Any) -> tuple[dict[str, Any], list[Order]]:
    """The report and the orders of a backtest with many orders."""
    path = folder / "plan.toml"
    path.write_text(plan)
    fields: dict[str, Any] = {
        "inputs": (TickInput(a_tick_file(folder / "e.parquet", rows=600), "EURUSD"),),
        "strategy": "tests.support.flipping:Flipping",
        "risk": "none",
        "plan": str(path),
        **changed,
    }
    spec = RunSpec(**fields)
    desk = folder / "desk"
    desk.mkdir()
    report = run_backtest(spec, spec.load(), data_dir=desk)
    book, _ = read_ledger(desk / LEDGER_FILE_NAME)
    return report, list(book.orders.values())


def test_a_volatility_target_makes_no_order_before_its_estimate(tmp_path: Path) -> None:
    plan = '[sizing]\nmethod = "volatility"\nvolatility_pct_per_day = 1\nvolatility_half_life_min = 3\n'
    report, orders = a_run(tmp_path, plan)
    assert report["reconciled"]
    assert report["settings"]["plan"].startswith("sizing.method=volatility,")
    assert report["orders"]["denied"].keys() == {"NO_SIZE"}
    opening = [order for order in orders if order.decision.sizing]
    assert opening[0].created_ns >= START_NS + 4 * MINUTE_NS
    assert len({order.volume for order in opening}) > 1
    assert all(order.decision.sizing.startswith("volatility: 1 % of ") for order in opening)


def test_each_symbol_trades_by_its_own_strategy_and_size(tmp_path: Path) -> None:
    files = (
        TickInput(a_tick_file(tmp_path / "a.parquet", rows=600), "EURUSD"),
        TickInput(a_tick_file(tmp_path / "b.parquet", rows=600, seed=2, price=0.8), "NZDUSD"),
    )
    plan = (
        '[strategies.trend]\nsymbols = ["EURUSD"]\nsizing = { method = "fixed", volume = 0.05 }\n'
        '[strategies.flip]\nsymbols = ["NZDUSD"]\n'
        'sizing = { method = "fraction", risk_pct = 1 }\nexits = { stop_loss_points = 200 }\n'
    )
    strategy = "EURUSD=ema_cross,NZDUSD=tests.support.flipping:Flipping"
    report, orders = a_run(tmp_path, plan, inputs=files, strategy=strategy)
    assert report["reconciled"]
    assert report["settings"]["strategy"] == strategy
    assert {(order.symbol, order.tag) for order in orders} == {("EURUSD", "trend"), ("NZDUSD", "flip")}
    assert {order.volume for order in orders if order.tag == "trend"} == {Decimal("0.05")}
    first = next(order for order in orders if order.tag == "flip")
    # 1 % of 10,000 USD, divided by a loss at the stop of 200 USD a lot plus the broker's commission
    assert Decimal("0.45") < first.volume <= Decimal("0.5")
    assert first.decision.sizing.startswith("fraction: 1 % of 10000.00 USD = 100.00 USD at risk / 20")
    assert first.decision.sizing.endswith(f"step 0.01 -> {decimal_text(first.volume)} lots")
