"""Lock that makes a process the only writer of a file.

The process locks two files. The lock file, in the same folder, may exist before the file and contains the pid of the
owner. The process also locks the file itself, so that neither removal of the lock file nor another path to the file
allows a second owner. The kernel releases both locks when the process dies.
"""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from common.errors import DiskUnavailableError, InUseError, StartError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

CLOSE_ON_EXEC: Final = getattr(os, "O_CLOEXEC", 0)
"""Flag that keeps child processes from inheriting a file; 0 on Windows, where they inherit none by default."""

WINDOWS_LOCKED_BYTE: Final = 1 << 20


class WriterLock:
    """The writer lock of one file, held from construction until `release`."""

    def __init__(self, path: Path, *, creates: bool) -> None:
        """Take the lock; with `creates`, a missing file is created empty.

        Raises:
            InUseError: another process holds the lock.
            StartError: the folder or the file cannot be written.
        """
        self._fds: list[int] = []
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            beside = self._open(path.with_name(path.name + ".lock"), os.O_CREAT, 0o600)
            self._lock(beside, path, owner_fd=beside)
            # Not on Windows, where a lock also prevents reading and an open file cannot be removed.
            if sys.platform != "win32" and (creates or path.is_file()):
                # `flock`, not `fcntl` locks: SQLite uses those on this file, and a process loses all its `fcntl`
                # locks on a file when it closes any descriptor of the file.
                self._lock(self._open(path, os.O_CREAT if creates else 0, 0o644), path, owner_fd=beside)
        except OSError as error:
            self.release()
            where, expected = (
                (path, "file and folder") if error.filename == os.fspath(path) else (path.parent, "folder")
            )
            text = f"cannot write to {where}: {error.strerror}; expected a writable {expected}"
            raise (DiskUnavailableError(text) if error.errno == errno.ENOSPC else StartError(text)) from None
        except StartError:
            self.release()
            raise
        with suppress(OSError):  # the owner's pid is only for error texts; the lock does not depend on it
            os.ftruncate(beside, 0)
            os.lseek(beside, 0, os.SEEK_SET)
            os.write(beside, str(os.getpid()).encode())

    def release(self) -> None:
        """Release the lock; a database connection to the file must be closed first."""
        while self._fds:
            os.close(self._fds.pop())

    def _open(self, path: Path, flags: int, mode: int) -> int:
        fd = os.open(os.fspath(path), os.O_RDWR | flags | CLOSE_ON_EXEC, mode)
        self._fds.append(fd)
        return fd

    def _lock(self, fd: int, path: Path, *, owner_fd: int) -> None:
        try:
            _take_lock(fd)
        except OSError:
            raise InUseError(
                f"{path} is in use by another process{_owner(owner_fd)}; expected a file with no other writer"
            ) from None


def owner_of(path: Path) -> str | None:
    """The owner of a file's lock as the text " (pid N)", empty if unknown; None if the lock is free.

    Raises:
        OSError: the lock file exists and cannot be opened.
    """
    try:
        fd = os.open(os.fspath(path.with_name(path.name + ".lock")), os.O_RDWR | CLOSE_ON_EXEC)
    except FileNotFoundError:
        return None
    try:
        _take_lock(fd)
    except OSError:
        return _owner(fd)
    finally:
        os.close(fd)
    return None


def _take_lock(fd: int) -> None:
    """Lock a file until its descriptor is closed.

    Raises:
        OSError: another process holds the lock.
    """
    if sys.platform == "win32":
        # Windows locks bytes, against reading too, so the locked byte is far behind the owner's pid.
        os.lseek(fd, WINDOWS_LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _owner(fd: int) -> str:
    os.lseek(fd, 0, os.SEEK_SET)
    text = os.read(fd, 20).decode("ascii", "replace").strip()
    return f" (pid {text})" if text.isdecimal() else ""
