"""Replay and backtest are identical, and their ledgers have the deals of the second venue implementation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import pytest

from common.project_root import PROJECT_ROOT
from research.run_spec import RunSpec
from tests.support.replays import run_paperdesk
from tests.venue_by_document.cases import CASES
from tests.venue_by_document.runs import Case, compare

SPEEDS: Final = {
    "USD-hedging-strict-22": "max",
    "EUR-netting-charged-23": "lockstep",
    "JPY-hedging-strict-30": "max",
    "KWD-netting-strict-27": "max",
}


@pytest.mark.parametrize("case", [case for case in CASES if case.name in SPEEDS], ids=lambda case: case.name)
def test_the_processes_have_the_deals_of_the_backtest_and_the_second_venue(case: Case, tmp_path: Path) -> None:
    spec = case.spec(tmp_path)
    done = run_paperdesk(
        *("parity", *_options(spec), "--speed", SPEEDS[case.name], "--data-dir", tmp_path / "desk", "--json"),
        PYTHONPATH=str(PROJECT_ROOT),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["identical"] is True
    stream = spec.load()
    for name in ("replay", "backtest"):
        assert found[name]["ticks"]["processed"] == stream.last_ordinal
        result = compare(case, stream, tmp_path / "desk" / name, found[name])
        differences = result.differences()
        assert not differences, "\n".join(differences[:5])


def _options(spec: RunSpec) -> list[object]:
    """The arguments of the command for a run."""
    return [
        *(f"{source.path}:{source.symbol}" for source in spec.inputs),
        *(option for source in spec.watched for option in ("--watch", f"{source.path}:{source.symbol}")),
        *("--strategy", spec.strategy, "--plan", spec.plan, "--risk", spec.risk, "--fills", spec.fills),
        *("--currency", spec.currency, "--balance", spec.balance, "--account-mode", spec.account_mode.lower()),
        *("--on-opposite", spec.on_opposite, "--leverage", spec.leverage, "--instruments", spec.instruments),
    ]
