"""The desk's processes under a supervisord of their own, from start to the last trace.

The programs are defined once, in the `supervisord.conf` at the root. What runs here is that file with its paths moved:
sockets, pid file and logs into a private directory, the interpreter to the one that runs this. The environment goes to
supervisord and from there to every program, so that no value of it stands on a command line or in a file.

    with DeskSupervisor(log_dir=data_dir / "logs") as desk:
        desk.start(environment)      # returns when every process is up
        ...
        desk.check()                 # raises StartError when one of them has given up

Leaving the block stops the processes in the order of the configuration and removes the private directory. Only
processes that were started here are ever signalled: supervisord, and what lives in the session it leads.
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
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from common.errors import StartError
from common.process_identity import has_ended
from common.process_main import EXIT_ELSEWHERE
from common.project_root import PROJECT_ROOT
from common.supervisor_rpc import RPC_ERRORS, call_supervisor
from orchestration.held_interrupts import held_interrupts
from services.watchdog.core.watchdog import EXIT_SETTINGS

CONFIGURATION: Final = "supervisord.conf"

RUNTIME_PARENT: Final = "/tmp"  # noqa: S108 - a temp dir of its own is made in it; TMPDIR is too long for ipc on macOS
START_TIMEOUT_S: Final = 60.0
"""Four imports of numba and xgboost on a cold disk, twice over."""

START_DEATHS_MAX: Final = 5
"""Deaths of one program before it has once been up; the fifth comes after about 15 s."""

WATCHDOG: Final = "watchdog"
"""The event listener among the programs: a desk trades without it, so it is no part of what is up or down."""

GATEWAY: Final = "mt5"

STOP_TIMEOUT_S: Final = 60.0
"""Four programs one after the other with 10 s each before supervisord kills them, and a margin."""

ORPHAN_TIMEOUT_S: Final = 10.0
POLL_S: Final = 0.05
LOG_TAIL_BYTES: Final = 16_384

ANSWER_TIMEOUT_S: Final = 1.0
"""Supervisord answers from memory, within milliseconds."""

SHORT_LIFE_S: Final = 10.0
SHORT_LIVES_MAX: Final = 20
"""Lives of one program in a row, each shorter than that: it never lasts, whatever supervisord makes of it."""


@dataclass(frozen=True)
class ProcessState:
    """How supervisord sees one program; `state` in its own words (STARTING, RUNNING, BACKOFF, EXITED, FATAL, ...).

    `up_s`: since its present process was started, 0 while there is none.
    """

    name: str
    state: str
    exit_status: int
    pid: int
    up_s: float = 0.0


def _state(row: Mapping[str, Any]) -> ProcessState:
    """A row of supervisord's, whose times are whole seconds."""
    pid = int(row["pid"])
    up_s = float(max(0, int(row["now"]) - int(row["start"]))) if pid else 0.0
    return ProcessState(row["name"], row["statename"], int(row["exitstatus"]), pid, up_s)


def private_configuration(shipped: str, *, root: Path, runtime: Path, python: str) -> str:
    """The shipped configuration with its folders moved.

    Args:
        shipped: text of `supervisord.conf`.
        root: folder the programs run in.
        runtime: takes the place of `var/`.
        python: interpreter that takes the place of the one in `.venv`.
    """
    quoted_python = python.replace("\\", "\\\\").replace('"', '\\"')
    moved = (
        ("/usr/bin/env .venv/bin/python", _literal(f'"{quoted_python}"')),
        ("%%(here)s/var", _literal(_literal(str(runtime)))),
        ("%(here)s/var", _literal(str(runtime))),
        ("%(here)s", _literal(str(root))),
    )
    for old, new in moved:
        shipped = shipped.replace(old, new)
    return shipped


def _literal(text: str) -> str:
    return text.replace("%", "%%")


