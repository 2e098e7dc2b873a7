"""The two engines of a backtest have the same ledger, report and venue, byte for byte."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from itertools import product
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from common.errors import StartError
from marketdata.files.tick_input import TickInput
from proto.trading.enums import AccountMode
from research.backtest import Backtest, run_backtest
from research.backtest_engine import BacktestEngine
from research.event_backtest import EventBacktest
from research.run_spec import RunSpec
from services.mt5.core.gateway.journal import MemoryJournal
from services.mt5.core.simulated.book_store import MemoryBookStore
from services.mt5.core.simulated.venue import SimulatedVenue
from services.portfolio.core.plan.on_opposite import OnOpposite
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, Ledger
from services.signal.core.strategy_fault import StrategyError
from tests.support.flipping import Flipping
from tests.support.tick_files import START_NS, a_tick_file

STOPS: Final = """
[exits]
stop_loss_points = 60
take_profit_points = 150
trailing_stop_points = 40
time_exit_s = 45
"""
RESTING: Final = """
[entry]
type = "LIMIT"
offset_points = 12
lifetime_s = 20
"""
VOLATILITY: Final = """
[sizing]
method = "volatility"
volatility_pct_per_day = 2.0
volatility_half_life_min = 5
"""
RUNS: Final[dict[str, tuple[str, str, dict[str, Any]]]] = {
    "crossing averages": ("", "", {"strategy": "ema_cross"}),
    "default limits": ("", "", {"strategy": "ema_cross", "risk": "default"}),
    "many orders": ("", "", {"strategy": "tests.simulation.scenario:Restless"}),
    "many orders and limits": ("", "", {"strategy": "tests.simulation.scenario:Restless", "risk": "default"}),
    "reverse": ("", "", {"on_opposite": OnOpposite.REVERSE}),
    "stops": ("", STOPS, {}),
    "fixed stops and time exits": ("", STOPS.replace("trailing_stop_points = 40\n", ""), {"strategy": "ema_cross"}),
    "resting entries": ("", RESTING, {"on_opposite": OnOpposite.REVERSE}),
    "volatility": ("NZDUSD", VOLATILITY, {"strategy": "tests.simulation.scenario:Restless"}),
    "realistic fills": ("", STOPS, {"fills": "realistic", "seed": 7}),
    "hedging": ("NZDUSD", STOPS, {"account_mode": AccountMode.HEDGING, "fills": "realistic"}),
    "watched symbol": ("USDJPY", "", {"currency": "JPY", "risk": "default"}),
}
"""Second symbol or none, plan or none, and settings, by the name of the run."""


_on_tick: Final = Flipping.on_tick


class FailingAt(Flipping):
    """A strategy that fails at tick 700."""

    def on_tick(self, *arguments: Any) -> tuple[int, float]:
        if self._seen == 699:
            raise RuntimeError("no more")
        return _on_tick(self, *arguments)


def a_spec(folder: Path, name: str, **changed: Any) -> RunSpec:
    """The run of this name on files in the folder."""
    second, plan, fields = RUNS[name]
    inputs = [TickInput(a_tick_file(folder / "a.parquet", rows=1_500, price=1.1), "EURUSD")]
    watched = []
    if second == "USDJPY":
        file = a_tick_file(folder / "b.parquet", rows=1_500, seed=2, price=110.0, digits=3)
        watched.append(TickInput(file, second))
    elif second:
        inputs.append(TickInput(a_tick_file(folder / "b.parquet", rows=1_500, seed=2, price=0.8), second))
    if plan:
        (folder / "plan.toml").write_text(plan)
    return RunSpec(
        inputs=tuple(inputs),
        watched=tuple(watched),
        **{
            "strategy": "tests.support.flipping:Flipping",
            "risk": "none",
            "plan": str(folder / "plan.toml") if plan else "",
            **fields,
            **changed,
        },
    )


def ledger_rows(file: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table of a ledger."""
    with closing(sqlite3.connect(file)) as db:
        names = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        return {name: db.execute(f'SELECT * FROM "{name}"').fetchall() for name in names}


def run(
    kind: type[Backtest], spec: RunSpec, folder: Path, **arguments: Any
) -> tuple[Backtest, dict[str, list[tuple[Any, ...]]], str]:
    """Run a backtest; returns it with the rows of its ledger and the hash of the venue's book."""
    folder.mkdir()
    with closing(Ledger(folder / LEDGER_FILE_NAME)) as ledger:
        backtest = kind(spec, spec.load(), ledger, MemoryJournal("one"), MemoryBookStore(), **arguments)
        backtest.run()
    venue = backtest._gateway.venue
    assert isinstance(venue, SimulatedVenue)
    return backtest, ledger_rows(folder / LEDGER_FILE_NAME), venue.state_hash()


