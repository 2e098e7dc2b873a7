"""Real processes under supervisord and the watchdog: a process that hangs is killed and restarted, with an alert."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psutil
import pytest

from common.errors import StartError
from common.heartbeat import Phase, read
from orchestration.supervisor import DeskSupervisor
from services.watchdog.alert_log import AlertLogReader
from tests.support.ports import free_port
from tests.support.processes import process_below
from tests.support.waits import wait_for
from tests.system.small_desk import build

WAIT_S = 30.0


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return build(tmp_path)


def environment(desk: DeskSupervisor, **variables: str) -> dict[str, str]:
    return {
        **os.environ,
        "PAPERDESK_ENV_FILE": "",
        "PAPERDESK_RUNTIME_DIR": str(desk.runtime),
        "PAPERDESK_DATA_DIR": str(data_dir(desk)),
        **variables,
    }


def data_dir(desk: DeskSupervisor) -> Path:
    return desk.runtime / "data"


def recorded(desk: DeskSupervisor) -> list[tuple[str, str]]:
    """Codes and subjects in the alert log."""
    return [(record.code, record.subject) for record in AlertLogReader(data_dir(desk)).read_after(0, 100)]


def log_entries(desk: DeskSupervisor, kind: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in desk.log_tail("watchdog") if line.startswith("{")]
    return [line for line in lines if line.get("kind") == kind]


def hold(desk: DeskSupervisor, program: str) -> int:
    """Stop a process with SIGSTOP after its first heartbeat, and return its pid."""

    def lives() -> bool:
        beat = read(desk.runtime, program)
        return beat is not None and beat.phase is Phase.RUNNING and beat.pid == desk.states()[program].pid

    wait_for(lives, f"a heartbeat of {program}", seconds=WAIT_S)
    pid = desk.states()[program].pid
    os.kill(pid, signal.SIGSTOP)
    return pid


def watchdog_of(desk: DeskSupervisor) -> psutil.Process:
    supervisor = psutil.Process(next(iter(desk.states().values())).pid).parent()
    assert supervisor is not None
    return wait_for(lambda: process_below(supervisor.pid, "services.watchdog"), "the watchdog", seconds=WAIT_S)


def test_a_process_that_hangs_is_killed_and_restarted(root: Path) -> None:
    with DeskSupervisor(root=root) as desk:
        desk.start(environment(desk, signal="beat", portfolio="beat", WATCHDOG_HANG_MS="1500"))
        before = desk.states()
        wait_for(lambda: "watchdog is ready" in "".join(desk.log_tail("watchdog")), "the watchdog", seconds=WAIT_S)
        hold(desk, "signal")
        wait_for(
            lambda: desk.states()["signal"].pid not in (0, before["signal"].pid),
            "signal to be restarted",
            seconds=WAIT_S,
        )
        wait_for(lambda: ("PROCESS_LOST", "signal") in recorded(desk), "the record of its end", seconds=WAIT_S)
        assert recorded(desk) == [("PROCESS_HANG", "signal"), ("PROCESS_LOST", "signal")]
        (alert,) = log_entries(desk, "hang")
        assert (alert["level"], alert["program"], alert["pid"]) == ("error", "signal", before["signal"].pid)
        after = desk.states()
    assert {name: state.pid for name, state in after.items() if name != "signal"} == {
        name: state.pid for name, state in before.items() if name != "signal"
    }


def test_a_process_without_progress_is_killed(root: Path) -> None:
    with DeskSupervisor(root=root) as desk:
        desk.start(environment(desk, execution="stuck", WATCHDOG_STALL_MS="2000"))
        wait_for(lambda: log_entries(desk, "stall"), "the stall to be detected", seconds=WAIT_S)
        assert log_entries(desk, "stall")[0]["program"] == "execution"


def test_a_process_that_ends_repeatedly_raises_an_alert_even_if_each_start_succeeds(root: Path) -> None:
    """supervisord itself does not count the deaths of a process that has run for a second."""
    with DeskSupervisor(root=root) as desk:
        desk.start(environment(desk, portfolio="leave"))
        wait_for(lambda: log_entries(desk, "crash-loop"), "the fifth death", seconds=WAIT_S)
        (alert,) = log_entries(desk, "crash-loop")
        assert (alert["level"], alert["program"], alert["deaths"]) == ("error", "portfolio", 5)
        assert alert["event"] == "portfolio died 5 times in 300 s and is started again; read its log"


def test_signal_that_ends_with_the_exit_code_of_a_refusal_while_it_serves_is_restarted(root: Path) -> None:
    with DeskSupervisor(root=root) as desk:
        desk.start(environment(desk, signal="beat-leave", portfolio="beat-leave"))
        first = desk.states()
        wait_for(lambda: desk.states()["signal"].pid not in (0, first["signal"].pid), "signal", seconds=WAIT_S)
        wait_for(lambda: log_entries(desk, "refused"), "the alert about portfolio", seconds=WAIT_S)
        assert {alert["program"] for alert in log_entries(desk, "refused")} == {"portfolio"}, (
            "not signal, which a strategy may end"
        )


def test_a_supervisor_that_hangs_raises_an_alert(root: Path, tmp_path: Path) -> None:
    """The alert is raised by ALERT_COMMAND only, because supervisord writes the watchdog's log."""
    alerts = tmp_path / "alerts"
    command = f"sh -c 'echo $ALERT_PROGRAM $ALERT_KIND $ALERT_TEXT > {alerts}.new; mv {alerts}.new {alerts}'"
    with DeskSupervisor(root=root) as desk:
        desk.start(environment(desk, signal="beat", ALERT_COMMAND=command))
        wait_for(lambda: "watchdog is ready" in "".join(desk.log_tail("watchdog")), "the watchdog", seconds=WAIT_S)
        supervisor = desk.supervisord_pid()
        assert supervisor is not None
        os.kill(supervisor, signal.SIGSTOP)
        try:
            wait_for(alerts.is_file, "the alert", seconds=WAIT_S)
        finally:
            os.kill(supervisor, signal.SIGCONT)
    assert alerts.read_text().startswith("supervisord SUPERVISOR_SILENT supervisord: no answer for ")