class DeskSupervisor:
    """A supervisord and its programs, owned by this process."""

    def __init__(
        self,
        *,
        log_dir: Path | None = None,
        root: Path = PROJECT_ROOT,
        python: str = sys.executable,
        has_gateway: bool = True,
    ) -> None:
        """`log_dir` keeps the programs' logs; without one they go with the private directory.

        Without a gateway of its own the program `mt5` ends by itself, and is no part of what is up or down.
        """
        self._unwatched = (WATCHDOG,) if has_gateway else (WATCHDOG, GATEWAY)
        self._root = root
        self._log_dir = log_dir
        self._python = python
        self._process: subprocess.Popen[bytes] | None = None
        self._sessions: set[int] = set()
        self._pids: dict[int, str] = {}
        self._started: dict[str, float] = {}
        self._short_lives: Counter[str] = Counter()
        self._logged_before: dict[str, int] = {}
        try:
            self.runtime = Path(tempfile.mkdtemp(prefix="pd-", dir=RUNTIME_PARENT))
        except OSError as error:
            raise StartError(
                f"cannot make a runtime directory in {RUNTIME_PARENT}: {error.strerror}; expected a writable folder"
            ) from None

    def __enter__(self) -> Self:
        """Nothing runs yet; `runtime` is there for the sockets."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop everything and leave nothing behind."""
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
            environment: all that the programs find in theirs.
            waiting: called about 20 times a second meanwhile; what it raises ends the wait.
            timeout_s: how long to wait.

        Raises:
            StartError: a program refused its settings or keeps dying, with its reason; or time ran out.
        """
        assert self._process is None, "started before"
        self._prepare()
        self._launch(environment)
        self._wait_until_up(waiting, timeout_s)

    def replace(self, environment: Mapping[str, str], *, timeout_s: float = START_TIMEOUT_S) -> None:
        """Start a new supervisord in the place of one that has died, and return when every program is RUNNING.

        What the dead one left has to end by itself, as it would for a person who starts the desk again.

        Args:
            environment: all that the programs find in theirs.
            timeout_s: how long to wait.

        Raises:
            StartError: as `start`.
        """
        assert self._process is not None, "never started"
        assert self._process.poll() is not None, "the supervisord before lives"
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
                raise StartError(f"{process.name} dies at every start, last words: {self._last_words(process.name)}")

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
            # A link, because a path in the configuration may hold neither " ;" nor a line break, and a user's may.
            logs.symlink_to(self._log_dir.resolve(), target_is_directory=True)
        self._logged_before = {log.stem: log.stat().st_size for log in logs.glob("*.log")}
        shipped = (self._root / CONFIGURATION).read_text(encoding="utf-8")
        path = self.runtime / CONFIGURATION
        path.write_text(
            private_configuration(shipped, root=self._root, runtime=self.runtime, python=self._python),
            encoding="utf-8",
        )

    # ---------------------------------------------------------------------------------------------------- looking

    def states(self) -> dict[str, ProcessState]:
        """Every trading program by name, in starting order; empty while supervisord does not answer."""
        rows: Any = self._ask("getAllProcessInfo")
        if rows is None:
            return {}
        states = {row["name"]: _state(row) for row in rows}
        for state in states.values():
            if state.pid and state.pid not in self._pids:
                self._pids[state.pid] = state.name
                self._note_start(state.name, time.monotonic())
        for name in self._unwatched:
            states.pop(name, None)
        return states

    def stop_program(self, name: str) -> None:
        """Stop one program in order, as `supervisorctl stop` does; one that is down stays so."""
        self._ask("stopProcess", name, timeout_s=STOP_TIMEOUT_S)

    def start_program(self, name: str) -> None:
        """Start one program that was stopped or given up; one that runs goes on."""
        self._ask("startProcess", name, False)

    def supervisord_pid(self) -> int | None:
        """The supervisord that was started; None where none lives."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def _ask(self, method: str, *arguments: object, timeout_s: float = ANSWER_TIMEOUT_S) -> object:
        """What supervisord answers; None where it does not, or refuses."""
        url = f"unix://{self.runtime / 'run' / 'supervisor.sock'}"
        try:
            return call_supervisor(url, method, *arguments, timeout_s=timeout_s)
        except RPC_ERRORS:
            return None

    def _note_start(self, program: str, now: float) -> None:
        """Count the lives in a row that were short."""
        started = self._started.get(program)
        self._started[program] = now
        if started is not None:
            is_short = now - started < SHORT_LIFE_S
            self._short_lives[program] = self._short_lives[program] + 1 if is_short else 0

    def forget_deaths(self) -> None:
        """The desk has come further: what died was no obstacle."""
        self._short_lives.clear()

    def log_tail(self, program: str) -> list[str]:
        """The last lines that a program logged since the start, oldest first, without empty ones."""
        return _last_lines(self._log(program), since=self._logged_before.get(program, 0))

    def _log(self, program: str) -> Path:
        return self.runtime / "log" / f"{program}.log"

    def failure(self) -> str | None:
        """Why the desk cannot run, in one line; None while it can."""
        return self._failure(self.states())

    def check(self) -> None:
        """Raise StartError when the desk cannot run, with the reason that `failure` gives."""
        self._check(self.states())

    def _check(self, states: Mapping[str, ProcessState]) -> None:
        failure = self._failure(states)
        if failure is not None:
            raise StartError(failure)

    def _failure(self, states: Mapping[str, ProcessState]) -> str | None:
        if self._process is not None and self._process.poll() is not None:
            return f"supervisord ended by itself: {self._supervisords_words(self._process.returncode)}"
        for process in states.values():
            if process.state == "EXITED" and process.exit_status == EXIT_SETTINGS:
                return self._own_words(process.name) or f"{process.name} refused to start and did not say why"
            if process.state == "EXITED" and process.exit_status == EXIT_ELSEWHERE:
                return f"{process.name} stopped by itself; expected it to run until it is told to stop"
            if process.state == "FATAL":
                return f"{process.name} keeps dying, last words: {self._last_words(process.name)}"
            if self._short_lives[process.name] >= SHORT_LIVES_MAX:
                lives = f"{self._short_lives[process.name]} times in a row within {SHORT_LIFE_S:.0f} s of its start"
                return f"{process.name} died {lives}, last words: {self._last_words(process.name)}"
        return None

    def _supervisords_words(self, exit_status: int) -> str:
        if exit_status < 0:
            return f"killed by {signal.Signals(-exit_status).name}"
        lines = _last_lines(self.runtime / "supervisord.out")
        errors = [line for line in lines if line.startswith("Error")]
        return (errors or lines or ["without a word"])[-1]

    def _last_words(self, program: str) -> str:
        lines = self.log_tail(program)
        return lines[-1].strip() if lines else "none"

    def _own_words(self, program: str) -> str | None:
        """The line a service leaves when it refuses its settings, without the `paperdesk` in front."""
        for line in reversed(self.log_tail(program)):
            if line.startswith("paperdesk "):
                return line.removeprefix("paperdesk ")
        return None

    def _not_running(self, states: Mapping[str, ProcessState], timeout_s: float) -> str:
        if not states:
            return f"supervisord did not answer within {timeout_s:.0f} s: {self._supervisords_words(0)}"
        late = [f"{process.name} is {process.state}" for process in states.values() if process.state != "RUNNING"]
        name = next(process.name for process in states.values() if process.state != "RUNNING")
        return f"not running after {timeout_s:.0f} s: {', '.join(late)}; last words of {name}: {self._last_words(name)}"

    # --------------------------------------------------------------------------------------------------- stopping

    def stop(self) -> None:
        """Stop the programs in order, then supervisord, then remove the private directory; again changes nothing.

        Interrupts wait until that is done: half a stop is what leaves processes behind.
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
                # A question wakes supervisord, which by itself looks once a second whether a program has gone.
                self.states()
                time.sleep(POLL_S)
            if process.poll() is None:
                process.kill()
                process.wait()
        # Nothing is left of an orderly stop. What a dead supervisord left is told to end, and then made to.
        for how in (signal.SIGTERM, signal.SIGKILL):
            deadline = time.monotonic() + ORPHAN_TIMEOUT_S
            members = self._session_members()
            for pid in members:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, how)
            while members and time.monotonic() < deadline:
                time.sleep(POLL_S)
                members = self._session_members()
            if not members:
                return

    def _session_members(self) -> list[int]:
        """Living processes of the sessions that our supervisords led; nothing else can be in them."""
        listed = {int(entry.name) for entry in Path("/proc").glob("[0-9]*")}
        return [pid for pid in sorted(listed.union(self._pids)) if _session_of(pid) in self._sessions]


def _session_of(pid: int) -> int | None:
    """The session of a living process; None for one that is gone, or has ended and is not reaped yet."""
    try:
        session = os.getsid(pid)
    except OSError:
        return None
    return None if has_ended(pid) else session


def _last_lines(path: Path, *, since: int = 0) -> list[str]:
    """Lines of the end of a file that are not empty; `since` is its size when what matters began."""
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            # Smaller than before: it was rotated meanwhile, and all of it is new.
            file.seek(max(since if since <= size else 0, size - LOG_TAIL_BYTES))
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return []
    return [line for line in text.splitlines() if line.strip()]
