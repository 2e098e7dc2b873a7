"""Start, watch and stop the processes of a desk under its own supervisord.

The programs are defined once, in the `supervisord.conf` at the root. A desk uses that file with other paths: sockets,
pid file and logs are in a private directory, and the interpreter is the current one. Supervisord and every program
inherit the environment, so that no setting is on a command line or in a file.

    with DeskSupervisor(log_dir=data_dir / "logs") as desk:
        desk.start(environment)      # returns when every process runs
        ...
        desk.check()                 # raises StartError when a process has ended for good

The end of the block stops the processes in the order of the configuration and removes the private directory. Signals
are sent only to the desk's own processes: supervisord, and the members of the session that it leads.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from common.errors import StartError
from common.process_identity import has_ended
from common.process_main import EXIT_ELSEWHERE
from common.project_root import PROJECT_ROOT
from common.supervisor_rpc import RPC_ERRORS, call_supervisor
from orchestration.held_interrupts import held_interrupts
from orchestration.process_states import GATEWAY, SOCKET, ProcessState, process_state
from orchestration.supervisord_configuration import CONFIGURATION, NOTIFY, WEB, private_configuration
from services.watchdog.core.watchdog import EXIT_SETTINGS

RUNTIME_PARENT: Final = "/tmp"  # noqa: S108 - each desk makes its own folder in it; TMPDIR is too long for ipc on macOS
START_TIMEOUT_S: Final = 60.0
"""Limit of a start: twice the time that four processes need to import numba and xgboost from a cold disk."""

START_DEATHS_MAX: Final = 5
"""A start fails after this number of deaths of one program; the fifth death comes after about 15 s."""

WATCHDOG: Final = "watchdog"
"""The program that is an event listener; a desk trades without it, so its state is ignored."""

STOP_TIMEOUT_S: Final = 60.0
"""Time for a stop: supervisord stops four programs in turn and kills each after 10 s; the rest is a margin."""

ORPHAN_TIMEOUT_S: Final = 10.0
POLL_S: Final = 0.05
LOG_TAIL_BYTES: Final = 16_384

SUPERVISORD_TIMEOUT_S: Final = 1.0
"""Wait for an answer of supervisord, which answers from memory within milliseconds."""

SHORT_RUN_S: Final = 10.0
SHORT_RUNS_MAX: Final = 20
"""The desk fails after this number of consecutive runs of one program that were each shorter than SHORT_RUN_S."""


class DeskSupervisor:
    """A supervisord and its programs, which this process starts and stops."""

    def __init__(
        self,
        *,
        log_dir: Path | None = None,
        root: Path = PROJECT_ROOT,
        python: str = sys.executable,
        has_gateway: bool = True,
        has_web: bool = False,
        has_notify: bool = False,
    ) -> None:
        """Make the private directory.

        Args:
            log_dir: folder of the programs' logs; None for the private directory, which is removed at the end.
            root: working directory of the programs, with `supervisord.conf`.
            python: interpreter of the programs.
            has_gateway: whether the desk has its own gateway. Without it the program `mt5` ends by itself, and its
                state is ignored.
            has_web: whether the desk has a web page, which is the program `web`.
            has_notify: whether the desk sends alarms to people, which is the program `notify`.

        Raises:
            StartError: the private directory cannot be made.
        """
        self._unwatched = (WATCHDOG, WEB, NOTIFY, *(() if has_gateway else (GATEWAY,)))
        self._omitted = [name for name, is_started in ((WEB, has_web), (NOTIFY, has_notify)) if not is_started]
        self.web: ProcessState | None = None
        """The state of the program `web` at the last call of `states`; None without it."""
        self.notify: ProcessState | None = None
        """The state of the program `notify` at the last call of `states`; None without it."""
        self._root = root
        self._log_dir = log_dir
        self._python = python
        self._process: subprocess.Popen[bytes] | None = None
        self._sessions: set[int] = set()
        self._pids: dict[int, str] = {}
        self._started: dict[str, float] = {}
        self._short_runs: Counter[str] = Counter()
        self._logged_before: dict[str, int] = {}
        try:
            self.runtime = Path(tempfile.mkdtemp(prefix="pd-", dir=RUNTIME_PARENT))
        except OSError as error:
            raise StartError(
                f"cannot make a runtime directory in {RUNTIME_PARENT}: {error.strerror}; expected a writable folder"
            ) from None

    def __enter__(self) -> Self:
        """Return the supervisor; nothing is started yet, but the folder `runtime` exists."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop all processes and remove the private directory."""
        self.stop()

    def start(
        self,
        environment: Mapping[str, str],
        *,
        waiting: Callable[[], object] | None = None,
        timeout_s: float = START_TIMEOUT_S,
    ) -> None:
        """Start supervisord and return when every program is RUNNING.

        Args:
            environment: the complete environment of the programs.
            waiting: called about 20 times a second during the wait; an exception from it ends the wait.
            timeout_s: limit of the wait.

        Raises:
            StartError: a program refused its settings or keeps dying, or the wait timed out; the text has the reason.
        """
        assert self._process is None, "started before"
        self._prepare()
        self._launch(environment)
        self._wait_until_up(waiting, timeout_s)

    def replace(self, environment: Mapping[str, str], *, timeout_s: float = START_TIMEOUT_S) -> None:
        """Start a new supervisord after the death of the old one, and return when every program is RUNNING.

        The programs of the old supervisord are not stopped here; they must end by themselves.

        Args:
            environment: the complete environment of the programs.
            timeout_s: limit of the wait.

        Raises:
            StartError: as for `start`.
        """
        assert self._process is not None, "never started"
        assert self._process.poll() is not None, "the old supervisord is alive"
        self._pids.clear()
        self._launch(environment)
        self._wait_until_up(None, timeout_s)

    def _launch(self, environment: Mapping[str, str]) -> None:
        with (self.runtime / "supervisord.out").open("wb") as output:
            self._process = subprocess.Popen(
                [
                    self._python,
                    "-m",
                    "orchestration.supervisord_launcher",
                    str(os.getpid()),
                    "-n",
                    "-c",
                    str(self.runtime / CONFIGURATION),
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self._root,
                env=dict(environment),
                start_new_session=True,
            )
        self._sessions.add(self._process.pid)

    def _wait_until_up(self, waiting: Callable[[], object] | None, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while True:
            states = self.states()
            self._check(states)
            self._check_deaths(states)
            if states and all(process.state == "RUNNING" for process in states.values()):
                return
            if time.monotonic() > deadline:
                raise StartError(self._not_running(states, timeout_s))
            if waiting is not None:
                waiting()
            time.sleep(POLL_S)

    def _check_deaths(self, states: Mapping[str, ProcessState]) -> None:
        for process in states.values():
            deaths = list(self._pids.values()).count(process.name)
            if process.state == "BACKOFF" and deaths >= START_DEATHS_MAX:
                raise StartError(f"{process.name} dies at every start, last log line: {self._last_line(process.name)}")

    def _prepare(self) -> None:
        (self.runtime / "run").mkdir(mode=0o700)
        logs = self.runtime / "log"
        if self._log_dir is None:
            logs.mkdir(mode=0o700)
        else:
            try:
                self._log_dir.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StartError(f"cannot make {self._log_dir}: {error.strerror}; expected a writable folder") from None
            # A link, because a path in the configuration must not contain " ;" or a line break, but `log_dir` may.
            logs.symlink_to(self._log_dir.resolve(), target_is_directory=True)
        self._logged_before = {log.stem: log.stat().st_size for log in logs.glob("*.log")}
        shipped = (self._root / CONFIGURATION).read_text(encoding="utf-8")
        path = self.runtime / CONFIGURATION
        path.write_text(
            private_configuration(
                shipped, root=self._root, runtime=self.runtime, python=self._python, omitted=self._omitted
            ),
            encoding="utf-8",
        )

    # ---------------------------------------------------------------------------------------------------- states

    def states(self) -> dict[str, ProcessState]:
        """The state of every program by name, in starting order; empty if supervisord does not answer.

        The watchdog, the web page, notify, and the gateway of a desk that has none of its own, are omitted.
        """
        rows: Any = self._call("getAllProcessInfo")
        if rows is None:
            return {}
        states = {row["name"]: process_state(row) for row in rows}
        for state in states.values():
            if state.pid and state.pid not in self._pids:
                self._pids[state.pid] = state.name
                self._note_start(state.name, time.monotonic())
        self.web = states.get(WEB)
        self.notify = states.get(NOTIFY)
        for name in self._unwatched:
            states.pop(name, None)
        return states

    def stop_program(self, name: str) -> None:
        """Stop one program as `supervisorctl stop` does; supervisord does not start it again."""
        self._call("stopProcess", name, timeout_s=STOP_TIMEOUT_S)

    def start_program(self, name: str) -> None:
        """Start a program that was stopped or is FATAL; a running program continues."""
        self._call("startProcess", name, False)

    def supervisord_pid(self) -> int | None:
        """The pid of supervisord; None when it is not alive."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def _call(self, method: str, *arguments: object, timeout_s: float = SUPERVISORD_TIMEOUT_S) -> object:
        """The result of a call of supervisord; None when supervisord does not answer or refuses."""
        url = f"unix://{self.runtime / 'run' / SOCKET}"
        try:
            return call_supervisor(url, method, *arguments, timeout_s=timeout_s)
        except RPC_ERRORS:
            return None

    def _note_start(self, program: str, now: float) -> None:
        """Count consecutive runs of a program that were shorter than SHORT_RUN_S."""
        started = self._started.get(program)
        self._started[program] = now
        if started is not None:
            is_short = now - started < SHORT_RUN_S
            self._short_runs[program] = self._short_runs[program] + 1 if is_short else 0

    def clear_short_runs(self) -> None:
        """Set the count of short runs to zero, because the desk has made progress."""
        self._short_runs.clear()

    def log_tail(self, program: str) -> list[str]:
        """The last lines that a program logged since the start, the oldest first, without empty lines."""
        return _last_lines(self._log(program), since=self._logged_before.get(program, 0))

    def _log(self, program: str) -> Path:
        return self.runtime / "log" / f"{program}.log"

    def failure(self) -> str | None:
        """The reason why the desk cannot run, in one line; None if it can run."""
        return self._failure(self.states())

    def check(self) -> None:
        """Check that the desk can run.

        Raises:
            StartError: the desk cannot run; the text is that of `failure`.
        """
        self._check(self.states())

    def _check(self, states: Mapping[str, ProcessState]) -> None:
        failure = self._failure(states)
        if failure is not None:
            raise StartError(failure)

    def _failure(self, states: Mapping[str, ProcessState]) -> str | None:
        if self._process is not None and self._process.poll() is not None:
            return f"supervisord ended by itself: {self._supervisord_line(self._process.returncode)}"
        for process in states.values():
            if process.state == "EXITED" and process.exit_status == EXIT_SETTINGS:
                return self._refusal(process.name) or f"{process.name} refused to start and logged no reason"
            if process.state == "EXITED" and process.exit_status == EXIT_ELSEWHERE:
                return f"{process.name} stopped by itself, expected it to run until it is stopped"
            if process.state == "FATAL":
                return f"{process.name} keeps dying, last log line: {self._last_line(process.name)}"
            if self._short_runs[process.name] >= SHORT_RUNS_MAX:
                runs = f"{self._short_runs[process.name]} times in a row within {SHORT_RUN_S:.0f} s of its start"
                return f"{process.name} died {runs}, last log line: {self._last_line(process.name)}"
        return None

    def _supervisord_line(self, exit_status: int) -> str:
        if exit_status < 0:
            return f"killed by {signal.Signals(-exit_status).name}"
        lines = _last_lines(self.runtime / "supervisord.out")
        errors = [line for line in lines if line.startswith("Error")]
        return (errors or lines or ["no output"])[-1]

    def _last_line(self, program: str) -> str:
        lines = self.log_tail(program)
        return lines[-1].strip() if lines else "none"

    def _refusal(self, program: str) -> str | None:
        """The line with which a service refuses its settings, without the leading `paperdesk`."""
        for line in reversed(self.log_tail(program)):
            if line.startswith("paperdesk "):
                return line.removeprefix("paperdesk ")
        return None

    def _not_running(self, states: Mapping[str, ProcessState], timeout_s: float) -> str:
        if not states:
            return f"supervisord did not answer within {timeout_s:.0f} s: {self._supervisord_line(0)}"
        late = [f"{process.name} is {process.state}" for process in states.values() if process.state != "RUNNING"]
        name = next(process.name for process in states.values() if process.state != "RUNNING")
        return (
            f"not running after {timeout_s:.0f} s: {', '.join(late)}; last log line of {name}: {self._last_line(name)}"
        )

    # --------------------------------------------------------------------------------------------------- stop

    def stop(self) -> None:
        """Stop the programs in order, then supervisord, and remove the private directory; idempotent.

        Interrupts are deferred until the end, because an unfinished stop leaves processes behind.
        """
        with held_interrupts():
            if self._process is not None:
                self._stop_processes(self._process)
                self._process = None
            shutil.rmtree(self.runtime, ignore_errors=True)

    def _stop_processes(self, process: subprocess.Popen[bytes]) -> None:
        if process.poll() is None:
            self.states()
            process.terminate()
            deadline = time.monotonic() + STOP_TIMEOUT_S
            while process.poll() is None and time.monotonic() < deadline:
                # Without a call supervisord checks only once a second whether a program has ended.
                self.states()
                time.sleep(POLL_S)
            if process.poll() is None:
                process.kill()
                process.wait()
        # After an orderly stop no process is left. The programs of a dead supervisord are terminated, then killed.
        for number in (signal.SIGTERM, signal.SIGKILL):
            deadline = time.monotonic() + ORPHAN_TIMEOUT_S
            members = self._session_members()
            for pid in members:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            while members and time.monotonic() < deadline:
                time.sleep(POLL_S)
                members = self._session_members()
            if not members:
                return

    def _session_members(self) -> list[int]:
        """Live processes of the sessions whose leaders were the desk's supervisords."""
        listed = {int(entry.name) for entry in Path("/proc").glob("[0-9]*")}
        return [pid for pid in sorted(listed.union(self._pids)) if _session_of(pid) in self._sessions]


def _session_of(pid: int) -> int | None:
    """The session of a live process; None for a process that has ended, even if it is a zombie."""
    try:
        session = os.getsid(pid)
    except OSError:
        return None
    return None if has_ended(pid) else session


def _last_lines(path: Path, *, since: int = 0) -> list[str]:
    """The last lines of a file, without empty lines and without the first `since` bytes of the file."""
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            # A file that is smaller than before was rotated, so all of it is new.
            file.seek(max(since if since <= size else 0, size - LOG_TAIL_BYTES))
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return []
    return [line for line in text.splitlines() if line.strip()]