@pytest.mark.parametrize("name", RUNS)
def test_both_engines_have_the_same_ledger_and_venue(name: str, tmp_path: Path) -> None:
    spec = a_spec(tmp_path, name)
    _, rows, venue = run(Backtest, spec, tmp_path / "ticks")
    events, event_rows, event_venue = run(EventBacktest, spec, tmp_path / "events")
    assert isinstance(events, EventBacktest)
    assert event_rows == rows
    assert event_venue == venue
    dice = np.random.Generator(np.random.PCG64(len(name)))
    extra = np.flatnonzero(dice.random(3_000) < 0.1).tolist()
    _, extra_rows, extra_venue = run(EventBacktest, spec, tmp_path / "extra", extra_visits=extra)
    assert extra_rows == rows
    assert extra_venue == venue


def test_both_engines_continue_an_account_with_a_position_of_an_earlier_stream(tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text("[exits]\ntime_exit_s = 50000\n")
    found = []
    for engine in BacktestEngine:
        folder = tmp_path / engine
        folder.mkdir()
        for number, symbol in enumerate(("EURUSD", "GBPUSD")):
            start_ns = START_NS + number * 10_000_000_000_000
            file = a_tick_file(tmp_path / f"{symbol}.parquet", rows=302, start_ns=start_ns, price=1.3)
            spec = RunSpec(
                inputs=(TickInput(file, symbol),),
                strategy="tests.support.flipping:Flipping",
                risk="none",
                plan=str(plan),
            )
            run_backtest(spec, spec.load(), data_dir=folder, keep_venue=True, engine=engine)
        with closing(Ledger(folder / LEDGER_FILE_NAME)) as ledger:
            book, _ = ledger.load()
        assert [held.symbol for held in book.protections.values()] == ["EURUSD"]
        found.append(ledger_rows(folder / LEDGER_FILE_NAME))
    assert found[0] == found[1]


@pytest.mark.parametrize("name", ["crossing averages", "fixed stops and time exits"])
def test_ticks_without_a_consequence_are_not_visited(name: str, tmp_path: Path) -> None:
    events, rows, _ = run(EventBacktest, a_spec(tmp_path, name), tmp_path / "events")
    assert isinstance(events, EventBacktest)
    assert events.visited_parts == []
    deals, minutes = len(events.state.account.book.deals), len(rows["equity_points"])
    assert deals > 5
    assert deals - 1 < events.visits <= deals + minutes + 3


def test_both_engines_have_the_same_report(tmp_path: Path) -> None:
    spec, reports = a_spec(tmp_path, "many orders and limits"), []
    for engine in BacktestEngine:
        (tmp_path / engine).mkdir()
        report = run_backtest(spec, spec.load(), data_dir=tmp_path / engine, engine=engine)
        reports.append({name: value for name, value in report.items() if name != "timings"})
    assert reports[0] == reports[1]


def test_both_engines_commit_the_same_ticks_before_the_fault_of_a_strategy(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("research.backtest.COMMIT_EVERY_TICKS", 500)
    monkeypatch.setattr("research.event_backtest.COMMIT_EVERY_TICKS", 500)
    spec = a_spec(tmp_path, "crossing averages", strategy=f"{__name__}:FailingAt")
    found = []
    for kind in (Backtest, EventBacktest):
        with pytest.raises(StrategyError) as error:
            run(kind, spec, tmp_path / kind.__name__)
        found.append((error.value.fault.sequence, ledger_rows(tmp_path / kind.__name__ / LEDGER_FILE_NAME)))
    assert found[0] == found[1]
    assert found[0][0] == 700


def test_an_interrupted_run_is_continued_by_either_engine(tmp_path: Path, monkeypatch: Any) -> None:
    spec, found = a_spec(tmp_path, "stops"), []
    for first, second in product(BacktestEngine, repeat=2):
        folder = tmp_path / f"{first}-{second}"
        folder.mkdir()
        with monkeypatch.context() as patched:
            patched.setattr("research.backtest.COMMIT_EVERY_TICKS", 699)  # the strategy fails at the next tick
            patched.setattr("research.event_backtest.COMMIT_EVERY_TICKS", 699)  # the strategy fails at the next tick
            patched.setattr(Flipping, "on_tick", FailingAt.on_tick)
            with pytest.raises(StartError):
                run_backtest(spec, spec.load(), data_dir=folder, keep_venue=True, engine=first)
        report = run_backtest(spec, spec.load(), data_dir=folder, keep_venue=True, engine=second)
        assert report["reconciled"]
        found.append(ledger_rows(folder / LEDGER_FILE_NAME))
    assert found[1:] == found[:1] * 3
