"""While supervisord is stopped with SIGSTOP, the desk still prints alerts about supervisord and killed programs."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command_line import TIMEOUT_S
from tests.support.processes import process_below
from tests.support.waits import wait_for
from tests.system.test_halts_are_seen import RunningDesk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[RunningDesk]:
    with (tmp_path / "output").open("wb") as output:
        desk = RunningDesk(tmp_path, output)
        try:
            yield desk
        finally:
            if desk.process.poll() is None:
                desk.process.kill()
                desk.process.wait()


def test_a_stopped_supervisord_and_a_killed_signal_process_are_printed_as_alerts(
    desk: RunningDesk, tmp_path: Path
) -> None:
    def printed(message: str) -> bool:
        return message in (tmp_path / "output").read_text(encoding="utf-8")

    wait_for(lambda: desk.holds("DRAWDOWN"), "the drawdown of the first trades", seconds=TIMEOUT_S)
    supervisor, strategies = (
        process_below(desk.process.pid, name) for name in ("orchestration.supervisord_launcher", "services.signal")
    )
    assert supervisor is not None
    assert strategies is not None
    supervisor.send_signal(signal.SIGSTOP)
    try:
        strategies.kill()
        wait_for(
            lambda: printed("ALERT SUPERVISOR_SILENT: no answer for "),
            "the alert that supervisord does not answer",
            seconds=TIMEOUT_S,
        )
        wait_for(lambda: desk.holds("SUPERVISOR_SILENT"), "SUPERVISOR_SILENT in the status", seconds=TIMEOUT_S)
        wait_for(
            lambda: printed("ALERT SIGNAL_SILENT EURUSD: "), "the alert that signal sends nothing", seconds=TIMEOUT_S
        )
    finally:
        supervisor.send_signal(signal.SIGCONT)
    desk.process.send_signal(signal.SIGINT)
    assert desk.process.wait(TIMEOUT_S) == 1
