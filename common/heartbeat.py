"""Heartbeat file of a process: it shows that the event loop runs, how much work is done, and whether work is waiting.

ZeroMQ answers its own heartbeats from its threads even if Python hangs. Therefore the event loop itself writes the
file twice a second. Each process has its own file in the runtime folder, with one line of text. The file is mapped into
memory, so a beat takes about a microsecond, does not wait for the disk, and succeeds on a full disk.
`services.watchdog` reads the files.

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
"""Interval of beats in milliseconds: a third of the lowest WATCHDOG_HANG_MS, a sixth of its default."""

SUFFIX: Final = ".heartbeat"
LINE_BYTES: Final = 128
_LINE: Final = re.compile(r"pid=(\d+) phase=([A-Z]+) beat=(\d+) done=(\d+) waiting=([01]) *\n?")


class Phase(StrEnum):
    """Phase of a process."""

    STARTING = "STARTING"
    """The process imports modules, opens files and sockets, and writes no beats yet.

    The duration of this phase depends on the amount of data.
    """

    RUNNING = "RUNNING"
    ENDING = "ENDING"
    """The process is stopping and writes no more beats."""


class Progress(NamedTuple):
    """Progress of a process: a count of work done, and whether there is work that the process could do now."""

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
    """The heartbeat file of this process.

    A beat creates the file again if it could not be written, or was removed or replaced. A second process of the same
    name replaces the file at its start, and ends when it finds the locks of the first process. The next beat of the
    first process then replaces the file again.
    """

    def __init__(self, folder: Path, program: str) -> None:
        """Write the phase STARTING. `program` is the name of the process under supervisord."""
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
                    "heartbeat file cannot be written; until it can, no hang of this process is detected",
                    file=str(self._path),
                    error=error.strerror,
                )


ProgressOf = Callable[[], Progress]


def path_of(folder: Path, program: str) -> Path:
    """Path of a program's heartbeat file."""
    return folder / f"{program}{SUFFIX}"


def read(folder: Path, program: str) -> HeartbeatRecord | None:
    """The last heartbeat of a program; None if its file cannot be read or has no valid line."""
    try:
        line = path_of(folder, program).read_bytes()[:LINE_BYTES].decode("ascii", errors="replace")
    except OSError:
        return None
    found = _LINE.fullmatch(line)
    if found is None or found[2] not in Phase.__members__:
        return None
    return HeartbeatRecord(int(found[1]), Phase(found[2]), int(found[3]), int(found[4]), found[5] == "1")


class BeatAges:
    """The ages of the last beats of programs: the time since a beat was first read, because no beat has its time."""

    def __init__(self) -> None:
        """Start without any beat."""
        self._first: dict[str, tuple[int, int, int]] = {}

    def age_ns(self, program: str, beat: HeartbeatRecord, now_mono_ns: int) -> int:
        """Return the age in nanoseconds of a program's beat that was read now; 0 at the first reading."""
        pid, number, since_ns = self._first.get(program, (0, -1, 0))
        if (pid, number) != (beat.pid, beat.beat):
            since_ns = now_mono_ns
            self._first[program] = (beat.pid, beat.beat, now_mono_ns)
        return now_mono_ns - since_ns


def _line(beat: HeartbeatRecord) -> bytes:
    text = f"pid={beat.pid} phase={beat.phase} beat={beat.beat} done={beat.done} waiting={int(beat.is_work_waiting)}"
    return text.ljust(LINE_BYTES - 1).encode("ascii") + b"\n"


def _mapped(path: Path, line: bytes) -> tuple[mmap.mmap, int]:
    """Create a new file, so that the last beat of an earlier process does not count as a beat of this process.

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
