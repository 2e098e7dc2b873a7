"""A backtest killed by SIGKILL: what remains of it, what the next command says, and its digits."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Final

import pytest

from research import parity
from tests.support.command_line import paperdesk
from tests.support.tick_files import a_tick_file

STRATEGY: Final = ("--strategy", "tests.support.flipping:Flipping", "--risk", "none", "--json")
TICKS: Final = 400


@pytest.fixture
def run(tmp_path: Path) -> tuple[object, ...]:
    """The command of a backtest."""
    ticks = a_tick_file(tmp_path / "eurusd.parquet", rows=TICKS)
    return ("backtest", f"{ticks}:EURUSD", *STRATEGY)


def killed(*command: object, markers: Path) -> subprocess.CompletedProcess[str]:
    """Run a backtest that is killed after the venue has executed an order of tick 200 or later."""
    done = paperdesk(*command, PAPERDESK_CRASH_AT="mt5.after_call@200", PAPERDESK_CRASH_DIR=str(markers))
    assert done.returncode == 128 + signal.SIGKILL, done
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "paperdesk: the run was ended by SIGKILL; with --data-dir it continues by --continue, without it starts again "
        "at its first tick"
    ]
    return done


def test_a_killed_backtest_continues_with_the_digits_of_an_uninterrupted_one(
    run: tuple[object, ...], tmp_path: Path
) -> None:
    desk, whole = tmp_path / "desk", tmp_path / "whole"
    killed(*run, "--data-dir", desk, markers=tmp_path / "markers")

    refused = paperdesk(*run, "--data-dir", desk)
    assert refused.returncode == 2
    assert refused.stderr.splitlines() == [
        f"paperdesk: --data-dir {desk} is not empty, expected an empty folder, or --continue to continue with its desk"
    ]

    continued = paperdesk(*run, "--data-dir", desk, "--continue")
    assert continued.returncode == 0
    assert continued.stderr.splitlines() == [f"continuing the interrupted run after tick 200 of {TICKS}"]
    uninterrupted = paperdesk(*run, "--data-dir", whole)
    assert uninterrupted.returncode == 0
    assert uninterrupted.stderr == ""
    expected = json.loads(uninterrupted.stdout)
    assert json.loads(continued.stdout) | {"timings": None} == expected | {"timings": None}
    assert parity.compare(whole, desk) == []
    for check in ("verify", "reconcile"):
        assert paperdesk(check, "--data-dir", desk).returncode == 0


def test_a_killed_run_of_the_live_policy_is_not_continued(run: tuple[object, ...], tmp_path: Path) -> None:
    desk = tmp_path / "desk"
    live = (*run, "--order-policy", "live", "--data-dir", desk)
    killed(*live, markers=tmp_path / "markers")
    refused = paperdesk(*live, "--continue")
    assert refused.returncode == 2
    [line] = refused.stderr.splitlines()
    assert line.startswith(f"paperdesk: the run in {desk} was interrupted after tick 200, and with --order-policy live")
