"""Real processes under their own supervisord are started, watched and stopped, and no process is left behind."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from common.errors import StartError
from common.project_root import PROJECT_ROOT
from orchestration import supervisor
from orchestration.supervisor import DeskSupervisor
from orchestration.supervisord_configuration import CONFIGURATION, NOTIFY, WEB
from tests.system.small_desk import PROGRAMS, build

WAIT_S = 30.0


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PAPERDESK_DATA_DIR", str(tmp_path / "data"))
    return build(tmp_path)


def environment(**behaviour: str) -> dict[str, str]:
    return {**os.environ, **behaviour}


def wait_for(condition: Callable[[], bool], what: str) -> None:
    pause = threading.Event()
    for _ in range(int(WAIT_S / 0.05)):
        if condition():
            return
        pause.wait(0.05)
    pytest.fail(f"waited {WAIT_S:.0f} s for {what}")


def processes_of(desk: DeskSupervisor) -> list[psutil.Process]:
    return [psutil.Process(state.pid) for state in desk.states().values() if state.pid]


def are_gone(processes: list[psutil.Process]) -> bool:
    gone = (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    return not any(process.is_running() and process.status() not in gone for process in processes)


def test_the_processes_run_in_the_root_and_leave_nothing_behind(root: Path) -> None:
    with DeskSupervisor(root=root) as desk:
        desk.start(environment())
        assert {name: state.state for name, state in desk.states().items()} == dict.fromkeys(PROGRAMS, "RUNNING")
        assert desk.failure() is None
        assert desk.runtime.stat().st_mode & 0o777 == 0o700
        assert desk.log_tail("mt5") == [f"mt5 runs in {root}"]
        processes = processes_of(desk)
        supervisor = processes[0].parent()
    assert supervisor is not None
    assert are_gone([*processes, supervisor])
    assert not desk.runtime.exists()


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder with a path short enough for sockets; pytest's folders contain the name of the test."""
    with tempfile.TemporaryDirectory(prefix="pd-") as folder:
        yield Path(folder)


