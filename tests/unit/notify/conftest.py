"""Runs of notify that are closed after the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from services.notify.core.rules import Rule
from tests.support.notify_runs import NotifyRun, rules_of

StartRun = Callable[..., NotifyRun]


@pytest.fixture
def start_run(tmp_path: Path) -> Iterator[StartRun]:
    """Starts a run with rules; further arguments are those of the rules file and `start_ns`."""
    runs: list[NotifyRun] = []

    def start(*rules: Rule, start_ns: int | None = None, **changed: Any) -> NotifyRun:
        when = {} if start_ns is None else {"start_ns": start_ns}
        runs.append(NotifyRun(tmp_path, rules_of(*rules, **changed), **when))
        return runs[-1]

    yield start
    for run in runs:
        run.close()
