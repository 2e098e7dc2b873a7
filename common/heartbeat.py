"""A process's sign of life: that Python runs its loop, how far it has come, and whether work waits for it.

ZeroMQ answers heartbeats from threads of its own, also for a process whose Python hangs. This one is written by the loop
itself: a file per process in the runtime folder, one line that a person can read, replaced twice a second. It is mapped
into memory, so that writing costs about a microsecond, waits for no disk, and goes on when the disk is full.
`services.watchdog` reads it.

    pid=4711 phase=RUNNING beat=12 done=53301 waiting=0
"""

from __future__ import annotations

import mmap
import os
import re
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple

from common.logs import get_logger

BEAT_MS: Final = 500
"""Between two beats: a sixth of the shortest time after which a silent process is held to hang."""

SUFFIX: Final = ".heartbeat"
LINE_BYTES: Final = 128
_LINE: Final = re.compile(r"pid=(\d+) phase=([A-Z]+) beat=(\d+) done=(\d+) waiting=([01]) *\n?")


class Phase(StrEnum):
    """What the process is at."""

    STARTING = "STARTING"
    """Imports, files, sockets: nothing beats yet, and how long it takes depends on the data."""

    RUNNING = "RUNNING"
    ENDING = "ENDING"
    """It was told to stop: nothing beats any more."""


class Progress(NamedTuple):
    """How far a process has come: a count that only grows, and whether it has anything to do that it could do now."""

    done: int
    is_work_waiting: bool


class HeartbeatRecord(NamedTuple):
    """One sign of life, as a reader finds it."""

    pid: int
    phase: Phase
    beat: int
    done: int
    is_work_waiting: bool


class Heartbeat:
    """The heartbeat file of this process; a beat creates it again if it could not be written, was removed or replaced.

    A second process of the same name replaces it at its start, then finds the first one's locks and ends; the first
    one takes the file back.
    """

    def __init__(self, folder: Path, program: str) -> None:
        """Say that the process is starting. `program` is its name under supervisord."""
        self._pid = os.getpid()
        self._beats = 0
        self._last = Progress(0, False)
        self._path = path_of(folder, program)
        self._map: mmap.mmap | None = None
        self._inode = 0
        self._is_warned = False
        self._write(Phase.STARTING)

    def beat(self, progress: Progress) -> None:
        """Show that the loop runs, and how far it has come."""
        self._beats += 1
        self._last = progress
        if self._map is not None and not self._is_in_place():
            self._map = None
        self._write(Phase.RUNNING)

    def end(self) -> None:
        """Say that the loop has ended and the process is about to."""
        self._write(Phase.ENDING)

    def _is_in_place(self) -> bool:
        try:
            return self._path.stat().st_ino == self._inode
        except OSError:
            return False

    def _write(self, phase: Phase) -> None:
        line = _line(HeartbeatRecord(self._pid, phase, self._beats, *self._last))
        if self._map is not None:
            self._map[:] = line
            return
        try:
            self._map, self._inode = _mapped(self._path, line)
        except OSError as error:
            if not self._is_warned:
                self._is_warned = True
                get_logger().warning(
                    "no heartbeat can be written, nobody notices should this process hang until it can",
                    file=str(self._path),
                    error=error.strerror,
                )


ProgressOf = Callable[[], Progress]


def path_of(folder: Path, program: str) -> Path:
    """Where a program's heartbeat is."""
    return folder / f"{program}{SUFFIX}"


def read(folder: Path, program: str) -> HeartbeatRecord | None:
    """The last sign of life of a program; None when there is none that can be read."""
    try:
        line = path_of(folder, program).read_bytes()[:LINE_BYTES].decode("ascii", errors="replace")
    except OSError:
        return None
    found = _LINE.fullmatch(line)
    if found is None or found[2] not in Phase.__members__:
        return None
    return HeartbeatRecord(int(found[1]), Phase(found[2]), int(found[3]), int(found[4]), found[5] == "1")


def _line(beat: HeartbeatRecord) -> bytes:
    text = f"pid={beat.pid} phase={beat.phase} beat={beat.beat} done={beat.done} waiting={int(beat.is_work_waiting)}"
    return text.ljust(LINE_BYTES - 1).encode("ascii") + b"\n"


def _mapped(path: Path, line: bytes) -> tuple[mmap.mmap, int]:
    """A file of its own that takes the place of an earlier process's, whose last words nobody may take for ours.

    Returns:
        The mapped file and its inode.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_suffix(f".{os.getpid()}.new")
    fd = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC | getattr(os, "O_CLOEXEC", 0), 0o600)
    try:
        os.write(fd, line)
        mapped, inode = mmap.mmap(fd, LINE_BYTES), os.fstat(fd).st_ino
    finally:
        os.close(fd)
    fresh.replace(path)
    return mapped, inode
