"""Portfolio reports a watchdog that is stopped with SIGSTOP, because the watchdog then raises no alerts."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.support.command_line import TIMEOUT_S
from tests.support.processes import process_below
from tests.support.waits import wait_for
from tests.system.test_halts_are_seen import RunningDesk


def test_a_stopped_watchdog_is_reported_until_it_continues(tmp_path: Path) -> None:
    desk = RunningDesk(tmp_path)
    try:
        watchdog = wait_for(
            lambda: process_below(desk.process.pid, "services.watchdog"), "the watchdog", seconds=TIMEOUT_S
        )
        wait_for(
            lambda: desk.is_alerted("DRAWDOWN"),
            "an alert by the watchdog, which has then queried portfolio",
            seconds=TIMEOUT_S,
        )
        watchdog.send_signal(signal.SIGSTOP)
        try:
            wait_for(
                lambda: desk.holds("WATCHDOG_SILENT"), "portfolio to report the stopped watchdog", seconds=TIMEOUT_S
            )
            # Portfolio logs new conditions once a second; the status has them at once.
            wait_for(lambda: desk.logged("WATCHDOG_SILENT") == {"warning"}, "the warning in the log", seconds=TIMEOUT_S)
        finally:
            watchdog.send_signal(signal.SIGCONT)
        wait_for(lambda: not desk.holds("WATCHDOG_SILENT"), "the watchdog to query portfolio again", seconds=TIMEOUT_S)
    finally:
        desk.end()
