"""In the folder of a desk that is stopped, a query without options reads the ledger of that desk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestration.desk_folder import make_desk
from tests.integration.cli.test_old_desk_folder import run_in
from tests.support.short_folders import place

__all__ = ["place"]


@pytest.fixture
def desk(place: Path) -> Path:
    """The folder of a desk that has traded and is stopped."""
    folder = make_desk(place / "desk")
    ticks = ("ticks", "generate", "--symbols", "EURUSD", "--hours", 1, "e.parquet")
    backtest = ("backtest", "e.parquet:EURUSD", "--risk", "none", "--ticks", 1_000, "--data-dir", "data")
    for line in (ticks, backtest):
        done = run_in(folder, *line)
        assert done.returncode == 0, done
    return folder


def test_queries_in_the_folder_of_a_stopped_desk_read_its_ledger(desk: Path) -> None:
    done = run_in(desk, "status")
    assert done.returncode == 1, done
    assert "desk STOPPED" in done.stdout
    assert f"the desk is not running; read from the ledger in {desk}/data" in done.stderr
    assert "is not running" in run_in(desk / "secrets", "status").stderr
    for query in ("positions", "orders", "account"):
        inside = run_in(desk, query, "--json")
        assert inside.returncode == 0, inside
        assert json.loads(inside.stdout) == json.loads(run_in(desk, query, "--json", "--data-dir", "data").stdout)


def test_a_desk_that_never_ran_has_no_ledger_to_read(place: Path) -> None:
    done = run_in(make_desk(place / "desk"), "status")
    assert done.returncode == 2
    assert "did not answer" in done.stderr
