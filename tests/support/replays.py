"""Replays with real processes, which tests start by the command, disturb while they run, and compare after their end.

After each replay, the test checks that no process of the replay is left and that its folder in /tmp is removed. A test
sets a default number of ticks and a default length of a hang. The environment variables PAPERDESK_SYSTEM_TICKS and
PAPERDESK_SYSTEM_STALL_S override these defaults.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from time import monotonic
from types import TracebackType
from typing import Any, Final, Self

import psutil

from common.control_client import ControlClient
from proto.control import StatusQuery, StatusReply
from research import ledger_views
from research.report import report_digest
from tests.support.command_line import PAPERDESK, run_within
from tests.support.processes import process_below
from tests.support.waits import wait_for

SERVICES: Final = ("mt5", "execution", "portfolio", "signal")
TIMEOUT_S: Final = 3_600.0
"""Longest run in seconds; only a hanging run takes so long, because a full-size run takes minutes."""

START_S: Final = 60.0
STEP_S: Final = 120.0
"""Longest time in seconds until a disturbed desk reaches the state for which a test waits."""


TICKS_VARIABLE: Final = "PAPERDESK_SYSTEM_TICKS"
IS_FULL_SIZE: Final = TICKS_VARIABLE in os.environ


STALL_VARIABLE: Final = "PAPERDESK_SYSTEM_STALL_S"
STALL_S_DEFAULT: Final = 2.5
"""Default length of a hang in seconds; longer than the default of GTW_TIMEOUT_MS, so that calls time out."""


def ticks_or(default: int) -> int:
    """The number of ticks to play: PAPERDESK_SYSTEM_TICKS, or the default that keeps `make test` short."""
    return int(os.environ.get(TICKS_VARIABLE, default))


PATIENT: Final = {"WATCHDOG_HANG_MS": "600000"}
"""Settings with which the watchdog kills no hanging process, for tests that suspend or count processes."""

TRADES_MUCH: Final = ("--risk", "none")
"""Options without risk limits, which would deny most of the orders that these tests need."""


@dataclass(frozen=True)
class CommandOutcome:
    """Result of a replay or backtest command.

    `orders` and `deals` are the rows that `paperdesk orders` and `paperdesk deals` print, `points` the equity points.
    """

    exit_code: int
    report: dict[str, Any]
    orders: list[dict[str, Any]]
    deals: list[dict[str, Any]]
    points: list[dict[str, Any]]
    error_output: str

    @property
    def same(self) -> tuple[str, list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
        """The parts of a result that must be equal in two runs of the same replay."""
        return report_digest(self.report), self.orders, self.deals, self.points


def run_paperdesk(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run one `paperdesk` command to its end, with a long time limit."""
    return run_within(TIMEOUT_S, arguments, environment)


def list_rows(what: str, data_dir: Path) -> list[dict[str, Any]]:
    """The rows that `paperdesk orders` or `paperdesk deals` prints."""
    rows: list[dict[str, Any]] = json.loads(run_paperdesk(what, "--data-dir", data_dir, "--json").stdout)
    return rows


def completed_backtest(*arguments: object, data_dir: Path) -> CommandOutcome:
    """The result of a backtest, which an undisturbed replay of the same ticks must also have."""
    done = run_paperdesk("backtest", *TRADES_MUCH, *arguments, "--data-dir", data_dir, "--json")
    return _outcome(done.returncode, done.stdout, done.stderr, data_dir)


