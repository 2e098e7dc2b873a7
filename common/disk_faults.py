"""What a disk without room, or one that fails, does to a command: one line that names the folder and the room in it."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from common.errors import StartError

DISK_ERRNOS: Final = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS)
DISK_ERRORS_OF_SQLITE: Final = ("FullError", "IOError", "ReadOnlyError", "CantOpenError")
NO_ROOM_IN_WORDS: Final = (f"os error {errno.ENOSPC}", f"os error {errno.EDQUOT}", "No space left on device")
"""polars gives the system's error as a part of its text only."""

NO_ROOM: Final = "no room is left on the disk"


@contextmanager
def disk_faults_named(folder: Path) -> Iterator[None]:
    """Refuse in one line what the disk of `folder` does not take in the block.

    Raises:
        StartError: names the folder and the room in it.
    """
    try:
        yield
    except Exception as error:  # each library has its own; what is not the disk's is raised again
        reason = disk_fault(error)
        if reason is None:
            raise
        raise StartError(f"{folder} cannot be written: {reason}; {room_of(folder)}") from None


def disk_fault(error: Exception) -> str | None:
    """What the disk did, in words; None for an error that is not the disk's."""
    if isinstance(error, OSError) and error.errno in DISK_ERRNOS:
        return NO_ROOM if error.errno in (errno.ENOSPC, errno.EDQUOT) else str(error.strerror)
    if type(error).__module__ == "apsw" and type(error).__name__ in DISK_ERRORS_OF_SQLITE:
        return NO_ROOM if type(error).__name__ == "FullError" else " ".join(str(error).split())
    if any(words in str(error) for words in NO_ROOM_IN_WORDS) and not isinstance(error, StartError):
        return NO_ROOM
    return None


def room_of(folder: Path) -> str:
    """How much is free on the disk of a folder, and what is expected."""
    free = free_bytes(folder)
    if free is None:
        return "expected a folder with room"
    return f"{size_text(free)} are free there, expected room for what is written"


def free_bytes(folder: Path) -> int | None:
    """Room on the disk of a folder; None where that cannot be known."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def size_text(count: int) -> str:
    """A number of bytes for people."""
    return f"{count / 2**30:,.1f} GiB" if count >= 2**30 else f"{count / 2**20:,.1f} MiB"
