"""Lock that makes a process the only writer of a file.

It is held twice: on a lock file beside it, which may exist before the file and names the owner, and on the file itself,
so that removing the lock file, or another path to the same file, does not allow a second owner. The kernel releases
both when the process dies.
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
"""Windows has no such flag and passes on no file by default."""

WINDOWS_LOCKED_BYTE: Final = 1 << 20


class WriterLock:
    """The lock of one file, from construction until `release`."""

    def __init__(self, path: Path, *, creates: bool) -> None:
        """Take the lock; `creates` creates a missing file, empty.

        Raises:
            InUseError: another process holds it.
            StartError: the folder cannot be written.
        """
        self._fds: list[int] = []
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            beside = self._open(path.with_name(path.name + ".lock"), os.O_CREAT, 0o600)
            self._lock(beside, path, owner_fd=beside)
            # A lock on Windows prevents reading too, and an open file cannot be removed there.
            if sys.platform != "win32" and (creates or path.is_file()):
                # `flock`, because SQLite's own locks are of the other kind, which goes when any descriptor is closed.
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
        with suppress(OSError):  # the owner's number is for error texts; the lock itself is the kernel's
            os.ftruncate(beside, 0)
            os.lseek(beside, 0, os.SEEK_SET)
            os.write(beside, str(os.getpid()).encode())

    def release(self) -> None:
        """Release the lock; a database must be closed before."""
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
                f"{path} is in use by another process{_owner(owner_fd)}; expected to be its only writer"
            ) from None


def owner_of(path: Path) -> str | None:
    """The holder of a file's lock as " (pid N)", empty where unknown; None where the lock is free.

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
    """Lock a file for as long as it is open.

    Raises:
        OSError: another process holds the lock.
    """
    if sys.platform == "win32":
        # Windows locks bytes, for reading too: one that lies far behind the owner's number.
        os.lseek(fd, WINDOWS_LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _owner(fd: int) -> str:
    os.lseek(fd, 0, os.SEEK_SET)
    text = os.read(fd, 20).decode("ascii", "replace").strip()
    return f" (pid {text})" if text.isdecimal() else ""
