"""Faults that a test injects into a process: crash points and steps of the wall clock.

`PAPERDESK_CRASH_AT` is a comma list of `name@ordinal`. An entry fires at the first `crash_point(name, n)` with
n >= ordinal, once for the whole desk: it creates a marker in `PAPERDESK_CRASH_DIR` before the process dies by SIGKILL,
and does not fire where that marker exists. Without the variable a crash point is one test of a global.

`PAPERDESK_CLOCK_STEP_FILE` names a file with the offset of the wall clock in nanoseconds, read each time the clock is
read; no file is no offset. Without the variable the wall clock is the system's own function.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Final

from common.errors import StartError

CRASH_AT_VARIABLE = "PAPERDESK_CRASH_AT"
CRASH_DIRECTORY_VARIABLE = "PAPERDESK_CRASH_DIR"
CLOCK_STEP_VARIABLE = "PAPERDESK_CLOCK_STEP_FILE"

CRASH_POINTS: Final = {
    "mt5": (
        "mt5.before_calling",
        "mt5.after_calling",
        "mt5.before_call",
        "mt5.after_call",
        "mt5.before_done",
        "mt5.after_done",
        "mt5.before_fence",
        "mt5.after_fence",
        "mt5.before_claimed",
        "mt5.after_claimed",
        "mt5.before_presumed",
        "mt5.after_presumed",
        "mt5.before_epoch",
        "mt5.after_epoch",
        "mt5.before_halt",
        "mt5.after_halt",
        "mt5.before_checkpoint",
        "mt5.after_checkpoint",
        "mt5.before_market",
        "mt5.after_market",
        "mt5.before_reply",
        "mt5.after_reply",
        "mt5.after_confirm",
        "mt5.before_publish",
        "mt5.after_publish",
    ),
    "signal": (
        "signal.after_tick",
        "signal.before_send",
        "signal.after_send",
        "signal.after_checkpoint",
    ),
    "portfolio": (
        "portfolio.before_commit",
        "portfolio.after_commit",
        "portfolio.before_send",
        "portfolio.after_send",
    ),
    "execution": (
        "execution.after_command",
        "execution.after_send",
        "execution.after_reply",
        "execution.after_report",
    ),
}
"""Every point by its process: before and after each commit and each send. `before_call` and `after_call` are the broker's
commit of an order, `calling` to `halt` the gateway's journal, `checkpoint` and `market` what a live gateway keeps at
its checkpoints. The count is of ticks, except for `epoch` and `halt` (the epoch), `market` (minutes) and execution
(commands)."""


class _CrashPlan:
    """The entries that have not fired yet, by name."""

    def __init__(self, entries: str, directory: str) -> None:
        if not directory:
            raise StartError(
                f"{CRASH_DIRECTORY_VARIABLE}: not set, expected a folder for markers, because {CRASH_AT_VARIABLE} is set"
            )
        self._directory = Path(directory)
        self._directory.mkdir(parents=True, exist_ok=True)
        self._due: dict[str, list[int]] = {}
        for entry in filter(None, (part.strip() for part in entries.split(","))):
            name, _, ordinal = entry.rpartition("@")
            if not name or not ordinal.isdecimal():
                raise StartError(f"{CRASH_AT_VARIABLE}: value {entry!r}, expected NAME@ORDINAL, comma separated")
            self._due.setdefault(name, []).append(int(ordinal))

    def reach(self, name: str, ordinal: int) -> None:
        """Die here if an entry is due."""
        for due in list(self._due.get(name, ())):
            if ordinal >= due:
                self._due[name].remove(due)
                if self._leaves_marker(f"{name}@{due}"):
                    os.kill(os.getpid(), signal.SIGKILL)

    def _leaves_marker(self, entry: str) -> bool:
        try:
            (self._directory / entry).touch(exist_ok=False)
        except FileExistsError:
            return False
        return True


_entries: str | None = os.environ.get(CRASH_AT_VARIABLE) or None
_plan: _CrashPlan | None = None


def crash_point(name: str, ordinal: int = 0) -> None:
    """Die here when `PAPERDESK_CRASH_AT` has a due entry; `ordinal` is the caller's count (ticks, commands).

    Raises:
        StartError: the variable is set and is no list of `name@ordinal`, or there is no folder for the markers.
    """
    if _entries is None:
        return
    global _plan
    if _plan is None:
        _plan = _CrashPlan(_entries, os.environ.get(CRASH_DIRECTORY_VARIABLE, ""))
    _plan.reach(name, ordinal)


def steppable_clock(wall: Callable[[], int]) -> Callable[[], int]:
    """The wall clock with the offset of `PAPERDESK_CLOCK_STEP_FILE`; `wall` itself without the variable."""
    name = os.environ.get(CLOCK_STEP_VARIABLE)
    if not name:
        return wall
    path = Path(name)

    def stepped() -> int:
        try:
            return wall() + int(path.read_text(encoding="ascii"))
        except (FileNotFoundError, ValueError):  # not stepped yet, or the offset is being written
            return wall()

    return stepped
