"""A real desk is halted by a rule and by a person: status, metrics, alerts and log show each halt and its end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO, Any

from tests.support.command_line import PAPERDESK, TIMEOUT_S, paperdesk
from tests.support.ports import free_port
from tests.support.waits import wait_for

LIMITS = "drawdown_warn_pct = 0.00001\ndrawdown_reduce_pct = 0.00001\ndrawdown_halt_pct = 0.00001\n"
"""Limits that the spreads paid by a few orders exceed."""


class RunningDesk:
    """`paperdesk run` with metrics, and with an alert command that stores its input."""

    def __init__(self, folder: Path, stdout: IO[bytes] | int = subprocess.PIPE) -> None:
        """Start the desk; `stdout` is a file for its output, or PIPE if `end` is to return the output."""
        self.data, self.alerts = folder / "desk", folder / "alerts"
        limits = folder / "limits.toml"
        limits.write_text(LIMITS)
        self.port = free_port()
        options = ("--data-dir", self.data, "--strategy", "tests.support.flipping:Flipping", "--symbols", "EURUSD")
        self.process = subprocess.Popen(
            [PAPERDESK, "run", *map(str, options), "--risk", str(limits)],
            stdout=stdout,
            stderr=subprocess.STDOUT,
            text=True,
            env={
                **os.environ,
                "ALERT_COMMAND": f"sh -c 'cat >> {self.alerts}'",
                "METRICS_PORT_PORTFOLIO": str(self.port),
            },
        )

    def status(self) -> dict[str, Any]:
        """The reply of `paperdesk status --json`."""
        done = paperdesk("status", "--data-dir", self.data, "--json")
        return {"exit_code": done.returncode, **(json.loads(done.stdout) if done.stdout else {})}

    def holds(self, code: str) -> bool:
        """Whether the status has a condition."""
        return code in {one["code"] for one in self.status().get("conditions", ())}

    def metric(self, series: str) -> float | None:
        """The value of a metric's series; None if there is no such series."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as page:
                lines = page.read().decode().splitlines()
        except (urllib.error.URLError, OSError):
            return None
        return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{series} ")), None)

    def is_alerted(self, code: str) -> bool:
        """Whether the alert command was called with a condition."""
        lines = self.alerts.read_text().splitlines() if self.alerts.is_file() else []
        return code in {json.loads(line)["kind"] for line in lines if line}

    def logged(self, event: str) -> set[str]:
        """Levels at which portfolio has logged events that begin with `event`."""
        log = self.data / "logs" / "portfolio.log"
        lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
        return {line["level"] for line in lines if line["event"].startswith(event)}

    def sees(self, code: str, *, state: str) -> None:
        """Wait until status, metrics, alerts and log show a condition."""
        wait_for(lambda: self.holds(code), f"{code} in the status", seconds=TIMEOUT_S)
        status = self.status()
        assert (status["exit_code"], status["headline"], status["trading_state"]) == (1, state, state)
        wait_for(
            lambda: self.metric(f'trading_portfolio_condition_state{{code="{code}",subject=""}}') == 1,
            f"{code} in the metrics",
            seconds=TIMEOUT_S,
        )
        assert self.metric(f'trading_portfolio_trading_state{{state="{state}"}}') == 1
        wait_for(lambda: self.is_alerted(code), f"an alert of {code}", seconds=TIMEOUT_S)
        wait_for(lambda: "error" in self.logged(code), f"{code} in the log", seconds=TIMEOUT_S)

    def end(self) -> tuple[int, str]:
        """Interrupt the desk, and return its exit code and its output."""
        self.process.send_signal(signal.SIGINT)
        output, _ = self.process.communicate(timeout=TIMEOUT_S)
        return self.process.returncode, output


def test_status_metrics_alerts_and_log_show_halts_by_a_rule_and_by_a_person(tmp_path: Path) -> None:
    desk = RunningDesk(tmp_path)
    try:
        desk.sees("DRAWDOWN", state="HALTED")
        assert (desk.metric("trading_portfolio_drawdown_ratio") or 0) > 0
        assert (desk.metric('trading_portfolio_drawdown_headroom_ratio{level="halt"}') or 0) <= 0
        assert paperdesk("halt", "--data-dir", desk.data, "--reason", "DRAWDOWN: looks odd").returncode == 0
        desk.sees("PERSON", state="HALTED")
        assert desk.holds("DRAWDOWN"), "one cause does not hide the other"
        assert paperdesk("resume", "--data-dir", desk.data, "--reason", "looked at it").returncode == 0
        wait_for(lambda: "info" in desk.logged("ended: PERSON"), "the end of the halt in the log", seconds=TIMEOUT_S)
        desk.sees("DRAWDOWN", state="HALTED")
        code, output = desk.end()
    finally:
        if desk.process.poll() is None:
            desk.process.kill()
    assert code == 1, output
    assert "ALERT DRAWDOWN (by risk): " in output
    assert "ALERT PERSON (by person): DRAWDOWN: looks odd" in output
    assert "HALTED: DRAWDOWN (by risk): " in output
    assert "reconciled: ledger and venue agree" in output
