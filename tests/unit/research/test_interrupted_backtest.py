"""A backtest that is interrupted at any commit continues, and ends with the account of an uninterrupted run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from research import parity
from research.backtest import run_backtest
from services.mt5.stores import book_store, journal_store
from services.portfolio.ledger.ledger import Ledger
from tests.support.recorded_backtests import recorded_run

ROWS: Final = 60
INTERRUPTIONS: Final = 9


class Interrupted(BaseException):
    """In place of the end of the process."""


class Commits:
    """The moments before and after each commit of the three files, one of which may interrupt the run."""

    def __init__(self) -> None:
        self.count = 0
        self.interrupt_at = 0

    def passed(self, *_: object) -> None:
        """Count a moment, and interrupt the run at the chosen one."""
        self.count += 1
        if self.count == self.interrupt_at:
            raise Interrupted


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> Commits:
    found = Commits()
    commit: Callable[..., None] = Ledger.commit

    def watched_commit(*arguments: Any) -> None:
        found.passed()
        commit(*arguments)
        found.passed()

    monkeypatch.setattr(Ledger, "commit", watched_commit)
    for store in (book_store, journal_store):
        monkeypatch.setattr(store, "crash_point", found.passed)
    return found


@pytest.mark.parametrize("name", ["reverse", "stops and time exits", "hedging"])
def test_a_run_interrupted_at_any_commit_ends_as_if_it_had_not_been(
    name: str, commits: Commits, tmp_path: Path
) -> None:
    spec = recorded_run(name, tmp_path, rows=ROWS)
    stream = spec.load()
    whole = tmp_path / "whole"
    whole.mkdir()
    expected = run_backtest(spec, stream, data_dir=whole, keep_venue=True)
    assert commits.count > 5 * expected["orders"]["created"] > 0
    for place in range(3, commits.count, commits.count // INTERRUPTIONS):
        folder = tmp_path / f"interrupted at {place}"
        folder.mkdir()
        commits.count, commits.interrupt_at = 0, place
        with pytest.raises(Interrupted):
            run_backtest(spec, stream, data_dir=folder, keep_venue=True)
        commits.interrupt_at = 0
        report = run_backtest(spec, stream, data_dir=folder, keep_venue=True)
        assert report | {"timings": None} == expected | {"timings": None}, place
        assert parity.compare(whole, folder, names=("whole", "interrupted")) == [], place
