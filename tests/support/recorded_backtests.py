"""Backtests that tests compare with earlier or other runs: each has its ticks, plan and settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from marketdata.files.tick_input import TickInput
from proto.trading.enums import AccountMode
from research.run_spec import RunSpec
from services.portfolio.core.plan.on_opposite import OnOpposite
from tests.support.tick_files import a_tick_file

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
[exits]
stop_loss_points = 80
"""
RUNS: Final[dict[str, tuple[str, str, dict[str, Any]]]] = {
    "default limits": ("", "", {"strategy": "ema_cross", "risk": "default"}),
    "no limits": ("", "", {}),
    "reverse": ("", "", {"on_opposite": OnOpposite.REVERSE}),
    "stops and time exits": ("", STOPS, {}),
    "resting entries": ("", RESTING, {"on_opposite": OnOpposite.REVERSE}),
    "realistic fills": ("", STOPS, {"fills": "realistic", "seed": 7}),
    "hedging": ("", RESTING, {"account_mode": AccountMode.HEDGING, "fills": "realistic"}),
    "two symbols": ("NZDUSD", STOPS, {"on_opposite": OnOpposite.REVERSE, "fills": "realistic"}),
}
"""Second symbol or none, plan or none, and settings, by the name of the run."""


def recorded_run(name: str, folder: Path, *, rows: int = 3_000) -> RunSpec:
    """The run of this name in RUNS; its files, of `rows` ticks a symbol, are written to `folder`."""
    second, plan, changed = RUNS[name]
    inputs = [TickInput(a_tick_file(folder / "a.parquet", rows=rows, price=1.1), "EURUSD")]
    if second:
        inputs.append(TickInput(a_tick_file(folder / "b.parquet", rows=rows, seed=2, price=0.8), second))
    if plan:
        (folder / "plan.toml").write_text(plan)
    fields: dict[str, Any] = {
        "inputs": tuple(inputs),
        "strategy": "tests.support.flipping:Flipping",
        "risk": "none",
        "plan": str(folder / "plan.toml") if plan else "",
        **changed,
    }
    return RunSpec(**fields)
