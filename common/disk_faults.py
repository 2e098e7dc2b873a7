"""Errors of a full or faulty disk, reported in one line with the folder and its free space."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from common.errors import StartError, error_text

DISK_ERRNOS: Final = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS)
DISK_ERRORS_OF_SQLITE: Final = ("FullError", "IOError", "ReadOnlyError", "CantOpenError")
FULL_DISK_TEXTS: Final = (f"os error {errno.ENOSPC}", f"os error {errno.EDQUOT}", "No space left on device")
"""Texts of a full disk in errors of polars, which have no error number."""

NO_SPACE: Final = "no space is left on the disk"


@contextmanager
def disk_faults_named(folder: Path) -> Iterator[None]:
    """Convert a disk fault within the block to a StartError.

    Raises:
        StartError: the disk is full or fails; the text names the folder and its free space.
    """
    try:
        yield
    except Exception as error:  # each library has its own error type; an error that is no disk fault is raised again
        reason = disk_fault(error)
        if reason is None:
            raise
        raise StartError(f"{folder} cannot be written: {reason}; {free_space_text(folder)}") from None


def disk_fault(error: Exception) -> str | None:
    """Text of `error` if it is a disk fault; None for any other error."""
    if isinstance(error, OSError) and error.errno in DISK_ERRNOS:
        return NO_SPACE if error.errno in (errno.ENOSPC, errno.EDQUOT) else str(error.strerror)
    if type(error).__module__ == "apsw" and type(error).__name__ in DISK_ERRORS_OF_SQLITE:
        return NO_SPACE if type(error).__name__ == "FullError" else error_text(error)
    if any(text in str(error) for text in FULL_DISK_TEXTS) and not isinstance(error, StartError):
        return NO_SPACE
    return None


def free_space_text(folder: Path) -> str:
    """End of an error text: the free space on the disk of a folder, and the expectation."""
    free = free_bytes(folder)
    if free is None:
        return "expected a folder with free space"
    return f"{size_text(free)} free, expected enough space for the output"


def free_bytes(folder: Path) -> int | None:
    """Free bytes on the disk of a folder; None if unknown."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def size_text(count: int) -> str:
    """Text of a number of bytes in MiB or GiB."""
    return f"{count / 2**30:,.1f} GiB" if count >= 2**30 else f"{count / 2**20:,.1f} MiB"
