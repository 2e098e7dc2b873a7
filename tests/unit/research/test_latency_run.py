"""In a backtest with latency a deal has the time at which its order arrived, unless the order waits for a quote."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from marketdata.files.tick_input import TickInput
from research.backtest import run_backtest
from research.report import deals_of_run
from research.run_spec import RunSpec
from services.portfolio.core.plan.on_opposite import OnOpposite
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, read_ledger
from tests.support.builders import START_NS

MS_NS = 1_000_000
QUOTE_AGE_MS_MAX = 10_000
ROWS = 15_000


@pytest.fixture(scope="module")
def ticks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A seeded random walk with about 400 ms between ticks, and occasional pauses of 15 s."""
    random = np.random.default_rng(11)
    bid = np.round(1.1 + np.cumsum(random.normal(0, 0.0002, ROWS)), 5)
    gaps_ms = random.exponential(400, ROWS).astype(np.int64) + 1
    gaps_ms[random.random(ROWS) < 0.05] += 15_000
    path = tmp_path_factory.mktemp("ticks") / "walk.parquet"
    times = START_NS + np.cumsum(gaps_ms) * MS_NS
    pl.DataFrame({"ts_ns": times, "bid": bid, "ask": np.round(bid + 0.0001, 5)}).write_parquet(path)
    return path


def a_run(ticks: Path, folder: Path, fills: str, **changed: Any) -> tuple[dict[str, Any], list[tuple[int, int]]]:
    """The report, and the delays of each deal after the decision and after the arrival of its order, in ns."""
    folder.mkdir()
    (folder / "fills.toml").write_text(fills)
    spec = RunSpec(
        inputs=(TickInput(ticks, "EURUSD"),),
        fills=str(folder / "fills.toml"),
        on_opposite=OnOpposite.REVERSE,
        risk="none",
        **changed,
    )
    report = run_backtest(spec, spec.load(), data_dir=folder / "desk")
    book, _ = read_ledger(folder / "desk" / LEDGER_FILE_NAME)
    return report, [
        (deal.time_ns - book.orders[deal.order_id].created_ns, deal.time_ns - deal.arrived_ns)
        for deal in deals_of_run(book)
        if deal.order_id
    ]


@pytest.mark.parametrize("delay_ms", [5, 40])
def test_every_deal_has_the_arrival_time_of_its_order_except_those_counted_as_deals_after_arrival(
    delay_ms: int, ticks: Path, tmp_path: Path
) -> None:
    fills = f"""
    like = "ideal"
    quote_age_ms_max = {QUOTE_AGE_MS_MAX}
    request_latency = {{model = "constant", ms = {delay_ms}}}
    """
    report, delays = a_run(ticks, tmp_path / "run", fills)
    exceptions = [after_arrival for _, after_arrival in delays if after_arrival]
    assert len(delays) > 50
    assert len(exceptions) == report["deals_after_arrival"]
    assert [after for after, after_arrival in delays if not after_arrival] == [delay_ms * MS_NS] * (
        len(delays) - len(exceptions)
    )
    assert report["reconciled"]


def test_with_a_latency_above_the_greatest_quote_age_some_deals_wait_for_the_next_quote(
    ticks: Path, tmp_path: Path
) -> None:
    fills = """
    like = "ideal"
    quote_age_ms_max = 10
    request_latency = {model = "constant", ms = 40}
    """
    report, delays = a_run(ticks, tmp_path / "run", fills)
    waited = [after_arrival for _, after_arrival in delays if after_arrival]
    assert len(waited) == report["deals_after_arrival"] > 0
    assert all(after > 40 * MS_NS for after, after_arrival in delays if after_arrival)


def test_the_report_has_the_gain_of_quotes_better_than_limits(ticks: Path, tmp_path: Path) -> None:
    """Both runs have equally many deals. Only the run with fills at the quote has the gain in its balance."""
    plan = tmp_path / "plan.toml"
    plan.write_text("[exits]\ntake_profit_points = 35\nstop_loss_points = 200\n")
    terms = {"plan": str(plan), "volume": Decimal("0.10")}
    at_quote, _ = a_run(ticks, tmp_path / "quote", 'like = "ideal"', **terms)
    at_limit, _ = a_run(ticks, tmp_path / "limit", 'like = "ideal"\nlimit_fills = "limit"', **terms)
    assert at_quote["deals"] == at_limit["deals"] > 20
    assert Decimal(at_quote["limit_gap"]) == Decimal(at_limit["limit_gap"]) > 0
    assert Decimal(at_quote["balance"]) - Decimal(at_limit["balance"]) == Decimal(at_limit["limit_gap"])
    assert a_run(ticks, tmp_path / "market", 'like = "ideal"')[0]["limit_gap"] == "0"