@pytest.mark.parametrize("name", ["50% desk", "100%s", "per%(x)s", "q\"uote, it's; a #c", "Büro \\ $HOME"])
def test_the_shipped_configuration_runs_in_a_folder_of_any_name(short_folder: Path, name: str) -> None:
    folder = short_folder / name
    folder.mkdir()
    root = build(folder)
    configuration = root / CONFIGURATION
    supervisord = subprocess.Popen(
        [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", configuration],
        cwd=short_folder,
        env=environment(PYTHONPATH=str(PROJECT_ROOT), PAPERDESK_RUNTIME_DIR=str(root / "var" / "run")),
        stdout=subprocess.DEVNULL,
    )

    def states() -> dict[str, str]:
        command = [sys.executable, "-m", "supervisor.supervisorctl", "-c", str(configuration), "status"]
        rows = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
        return dict(row.split()[:2] for row in rows if len(row.split()) > 1)

    try:
        wait_for(
            lambda: states() == dict.fromkeys([*PROGRAMS, WEB, NOTIFY, "watchdog"], "RUNNING"), "every program to run"
        )
        for program in (*PROGRAMS, WEB, NOTIFY):
            assert (root / "var" / "log" / f"{program}.log").read_text() == f"{program} runs in {root}\n"
    finally:
        supervisord.terminate()
        supervisord.wait(WAIT_S)
    assert (root / "stopped").read_text().split() == ["notify", "web", "signal", "portfolio", "execution", "mt5"]


def test_the_strategy_is_stopped_first_and_the_gateway_last(root: Path) -> None:
    with DeskSupervisor(root=root) as desk:
        desk.start(environment())
    assert (root / "stopped").read_text().split() == ["signal", "portfolio", "execution", "mt5"]


def test_a_killed_process_is_restarted(root: Path) -> None:
    with DeskSupervisor(root=root) as desk:
        desk.start(environment())
        before = desk.states()["signal"].pid
        os.kill(before, signal.SIGKILL)
        wait_for(lambda: desk.states()["signal"].pid not in (0, before), "signal to be restarted")
        assert desk.failure() is None


def test_a_refused_setting_is_reported_in_the_processs_own_line(root: Path) -> None:
    reason = "mt5: LUCK: value 'none', expected some"
    with DeskSupervisor(root=root) as desk:
        with contextlib.suppress(StartError):  # the refusal may come during the start or right after it
            desk.start(environment(mt5="refuse"))
        wait_for(lambda: desk.failure() is not None, "the refusal")
        assert desk.failure() == reason
        assert desk.states()["mt5"].exit_status == 2


def test_the_log_tail_has_no_lines_of_an_earlier_run(root: Path, tmp_path: Path) -> None:
    logs = tmp_path / "logs ;with 100% odd name"
    logs.mkdir()
    (logs / "signal.log").write_text("paperdesk signal: STRATEGY: value 'old'\n")
    with DeskSupervisor(root=root, log_dir=logs) as desk:
        desk.start(environment())
        assert desk.log_tail("signal") == [f"signal runs in {root}"]
    assert (logs / "signal.log").read_text().startswith("paperdesk signal: STRATEGY: value 'old'\nsignal runs")


def test_a_process_that_ends_with_exit_code_3_fails_the_start(root: Path) -> None:
    with DeskSupervisor(root=root) as desk:
        with contextlib.suppress(StartError):  # the process may end during the start or right after it
            desk.start(environment(mt5="elsewhere"))
        wait_for(lambda: desk.failure() is not None, "mt5 to end")
        with pytest.raises(StartError, match="mt5 stopped by itself"):
            desk.check()


def test_a_process_that_ends_with_exit_code_0_is_restarted_until_too_many_short_runs(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "SHORT_RUNS_MAX", 2)
    with DeskSupervisor(root=root) as desk:
        desk.start(environment(portfolio="leave"))
        first = desk.states()["portfolio"].pid
        wait_for(lambda: desk.states()["portfolio"].pid not in (0, first), "portfolio to be restarted")
        assert desk.failure() is None
        wait_for(lambda: desk.failure() is not None, "portfolio to be given up")
        message = "portfolio died 2 times in a row within 10 s of its start, last log line: portfolio runs in"
        with pytest.raises(StartError, match=message):
            desk.check()
        desk.clear_short_runs()
        assert desk.failure() is None, "short runs before progress are not counted"


def test_a_process_terminated_from_outside_is_restarted(root: Path) -> None:
    with DeskSupervisor(root=root) as desk:
        desk.start(environment())
        pid = desk.states()["execution"].pid
        wait_for(lambda: bool(desk.log_tail("execution")), "execution to run")
        wait_for(lambda: desk.states()["execution"].up_s >= 2, "more than the second of a start")
        os.kill(pid, signal.SIGTERM)
        wait_for(lambda: desk.states()["execution"].pid not in (0, pid), "execution to be restarted")


@pytest.mark.slow
def test_a_process_that_dies_at_every_start_is_given_up(root: Path) -> None:
    message = "execution dies at every start, last log line: RuntimeError: out of luck"
    with DeskSupervisor(root=root) as desk, pytest.raises(StartError, match=message):
        desk.start(environment(execution="crash"))


def test_when_supervisord_is_killed_its_processes_are_stopped_too(root: Path) -> None:
    with DeskSupervisor(root=root) as desk:
        desk.start(environment())
        processes = processes_of(desk)
        supervisor = processes[0].parent()
        assert supervisor is not None
        os.kill(supervisor.pid, signal.SIGKILL)
        wait_for(lambda: desk.failure() is not None, "the death of supervisord to be detected")
        assert desk.failure() == "supervisord ended by itself: killed by SIGKILL"
    assert are_gone(processes)


def test_a_new_supervisord_replaces_a_killed_one(root: Path) -> None:
    with DeskSupervisor(root=root) as desk:
        desk.start(environment())
        before = processes_of(desk)
        first = desk.supervisord_pid()
        assert first is not None
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: desk.supervisord_pid() is None, "the death of supervisord to be detected")
        desk.replace(environment())
        after = processes_of(desk)
        assert desk.supervisord_pid() not in (None, first)
        assert {name: state.state for name, state in desk.states().items()} == dict.fromkeys(PROGRAMS, "RUNNING")
        assert desk.failure() is None
    # Unlike services, these small programs outlive their supervisord; the end of the desk stops them as well.
    assert are_gone([*before, *after])


def test_a_program_that_a_person_stops_stays_down_until_it_is_started(root: Path) -> None:
    with DeskSupervisor(root=root) as desk:
        desk.start(environment())
        desk.stop_program("signal")
        assert desk.states()["signal"].state == "STOPPED"
        desk.start_program("signal")
        wait_for(lambda: desk.states()["signal"].state == "RUNNING", "signal to run")


_OWNER = """
import os, pathlib, sys
from orchestration.supervisor import DeskSupervisor
with DeskSupervisor(root=pathlib.Path(sys.argv[1])) as desk:
    desk.start(dict(os.environ))
    print(*(state.pid for state in desk.states().values()), desk.runtime, flush=True)
    sys.stdin.read()
"""


def an_owner(root: Path) -> tuple[subprocess.Popen[str], list[psutil.Process], Path]:
    """Start a process that has its own desk; return it with the processes and the runtime folder of the desk."""
    owner = subprocess.Popen(
        [sys.executable, "-c", _OWNER, str(root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    *pids, runtime = owner.stdout.readline().split()
    return owner, [psutil.Process(int(pid)) for pid in pids], Path(runtime)


def end(owner: subprocess.Popen[str]) -> int:
    with owner:
        return owner.wait(WAIT_S)


def test_an_interrupt_stops_the_desk_in_order(root: Path) -> None:
    owner, processes, runtime = an_owner(root)
    owner.send_signal(signal.SIGINT)
    assert end(owner) != 0
    assert are_gone(processes)
    assert not runtime.exists()
    assert (root / "stopped").read_text().split() == ["signal", "portfolio", "execution", "mt5"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux signals its parent's death to a child")
def test_a_killed_owner_of_a_desk_leaves_no_process_behind(root: Path) -> None:
    owner, processes, runtime = an_owner(root)
    owner.kill()
    end(owner)
    wait_for(lambda: are_gone(processes), "the orphans to end")
    for path in sorted(runtime.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    runtime.rmdir()
