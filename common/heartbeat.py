"""Heartbeat of a process: its loop runs, its progress, and whether work is waiting.

ZeroMQ answers heartbeats from its own threads, also when Python hangs. This one is written by the loop itself: a file
per process in the runtime folder, one readable line, replaced twice a second. It is mapped into memory, so that a beat
costs about a microsecond, waits for no disk, and continues when the disk is full.
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
"""Interval of beats: a sixth of the shortest silence that counts as a hang."""

SUFFIX: Final = ".heartbeat"
LINE_BYTES: Final = 128
_LINE: Final = re.compile(r"pid=(\d+) phase=([A-Z]+) beat=(\d+) done=(\d+) waiting=([01]) *\n?")


class Phase(StrEnum):
    """Phase of a process."""

    STARTING = "STARTING"
    """Imports, files, sockets: no beats yet, for a time that depends on the data."""

    RUNNING = "RUNNING"
    ENDING = "ENDING"
    """Stopping: no more beats."""


class Progress(NamedTuple):
    """Progress of a process: a count that only grows, and whether work is waiting that could be done now."""

    done: int
    is_work_waiting: bool


class HeartbeatRecord(NamedTuple):
    """A heartbeat as read from its file."""

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
        """Write the phase STARTING. `program` is the process's name under supervisord."""
        self._pid = os.getpid()
        self._beats = 0
        self._last = Progress(0, False)
        self._path = path_of(folder, program)
        self._map: mmap.mmap | None = None
        self._inode = 0
        self._is_warned = False
        self._write(Phase.STARTING)

    def beat(self, progress: Progress) -> None:
        """Write a beat with the progress."""
        self._beats += 1
        self._last = progress
        if self._map is not None and not self._is_in_place():
            self._map = None
        self._write(Phase.RUNNING)

    def end(self) -> None:
        """Write the phase ENDING."""
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
                    "heartbeat not writable; a hang of this process goes unnoticed until it is",
                    file=str(self._path),
                    error=error.strerror,
                )


ProgressOf = Callable[[], Progress]


def path_of(folder: Path, program: str) -> Path:
    """Path of a program's heartbeat."""
    return folder / f"{program}{SUFFIX}"


def read(folder: Path, program: str) -> HeartbeatRecord | None:
    """The last heartbeat of a program; None without a readable one."""
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
    """Make a new file: the last beat of an earlier process must not count as one of this process.

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