class RunningReplay:
    """A `paperdesk replay` command that runs while the test continues."""

    def __init__(
        self,
        *arguments: object,
        data_dir: Path,
        cores: Sequence[int] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start the command; with `cores`, the command and its processes run only on these processor cores."""
        self.data_dir = data_dir
        self._command = subprocess.Popen(
            [PAPERDESK, "replay", *TRADES_MUCH, *map(str, arguments), "--data-dir", str(data_dir), "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(environment or {})},
        )
        if cores:
            # Every process that the command starts inherits the choice of cores.
            psutil.Process(self._command.pid).cpu_affinity(list(cores))

    def __enter__(self) -> Self:
        """Return the replay, which is already started."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the command if it still runs."""
        if self._command.poll() is None:
            for process in self.child_processes():
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(signal.SIGCONT)
            self._command.terminate()
            self._command.communicate(timeout=TIMEOUT_S)

    def interrupt(self) -> None:
        """Send Ctrl-C."""
        self._command.send_signal(signal.SIGINT)

    def wait(self) -> CommandOutcome:
        """Wait for the end of the command, and return its result."""
        output, error_output = self._command.communicate(timeout=TIMEOUT_S)
        wait_for(lambda: not leftovers(self.data_dir), f"the end of {leftovers(self.data_dir)}")
        return _outcome(self._command.returncode, output, error_output, self.data_dir)

    # ---------------------------------------------------------------------------------------------------- while it runs

    def child_processes(self) -> list[psutil.Process]:
        """All descendants of the command's process."""
        try:
            return psutil.Process(self._command.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def process(self, service: str) -> psutil.Process:
        """Wait until there is a process of a service, and return it."""
        return wait_for(lambda: self._find(service), f"a process of {service}", seconds=START_S)

    def _find(self, service: str) -> psutil.Process | None:
        self._require_alive()
        return process_below(self._command.pid, f"services.{service}")

    def _require_alive(self) -> None:
        assert self._command.poll() is None, f"the replay ended: {self._command.communicate()[1]}"

    @property
    def runtime(self) -> Path:
        """The replay's private folder with its sockets."""
        note = self.data_dir / "control.url"

        def there() -> bool:
            self._require_alive()
            return note.is_file()

        wait_for(there, "the desk to start", seconds=START_S)
        return Path(note.read_text().strip().removeprefix("ipc://")).parent

    def status(self) -> StatusReply | None:
        """Portfolio's status; None if portfolio does not answer at once."""
        with ControlClient(f"ipc://{self.runtime}/control.ipc") as client:
            return client.request(StatusQuery(), StatusReply, timeout_s=0.5)

    def wait_for_tick(self, ordinal: int) -> StatusReply:
        """Wait until portfolio has decided on the tick with this ordinal."""
        with ControlClient(f"ipc://{self.runtime}/control.ipc") as client:

            def there() -> StatusReply | None:
                self._require_alive()
                status = client.request(StatusQuery(), StatusReply, timeout_s=0.5)
                return status if status is not None and status.ordinal >= ordinal else None

            return wait_for(there, f"tick {ordinal}", seconds=STEP_S)

    def logged(self, service: str) -> list[dict[str, Any]]:
        """The log records of a process, oldest first."""
        log = self.data_dir / "logs" / f"{service}.log"
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.is_file() else []
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]

    def has_logged(self, service: str, event: str) -> bool:
        """Whether a process has logged an event."""
        return any(event in line["event"] for line in self.logged(service))


def completed_replay(
    *arguments: object, data_dir: Path, environment: Mapping[str, str] | None = None
) -> CommandOutcome:
    """A replay that nothing disturbs, run to its end."""
    with RunningReplay(*arguments, data_dir=data_dir, environment=environment) as replay:
        return replay.wait()


@contextmanager
def suspended(process: psutil.Process) -> Iterator[None]:
    """Suspend a process (SIGSTOP) for the length of the block."""
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGCONT)


def stall(process: psutil.Process) -> None:
    """Wait for the length of a hang, or until the suspended process is killed."""
    pause = Event()
    deadline = monotonic() + float(os.environ.get(STALL_VARIABLE, STALL_S_DEFAULT))
    with suppress(psutil.NoSuchProcess):
        while monotonic() < deadline and process.status() != psutil.STATUS_ZOMBIE:
            pause.wait(0.01)


@contextmanager
def a_busy_machine() -> Iterator[None]:
    """Run another process, which only uses processor time, for the length of the block."""
    hog = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        hog.kill()
        hog.wait()


def leftovers(data_dir: Path) -> list[str]:
    """Processes of a desk that still run, and its folders in /tmp."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("PAPERDESK_DATA_DIR") == str(data_dir) and "services." in str(process.cmdline()):
                found.append(f"{process.pid} {process.cmdline()}")
    for runtime in Path("/tmp").glob("pd-*"):
        logs = runtime / "log"
        with suppress(OSError):
            if logs.is_symlink() and logs.readlink() == data_dir.resolve() / "logs":
                found.append(str(runtime))
    return found


def _outcome(exit_code: int, output: str, error_output: str, data_dir: Path) -> CommandOutcome:
    has_ledger = (data_dir / "ledger.db").is_file()
    return CommandOutcome(
        exit_code=exit_code,
        report=json.loads(output) if output else {},
        orders=ledger_views.orders(data_dir) if has_ledger else [],
        deals=ledger_views.deals(data_dir) if has_ledger else [],
        points=ledger_views.equity_points(data_dir) if has_ledger else [],
        error_output=error_output,
    )
