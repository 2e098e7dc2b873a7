"""The result of ALERT_COMMAND, which the watchdog reports to portfolio."""

from __future__ import annotations

from pathlib import Path

from services.watchdog.alerts import Alerts
from tests.support.waits import wait_for


def problem_of(alerts: Alerts, program: str) -> str:
    """Raise an alert of this program, and return why the command for it failed; empty if it succeeded."""
    alerts.send("hang", program, "shows no life")
    wait_for(lambda: not alerts.running, "the command's end")
    return alerts.problem


def test_a_successful_command_clears_the_problem_of_an_earlier_failure(tmp_path: Path) -> None:
    pager = tmp_path / "pager"
    alerts = Alerts(str(pager), timeout_ms=10_000)
    assert problem_of(alerts, "mt5") == f"ALERT_COMMAND cannot be run: {pager}: No such file or directory"
    pager.write_text("#!/bin/sh\nexit 3\n")
    pager.chmod(0o700)
    assert problem_of(alerts, "signal") == "ALERT_COMMAND ended with exit status 3"
    pager.write_text("#!/bin/sh\n")
    assert problem_of(alerts, "portfolio") == ""


def test_a_command_that_takes_too_long_is_reported_as_a_problem() -> None:
    assert (
        problem_of(Alerts("sleep 600", timeout_ms=100), "mt5") == "ALERT_COMMAND took longer than 100 ms and was killed"
    )


def test_without_a_command_there_is_no_problem() -> None:
    assert problem_of(Alerts("", timeout_ms=100), "mt5") == ""
