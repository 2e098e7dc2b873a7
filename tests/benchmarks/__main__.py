"""`make bench`: all benchmarks as a table and as JSON.

All values are measured in one run on one machine, one after the other. In the load "back to back", every tick makes an
order, and the next tick is published when the previous tick is confirmed. In the load "paced", there are 500 ticks a
second with idle time between them, and every tenth tick makes an order. A latency begins when the tick is published.
Memory is measured for the gateway when it has loaded the ticks, and for the other processes at the end of the lock-step
run.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from rich.table import Table

from common.project_root import PROJECT_ROOT
from tests.benchmarks import backtests, chain, floor, memory, offline, start_up
from tests.benchmarks.figures import publish, quantiles_us, ratios, row
from tests.benchmarks.workload import ALTERNATE, ALTERNATE_EACH_TENTH, write_ticks

PACED_INTERVAL_NS = 2_000_000
DEMO_MODEL = PROJECT_ROOT / "models" / "demo"

Row = tuple[str, str, str, str]


class Load(NamedTuple):
    """A load: pace of the desk's ticks, interval of the floor's ticks, strategy, and number of ticks for each order."""

    name: str
    pace: str
    interval_ns: int
    strategy: str
    order_every: int


LOADS = (
    Load("back to back", "lockstep", 0, ALTERNATE, 1),
    Load("paced, 500 ticks/s", "1", PACED_INTERVAL_NS, ALTERNATE_EACH_TENTH, 10),
)


def main() -> None:
    """Run all benchmarks, print the table, and write the JSON file."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--ticks", type=int, default=3_000, help="ticks for each load")
    parser.add_argument("--json", type=Path, default=Path("var/bench.json"), help="file for the figures")
    parser.add_argument("--orders", type=int, default=start_up.ORDERS, help="orders in the desk that is started")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pdb-") as folder:
        figures, rows = measure(Path(folder), arguments.ticks, orders=arguments.orders)
    table = Table(title=f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    for name in ("measured", "desk", "compared with", "ratio"):
        table.add_column(name, justify="left" if name == "measured" else "right")
    for line in rows:
        table.add_row(*line)
    console = publish(figures, table, arguments.json)
    console.print(f"written to {arguments.json}")


def measure(folder: Path, ticks: int, *, orders: int) -> tuple[dict[str, Any], list[Row]]:
    """Run all benchmarks; return the figures, and the rows of the table."""
    figures: dict[str, Any] = {}
    rows: list[Row] = []
    for load in LOADS:
        figures[load.name] = _chain(_folder(folder), load, ticks, rows)
    quiet = write_ticks(_folder(folder) / "quiet.parquet", count=10 * ticks, interval_ns=PACED_INTERVAL_NS)
    run = chain.measure(_folder(folder), quiet, pace="lockstep", strategy="ema_cross")
    figures["lock-step ticks per second"] = round(run["ticks_per_s"])
    fast = chain.measure(_folder(folder), quiet, pace="max", strategy="ema_cross")
    figures["max ticks per second"] = round(fast["ticks_per_s"])
    figures["start-up seconds"] = round(run["start_up_s"], 2)
    figures["memory MB"] = {"mt5": memory.gateway_rss_mb(quiet, _folder(folder)), **run["rss_mb"]}
    offline_runs = backtests.measure(_folder(folder))
    figures["backtest"] = backtests.as_figures(offline_runs)
    ours, bare = offline.signal_ticks_per_s(quiet, "ema_cross")
    figures["signal ticks per second"] = {"ema_cross": round(ours), "bare loop": round(bare)}
    with_model, bare_too = offline.signal_ticks_per_s(quiet, "xgboost", DEMO_MODEL)
    figures["signal ticks per second"]["xgboost, demo model"] = round(with_model)
    imports = {name: round(offline.import_seconds(name), 2) for name in ("zmq", "services.portfolio.__main__")}
    figures["import seconds"] = imports
    per_s: Callable[[float], str] = lambda value: f"{value:,.0f}/s"  # noqa: E731 - a format, used below only
    rows += [
        row("ticks, lock-step, ema_cross", per_s(run["ticks_per_s"])),
        row(
            "ticks, --speed max",
            per_s(fast["ticks_per_s"]),
            "lock-step",
            _over(fast["ticks_per_s"], run["ticks_per_s"]),
        ),
        *backtests.rows_of(offline_runs),
        row("ticks through signal, ema_cross", per_s(ours), f"bare loop {per_s(bare)}", _over(ours, bare)),
        row(
            "ticks through signal, demo model",
            per_s(with_model),
            f"bare loop {per_s(bare_too)}",
            _over(with_model, bare_too),
        ),
        row("start to first tick", f"{run['start_up_s']:.2f} s"),
        row("memory", ", ".join(f"{name} {mb:.0f} MB" for name, mb in figures["memory MB"].items())),
    ]
    ready = figures["start-up of a large desk"] = start_up.measure(_folder(folder), orders=orders)
    rows += [
        row(f"start to trading, {orders:,} orders: {name}", f"{ready[name]:.2f} s")
        for name in (*start_up.SERVICES, "trading")
    ]
    rows += [
        row(f"paperdesk {name}, {orders:,} orders", f"{ready[name]:.2f} s")
        for name in (start_up.STATUS_RUNNING, start_up.STATUS_STOPPED)
    ]
    return figures, rows


def _chain(folder: Path, load: Load, ticks: int, rows: list[Row]) -> dict[str, Any]:
    received, booked = floor.measure(
        _folder(folder), ticks=ticks, interval_ns=load.interval_ns, order_every=load.order_every
    )
    path = write_ticks(folder / "ticks.parquet", count=ticks, interval_ns=PACED_INTERVAL_NS)
    desk = chain.measure(_folder(folder), path, pace=load.pace, strategy=load.strategy)
    latency = desk["status"].latency_us["tick_to_fill"]
    orders = {"desk": quantiles_us(desk["received_ns"]), "floor": quantiles_us(received)}
    fills = {"desk": {"p50": latency.p50, "p99": latency.p99, "p999": latency.p999}, "floor": quantiles_us(booked)}
    count = len(desk["received_ns"])
    figures: dict[str, Any] = {"ticks per second": round(desk["ticks_per_s"]), "orders": count}
    for what, pair in (("tick to order at the gateway", orders), ("tick to fill booked", fills)):
        ratio = ratios(pair["desk"], pair["floor"])
        figures[what] = {**pair, "ratio": ratio}
        for quantile, value in pair["desk"].items():
            beside = f"floor {pair['floor'][quantile]:,.0f} µs"
            rows.append(row(f"{what}, {load.name}, {quantile}", f"{value:,.0f} µs", beside, f"{ratio[quantile]:.2f}×"))
    rows.append(row(f"ticks, {load.name}, {count:,} orders", f"{desk['ticks_per_s']:,.0f}/s"))
    return figures


def _over(ours: float, other: float) -> str:
    return f"{ours / other:.2f}×"


def _folder(parent: Path) -> Path:
    return Path(tempfile.mkdtemp(dir=parent, prefix="b"))


if __name__ == "__main__":
    main()