def test_the_watchdog_itself_is_restarted_and_continues(root: Path) -> None:
    with DeskSupervisor(root=root) as desk:
        desk.start(environment(desk, signal="beat", WATCHDOG_HANG_MS="1500"))
        first = watchdog_of(desk)
        first.kill()
        wait_for(lambda: watchdog_of(desk).pid != first.pid, "another watchdog", seconds=WAIT_S)
        before = hold(desk, "signal")
        wait_for(lambda: desk.states()["signal"].pid not in (0, before), "signal to be restarted", seconds=WAIT_S)
        assert desk.failure() is None


def test_the_alert_command_gets_the_report_of_a_failed_start(root: Path, tmp_path: Path) -> None:
    alerts = tmp_path / "alerts"
    with DeskSupervisor(root=root) as desk:
        command = (
            f"sh -c 'cat > {alerts}.new; echo $ALERT_PROGRAM $ALERT_KIND >> {alerts}.new; mv {alerts}.new {alerts}'"
        )
        with contextlib.suppress(StartError):
            desk.start(
                environment(desk, execution="crash", ALERT_COMMAND=command),
                waiting=lambda: end_unless(not alerts.is_file()),
            )
        wait_for(alerts.is_file, "the command to have run", seconds=WAIT_S)
        assert log_entries(desk, "backoff")[0]["program"] == "execution"
    line, message = alerts.read_text().splitlines()
    assert json.loads(line)["text"] == "execution died right after its start"
    assert message == "execution backoff"


def lost(port: int, program: str) -> float:
    """The count of a program's lost processes; 0 while the watchdog serves no metrics yet."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
    except OSError:
        return 0.0
    name = f'trading_watchdog_lost_processes_total{{program="{program}"}} '
    return sum(float(line.removeprefix(name)) for line in lines if line.startswith(name))


def test_an_end_within_a_second_of_the_start_counts_as_a_lost_process(root: Path) -> None:
    port = free_port()
    with DeskSupervisor(root=root) as desk:
        with contextlib.suppress(StartError):
            desk.start(
                environment(desk, execution="crash", METRICS_PORT_WATCHDOG=str(port)),
                waiting=lambda: end_unless(not lost(port, "execution")),
            )
        wait_for(lambda: lost(port, "execution"), "the count", seconds=WAIT_S)
        assert ("PROCESS_BACKOFF", "execution") in recorded(desk)


def test_a_process_that_runs_elsewhere_is_not_lost(root: Path) -> None:
    port = free_port()
    with DeskSupervisor(root=root) as desk:
        desk.start(environment(desk, portfolio="leave", mt5="elsewhere", METRICS_PORT_WATCHDOG=str(port)))
        wait_for(lambda: lost(port, "portfolio") >= 2, "two ends of portfolio", seconds=WAIT_S)
        assert lost(port, "mt5") == 0


def end_unless(goes_on: bool) -> None:
    """Raise StartError as soon as the test has seen what it waits for."""
    if not goes_on:
        raise StartError("seen enough")


def test_an_alert_command_that_hangs_is_killed(root: Path) -> None:
    with DeskSupervisor(root=root) as desk:
        variables = {"ALERT_COMMAND": "sleep 600", "ALERT_TIMEOUT_MS": "100", "WATCHDOG_HANG_MS": "1500"}
        desk.start(environment(desk, signal="beat", **variables))
        hold(desk, "signal")
        wait_for(lambda: "took too long" in "".join(desk.log_tail("watchdog")), "the command's end", seconds=WAIT_S)


def test_the_watchdog_ends_after_the_death_of_supervisord(root: Path) -> None:
    with DeskSupervisor(root=root) as desk:
        desk.start(environment(desk))
        watchdog = watchdog_of(desk)
        supervisor = watchdog.parent()
        assert supervisor is not None
        os.kill(supervisor.pid, signal.SIGKILL)
        wait_for(
            lambda: not watchdog.is_running() or watchdog.status() == psutil.STATUS_ZOMBIE, "its end", seconds=WAIT_S
        )
