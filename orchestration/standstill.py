"""The reason why a desk makes no progress, in one line, from portfolio's status and the logs of the processes."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Final, Protocol

from common.disk_faults import free_bytes, size_text
from common.storage import FREE_BYTES_MIN
from orchestration.process_states import ProcessState
from proto.control import Effect, StatusReply, by_gravity, describe

STILL_S: Final = 1.0
"""Time without progress after which the progress line shows the reason."""

LOG_TEXT_CHARS_MAX: Final = 300


class Processes(Protocol):
    """The interface to the states and logs of the processes."""

    def states(self) -> dict[str, ProcessState]:
        """The state of every process by name."""

    def log_tail(self, program: str) -> list[str]:
        """The last lines of a process's log, the oldest first."""


class Standstill:
    """Detects a lack of progress; `note` is called a few times a second."""

    def __init__(self, processes: Processes, data_dir: Path) -> None:
        """Begin with 0 s without progress; `data_dir` is the folder in which every process writes its files."""
        self._processes = processes
        self._data_dir = data_dir
        self._progress: object = None
        self._progress_at = time.monotonic()

    def note(self, status: StatusReply | None, progress: object) -> str:
        """The reason why there is no progress, or an empty text while `progress` changes.

        Args:
            status: portfolio's reply; None if portfolio does not answer.
            progress: any value that changes when the desk makes progress.
        """
        now = time.monotonic()
        if progress != self._progress:
            self._progress, self._progress_at = progress, now
        if now - self._progress_at < STILL_S:
            return ""
        free = free_bytes(self._data_dir)
        if free is not None and free < FREE_BYTES_MIN:
            return f"waiting for disk space: {self._data_dir} has {size_text(free)} free"
        problems = process_problems(self._processes)
        if status is None:
            reason = "waiting for portfolio, which does not answer"
        else:
            problems.pop("portfolio", None)  # the reason is in portfolio's status
            blocking = [one for one in status.conditions if one.effect is not Effect.NONE]
            reason = (
                describe(by_gravity(blocking)[0]) if blocking else status.waiting_for or "waiting for the next tick"
            )
        return "; ".join([reason, *(f"{name} {problem}" for name, problem in problems.items())])


def process_problems(processes: Processes) -> dict[str, str]:
    """The problems by process: the state of a process that does not run, or a last log line with a warning or error."""
    found = {}
    for name, process in processes.states().items():
        line = last_warning(processes.log_tail(name))
        if process.state != "RUNNING":
            found[name] = f"is {process.state}{f', last log line: {line}' if line else ''}"
        elif line:
            found[name] = f"logs: {line}"
    return found


def last_warning(lines: list[str]) -> str:
    """The text of a log's last line if it is a warning, an error or no JSON record, or else an empty text."""
    line = lines[-1].strip() if lines else ""
    if not line.startswith("{"):
        return line[:LOG_TEXT_CHARS_MAX]
    try:
        fields = json.loads(line)
    except ValueError:
        return line[:LOG_TEXT_CHARS_MAX]
    if fields.get("level") not in ("warning", "error", "critical"):
        return ""
    detail = next((f": {fields[key]}" for key in ("waits_for", "why", "error") if fields.get(key)), "")
    return f"{fields.get('event', '')}{detail}"[:LOG_TEXT_CHARS_MAX]
