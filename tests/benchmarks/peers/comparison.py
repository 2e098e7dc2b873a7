"""The runs of the comparison, and which of their results count."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from common.project_root import PROJECT_ROOT
from tests.benchmarks.peers.work import CROSSING, MODEL, Result

CENT: Final = 0.005
"""Largest difference between two profits that are equal to the cent."""

PACKAGE: Final = "tests.benchmarks.peers"


@dataclass(frozen=True)
class Run:
    """One row: a module of this package, the work, and whether Paperdesk's own interpreter runs it.

    A run with limits of risk has fewer orders than the reference, so it is not compared.
    """

    name: str
    module: str
    work: str
    is_ours: bool = False
    risk: str = "none"

    @property
    def is_compared(self) -> bool:
        """Whether the run must have the legs and the profit of the reference."""
        return self.risk == "none"


RUNS: Final = (
    Run("Python loop", "run_reference", CROSSING),
    Run("hftbacktest", "run_hftbacktest", CROSSING),
    Run("backtesting", "run_backtesting", CROSSING),
    Run("NautilusTrader", "run_nautilus_trader", CROSSING),
    Run("backtrader", "run_backtrader", CROSSING),
    Run("Paperdesk, no limits", "run_paperdesk", CROSSING, is_ours=True),
    Run("Paperdesk, default limits", "run_paperdesk", CROSSING, is_ours=True, risk="default"),
    Run("numpy and XGBoost in a loop", "run_reference", MODEL),
    Run("NautilusTrader with numpy and XGBoost", "run_nautilus_trader", MODEL),
    Run("Paperdesk, no limits", "run_paperdesk", MODEL, is_ours=True),
)


@dataclass(frozen=True)
class Row:
    """A run with its result, or the reason why it has none that counts."""

    run: Run
    result: Result | None
    problem: str = ""


def execute(command: Sequence[str | Path]) -> Result | str:
    """The result that a process prints as its last line, or why there is none."""
    environment = {**os.environ, "PYTHONPATH": str(PROJECT_ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [str(word) for word in command], env=environment, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        return Result(**json.loads(done.stdout.splitlines()[-1]))
    reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    is_missing = reason.startswith(("ModuleNotFoundError", "ImportError"))
    return f"{'missing' if is_missing else 'failed'}: {reason}"


def combined(results: Iterable[Result | str], run: Run, expected: tuple[int, float]) -> Row:
    """The row of a run by its results in all rounds: times are medians, and every result must agree.

    `expected` are legs and profit of the reference on the unaltered quotes.
    """
    found = list(results)
    for result in found:
        if isinstance(result, str):
            return Row(run, None, result)
        if run.is_compared and (problem := disagreement(result, expected)):
            return Row(run, None, problem)
    valid = [result for result in found if isinstance(result, Result)]
    middle = sorted(valid, key=lambda result: result.cpu_s)[(len(valid) - 1) // 2]
    middle.run_s = median(result.run_s for result in valid)
    return Row(run, middle)


def disagreement(result: Result, expected: tuple[int, float]) -> str:
    """How a result differs from the reference; empty if it does not."""
    legs, profit = expected
    if result.expected_legs is not None and result.expected_profit is not None:
        legs, profit = result.expected_legs, result.expected_profit
    if result.legs == legs and abs(result.profit - profit) < CENT:
        return ""
    return f"{result.legs:,} legs and {result.profit:.2f}, expected {legs:,} and {profit:.2f}"
