"""Why a desk stands still, in one line: by portfolio's status, or without an answer by the logs of the others."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Final, Protocol

from common.disk_faults import free_bytes, size_text
from common.storage import ROOM_BYTES_MIN
from orchestration.supervisor import ProcessState
from proto.control import Effect, StatusReply, by_gravity, describe

STILL_S: Final = 1.0
"""Without progress for so long the progress line says what is waited for."""

LAST_WORDS_MAX: Final = 300


class Processes(Protocol):
    """What is known of the programs without portfolio."""

    def states(self) -> dict[str, ProcessState]:
        """Every program by name."""

    def log_tail(self, program: str) -> list[str]:
        """The last lines that a program logged."""


class Standstill:
    """Notices that nothing moves; `note` is asked a few times a second."""

    def __init__(self, processes: Processes, data_dir: Path) -> None:
        """It moves now; every process writes into `data_dir`."""
        self._processes = processes
        self._data_dir = data_dir
        self._position: object = None
        self._moved = time.monotonic()

    def note(self, status: StatusReply | None, position: object) -> str:
        """What is waited for, empty while `position` moves on; `status` None where portfolio did not answer."""
        now = time.monotonic()
        if position != self._position:
            self._position, self._moved = position, now
        if now - self._moved < STILL_S:
            return ""
        free = free_bytes(self._data_dir)
        if free is not None and free < ROOM_BYTES_MIN:
            return f"waiting for room: {self._data_dir} has {size_text(free)} left on its disk"
        found = troubles(self._processes)
        if status is None:
            words = "waiting for portfolio, which does not answer"
        else:
            found.pop("portfolio", None)  # it has said itself what it waits for
            keeping = [one for one in status.conditions if one.effect is not Effect.NONE]
            words = describe(by_gravity(keeping)[0]) if keeping else status.waiting_for or "waiting for the next tick"
        return "; ".join([words, *(f"{name} {trouble}" for name, trouble in found.items())])


def troubles(processes: Processes) -> dict[str, str]:
    """Every program that is not running, or whose last log line is a complaint, with that line."""
    found = {}
    for name, process in processes.states().items():
        words = last_words(processes.log_tail(name))
        if process.state != "RUNNING":
            found[name] = f"is {process.state}{f', last words: {words}' if words else ''}"
        elif words:
            found[name] = f"logs: {words}"
    return found


def last_words(lines: list[str]) -> str:
    """What the last line of a log complains of; empty where it is a report of progress."""
    line = lines[-1].strip() if lines else ""
    if not line.startswith("{"):
        return line[:LAST_WORDS_MAX]
    try:
        fields = json.loads(line)
    except ValueError:
        return line[:LAST_WORDS_MAX]
    if fields.get("level") not in ("warning", "error", "critical"):
        return ""
    detail = next((f": {fields[key]}" for key in ("waits_for", "why", "error") if fields.get(key)), "")
    return f"{fields.get('event', '')}{detail}"[:LAST_WORDS_MAX]
