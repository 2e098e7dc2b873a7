"""Benchmarks of the backtest by processor time: both engines, limits, realistic fills, a model, and the cost of orders.

The lower bounds are what no backtest can do without: for a run a plain Python loop over its quotes, for a run with a
model numpy and XGBoost in such a loop, and for an order the hashing and storing of its events in a ledger.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

import apsw

from research.backtest import run_backtest
from research.backtest_engine import BacktestEngine
from research.in_process_desk import COMMIT_EVERY_TICKS
from research.run_spec import RunSpec
from services.portfolio.ledger.hash_chain import next_hash
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, open_ledger
from tests.benchmarks.figures import row
from tests.benchmarks.peers.crossing import follow_crossings
from tests.benchmarks.peers.model_loop import ModelDecisions, follow_model
from tests.benchmarks.peers.work import Quotes
from tests.benchmarks.workload import SYMBOL, a_run, write_ticks

TICKS: Final = 200_000
MODEL_TICKS: Final = 10_000
ORDER_TICKS: Final = 2_000
"""Ticks of the run in which every tick makes an order."""

INTERVAL_NS: Final = 500_000_000
WARM_UP_TICKS: Final = 1_500
PLAN: Final = """
[exits]
stop_loss_points = 60
take_profit_points = 150
trailing_stop_points = 40
"""

RUNS: Final = ("no limits", "no limits, tick by tick", "default limits", "realistic fills, stops and trailing stops")


class Measured(NamedTuple):
    """Processor time of a run in seconds, its ticks and its orders."""

    cpu_s: float
    ticks: int
    orders: int

    @property
    def ticks_per_s(self) -> float:
        """Ticks per second."""
        return self.ticks / self.cpu_s


class Figures(NamedTuple):
    """All figures: runs by name, the run with a model, and what each is compared with."""

    runs: dict[str, Measured]
    loop_s: float
    """Seconds of the plain loop over the quotes of `runs`."""
    model: Measured
    model_loop_s: float
    order_us: float
    """Microseconds that an order takes in the backtest, all in."""
    stored_us: float
    """Microseconds in which the events of an order are hashed and stored."""


def measure(folder: Path, *, ticks: int = TICKS) -> Figures:
    """Run all benchmarks one after another."""
    file = write_ticks(folder / "quotes.parquet", count=ticks, interval_ns=INTERVAL_NS)
    plan = folder / "plan.toml"
    plan.write_text(PLAN)
    free = a_run(file, strategy="ema_cross")
    specs = {
        RUNS[0]: (free, BacktestEngine.EVENTS),
        RUNS[1]: (free, BacktestEngine.TICKS),
        RUNS[2]: (replace(free, risk="default"), BacktestEngine.EVENTS),
        RUNS[3]: (replace(free, plan=str(plan), fills="realistic"), BacktestEngine.EVENTS),
    }
    runs = {name: run(spec, engine) for name, (spec, engine) in specs.items()}
    quotes = _quotes(free)
    bids, asks = quotes.bid.tolist(), quotes.ask.tolist()
    with_model = replace(free, strategy="xgboost", ticks_max=min(ticks, MODEL_TICKS))
    model = run(with_model)
    decisions, few = ModelDecisions(), _quotes(with_model)
    order_us, stored_us = _order_us(a_run(file, strategy="tests.benchmarks.workload:Alternate"))
    return Figures(
        runs=runs,
        loop_s=_cpu_s(lambda: follow_crossings(bids, asks)),
        model=model,
        model_loop_s=_cpu_s(lambda: follow_model(few, decisions)),
        order_us=order_us,
        stored_us=stored_us,
    )


def as_figures(found: Figures) -> dict[str, object]:
    """The figures for the JSON file."""
    runs = {**found.runs, "demo model": found.model}
    return {
        "ticks per second": {name: round(run.ticks_per_s) for name, run in runs.items()},
        "orders": {name: run.orders for name, run in runs.items()},
        "plain loop ticks per second": round(found.runs[RUNS[0]].ticks / found.loop_s),
        "numpy and XGBoost ticks per second": round(found.model.ticks / found.model_loop_s),
        "order us": round(found.order_us, 1),
        "stored events of an order us": round(found.stored_us, 1),
    }


def rows_of(found: Figures) -> list[tuple[str, str, str, str]]:
    """The rows of the table; a ratio above 1 is better for ticks, and below 1 for an order."""
    free, by_ticks = found.runs[RUNS[0]], found.runs[RUNS[1]]
    loop = free.ticks / found.loop_s
    rows = [_row(RUNS[0], free, "plain loop", loop), _row(RUNS[0], free, "tick by tick", by_ticks.ticks_per_s)]
    rows += [_row(name, found.runs[name], RUNS[0], free.ticks_per_s) for name in RUNS[2:]]
    rows.append(_row("demo model", found.model, "numpy and XGBoost", found.model.ticks / found.model_loop_s))
    order_us, stored_us = found.order_us, found.stored_us
    beside = f"its events hashed and stored {stored_us:.0f} µs"
    return [*rows, row("an order of the backtest", f"{order_us:.0f} µs", beside, f"{order_us / stored_us:.2f}×")]


def _row(name: str, measured: Measured, beside: str, ticks_per_s: float) -> tuple[str, str, str, str]:
    label = f"ticks, backtest, {name}, {measured.orders:,} orders"
    ours = measured.ticks_per_s
    return row(label, f"{ours:,.0f}/s", f"{beside} {ticks_per_s:,.0f}/s", f"{ours / ticks_per_s:.2f}×")


def run(spec: RunSpec, engine: BacktestEngine = BacktestEngine.EVENTS) -> Measured:
    """Measure a backtest from its start to its report, after a short one that loads the compiled kernels."""
    stream = spec.load()
    for part in (replace(spec, ticks_max=WARM_UP_TICKS).load(), stream):
        with tempfile.TemporaryDirectory(prefix="pdb-") as folder:
            started = time.process_time()
            report = run_backtest(spec, part, data_dir=Path(folder), engine=engine)
            cpu_s = time.process_time() - started
    return Measured(cpu_s, stream.last_ordinal, report["orders"]["created"])


def _order_us(spec: RunSpec) -> tuple[float, float]:
    """Microseconds of an order all in, and of hashing and storing its events."""
    short = replace(spec, ticks_max=ORDER_TICKS)
    measured = run(short)
    with tempfile.TemporaryDirectory(prefix="pdb-") as name:
        folder = Path(name)
        run_backtest(short, short.load(), data_dir=folder)
        with closing(open_ledger(folder / LEDGER_FILE_NAME)) as db:
            payloads = [bytes(payload) for (payload,) in db.execute("SELECT payload FROM events ORDER BY number")]
        stored_s = _cpu_s(lambda: _store(folder / "bare.db", payloads))
    return measured.cpu_s / measured.orders * 1e6, stored_s / measured.orders * 1e6


def _store(path: Path, payloads: list[bytes]) -> None:
    last = bytes(32)
    with closing(apsw.Connection(str(path))) as db:
        db.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL")
        db.execute("CREATE TABLE events (number INTEGER PRIMARY KEY, hash BLOB NOT NULL, payload BLOB NOT NULL)")
        for start in range(0, len(payloads), COMMIT_EVERY_TICKS):
            with db:
                for number, payload in enumerate(payloads[start : start + COMMIT_EVERY_TICKS], start + 1):
                    last = next_hash(last, payload)
                    db.execute("INSERT INTO events VALUES (?, ?, ?)", (number, last, payload))


def _quotes(spec: RunSpec) -> Quotes:
    stream = spec.load()
    columns = stream.ticks(SYMBOL, from_sequence=1, limit=stream.last_ordinal, published=stream.last_ordinal)
    return Quotes.of(columns.time_ns, columns.bid, columns.ask, columns.volume)


def _cpu_s(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started
