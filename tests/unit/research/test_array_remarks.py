"""A backtest names a strategy whose array form failed, because the run was slower than it could be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from research.backtest import run_backtest
from tests.support.flipping import Flipping
from tests.support.recorded_backtests import recorded_run


class Mistyped(Flipping):
    """A strategy whose array form raises an exception."""

    def on_ticks(self, *args: Any) -> None:  # noqa: ARG002
        """Raise an exception."""
        raise TypeError("a wrong argument")


def test_the_report_names_an_array_form_that_fails(tmp_path: Path) -> None:
    warnings = {}
    for strategy in (Flipping, Mistyped):
        folder = tmp_path / strategy.__name__
        folder.mkdir()
        spec = replace(
            recorded_run("no limits", folder, rows=300), strategy=f"{strategy.__module__}:{strategy.__name__}"
        )
        report = run_backtest(spec, spec.load(), data_dir=folder)
        warnings[strategy] = report.get("warnings", [])
        assert report["orders"]["created"] > 0
    assert warnings[Flipping] == []
    [warning] = warnings[Mistyped]
    assert warning.startswith("EURUSD: on_ticks of ")
    assert "TypeError: a wrong argument" in warning
