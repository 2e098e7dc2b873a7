"""Alerts to an operator: a line in the log at level error, a metric, and a run of ALERT_COMMAND.

The command runs in the background and is killed if it takes too long. It gets the alert in its environment
(ALERT_KIND, ALERT_PROGRAM, ALERT_TEXT) and as a line of JSON on its stdin. To limit the load of the host, alerts of the
same kind about the same program start the command at most once a minute, and at most `RUNNING_MAX` commands run at
once.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from dataclasses import dataclass
from typing import Final

from common.clock import mono_ns
from common.errors import StartError
from common.logs import get_logger
from proto.time import MS_NS
from services.watchdog import metrics

AGAIN_AFTER_NS: Final = 60_000_000_000
"""Shortest time between two runs of the command for the same kind of alert about the same program."""

RUNNING_MAX: Final = 4
"""Largest number of commands that run at the same time."""

_log = get_logger()


@dataclass(frozen=True)
class _Run:
    process: subprocess.Popen[bytes]
    deadline_ns: int


class Alerts:
    """Raises alerts, and runs the command for them."""

    def __init__(self, command: str, timeout_ms: int) -> None:
        """Split the command line into words.

        Args:
            command: a command line; empty for alerts only in log and metric.
            timeout_ms: time after which a running command is killed.

        Raises:
            StartError: the quotes of the command line are not closed.
        """
        try:
            self._command = shlex.split(command)
        except ValueError as error:
            raise StartError(f"ALERT_COMMAND: value '{command}': {error}; expected a command line") from None
        self._timeout_ns = timeout_ms * MS_NS
        self._running: list[_Run] = []
        self.problem = ""
        """Why the last run of the command failed; empty if it succeeded."""
        self._started_ns: dict[tuple[str, str], int] = {}
        """Monotonic time at which `send` last tried to start the command, by kind and program."""

    def send(self, kind: str, program: str, text: str, **facts: object) -> None:
        """Raise an alert.

        Args:
            kind: kind of the alert, such as `hang`, or the code of a condition.
            program: program that the alert is about, or subject of the condition.
            text: one sentence that describes the alert.
            facts: further values, such as a pid, for the log and the command.
        """
        metrics.ALERTS.inc(kind)
        _log.error(text, kind=kind, program=program, **facts)
        now_ns = mono_ns()
        started_ns = self._started_ns.get((kind, program))
        if not self._command or (started_ns is not None and now_ns - started_ns < AGAIN_AFTER_NS):
            return
        self._started_ns[kind, program] = now_ns
        self.reap()
        if len(self._running) >= RUNNING_MAX:
            metrics.COMMANDS.inc("dropped")
            return
        self._start({"ALERT_KIND": kind, "ALERT_PROGRAM": program, "ALERT_TEXT": text}, facts)

    def _start(self, variables: dict[str, str], facts: dict[str, object]) -> None:
        line = json.dumps({name.removeprefix("ALERT_").lower(): value for name, value in variables.items()} | facts)
        try:
            process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**os.environ, **variables},
                start_new_session=True,
            )
        except OSError as error:
            metrics.COMMANDS.inc("failed")
            self.problem = f"ALERT_COMMAND cannot be run: {self._command[0]}: {error.strerror}"
            _log.warning("ALERT_COMMAND cannot be run", command=self._command[0], error=error.strerror)
            return
        assert process.stdin is not None
        try:
            # The line is far shorter than the buffer of a pipe, so that the write never waits for the command.
            process.stdin.write(line.encode() + b"\n")
            process.stdin.close()
        except OSError:
            _log.debug("ALERT_COMMAND ended without reading its stdin")
        self._running.append(_Run(process, mono_ns() + self._timeout_ns))

    @property
    def running(self) -> int:
        """Number of commands that are running."""
        self.reap()
        return len(self._running)

    def reap(self) -> None:
        """Record the results of commands that have ended, and kill those that take too long."""
        still = []
        for run in self._running:
            status = run.process.poll()
            if status is not None:
                metrics.COMMANDS.inc("ok" if status == 0 else "failed")
                self.problem = f"ALERT_COMMAND ended with exit status {status}" if status else ""
                if status:
                    _log.warning("ALERT_COMMAND failed", exit_status=status)
            elif mono_ns() >= run.deadline_ns:
                run.process.kill()
                run.process.wait()
                metrics.COMMANDS.inc("timeout")
                self.problem = f"ALERT_COMMAND took longer than {self._timeout_ns // MS_NS} ms and was killed"
                _log.warning("ALERT_COMMAND took too long and was killed")
            else:
                still.append(run)
        self._running = still

    def close(self) -> None:
        """Kill the commands that still run."""
        for run in self._running:
            run.process.kill()
            run.process.wait()
        self._running = []
