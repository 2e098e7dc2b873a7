"""Faults that a test injects into a process: crash points and steps of the wall clock.

`PAPERDESK_CRASH_AT` is a comma-separated list of `name@ordinal`. An entry kills the process with SIGKILL at the first
`crash_point(name, n)` with n >= ordinal. Each entry does so once for the whole desk: the process first creates a marker
file in `PAPERDESK_CRASH_DIR`, and an entry whose marker exists has no effect. If the variable is not set, a crash point
only tests a global variable.

`PAPERDESK_CLOCK_STEP_FILE` names a file with the offset of the wall clock in nanoseconds. It is read each time the
clock is read; without the file the offset is 0. If the variable is not set, the wall clock is the system's function.
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
"""Every crash point by process; most are before or after a commit or a send.

`before_call` and `after_call` surround the broker's commit of an order. The points from `calling` to `halt`, except
those two, surround commits of the gateway's journal. `checkpoint` surrounds all other commits of the broker's book,
and `market` those of the generated market. The ordinal counts ticks, with these exceptions: it is the epoch at `epoch`
and `halt`, counts minutes at `market`, and counts commands in execution.
"""


class _CrashPlan:
    """The entries of `PAPERDESK_CRASH_AT` that this process has not reached yet, by name."""

    def __init__(self, entries: str, directory: str) -> None:
        if not directory:
            raise StartError(
                f"{CRASH_DIRECTORY_VARIABLE}: not set, expected a folder for markers, "
                f"because {CRASH_AT_VARIABLE} is set"
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
        """Kill this process if an entry for `name` is due and has no marker yet."""
        for due in list(self._due.get(name, ())):
            if ordinal >= due:
                self._due[name].remove(due)
                if self._creates_marker(f"{name}@{due}"):
                    os.kill(os.getpid(), signal.SIGKILL)

    def _creates_marker(self, entry: str) -> bool:
        """Create the marker file of an entry; returns False if the file already exists."""
        try:
            (self._directory / entry).touch(exist_ok=False)
        except FileExistsError:
            return False
        return True


_entries: str | None = os.environ.get(CRASH_AT_VARIABLE) or None
_plan: _CrashPlan | None = None


def crash_point(name: str, ordinal: int = 0) -> None:
    """Kill this process if `PAPERDESK_CRASH_AT` has a due entry; `ordinal` is the caller's count, such as of ticks.

    Raises:
        StartError: the variable is not a list of `name@ordinal`, or the folder for markers is not set.
    """
    if _entries is None:
        return
    global _plan
    if _plan is None:
        _plan = _CrashPlan(_entries, os.environ.get(CRASH_DIRECTORY_VARIABLE, ""))
    _plan.reach(name, ordinal)


def steppable_clock(wall: Callable[[], int]) -> Callable[[], int]:
    """The clock `wall` plus the offset in `PAPERDESK_CLOCK_STEP_FILE`; `wall` itself if the variable is not set."""
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
