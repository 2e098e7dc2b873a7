"""Whether a database is still the file that was opened, and whole: what is written to one taken away is forgotten.

A full disk is borne, a file gone from under its process is not: the process ends before it acknowledges anything, and
the next start finds out what is there.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import apsw

from common.errors import StartError


class FileLostError(StartError):
    """A file was taken away while it was in use; the next start finds out what is there, and may go on."""

    exit_code = 1


@contextmanager
def raise_if_damaged(path: Path) -> Iterator[None]:
    """Read or write a database that somebody may have damaged while it was in use.

    Raises:
        FileLostError: it is damaged; the next start looks at every page, and refuses to go on.
    """
    try:
        yield
    except (apsw.CorruptError, apsw.NotADBError) as error:
        words = " ".join(str(error).split())
        raise FileLostError(f"{path} was damaged while in use: {words}; ending, to look at the whole of it") from error


SETTLED_NS: Final = 100_000_000
"""A folder that was last changed so long ago shows the next change by its time of change, however coarse that is."""


class FileIdentity:
    """Files of one folder as they were when they were opened: a database with its log and the log's index, or a socket."""

    __slots__ = ("_files", "_folder", "_folder_as_seen", "_is_in_folder", "_why")

    def __init__(self, *files: str, why: str = "so that nothing is acknowledged that would be forgotten") -> None:
        """Remember the files that are there; `why` is the reason for which the process ends when one is lost."""
        self._why = why
        self._folder = str(Path(files[0]).parent)
        self._is_in_folder = not any(Path(file).is_symlink() for file in files)
        """Whether all that can happen to the files changes the folder; not so where a name leads elsewhere."""
        self._folder_as_seen: tuple[int, int, int] | None = None
        """Device, inode and time of change, with the files in place; None while another change might not show."""
        self._files = [(file, identity) for file in files if (identity := _identity(file)) is not None]

    def require_unchanged(self) -> None:
        """Look again: at the folder alone, unless something was created, removed or renamed in it.

        Raises:
            FileLostError: one of them is gone, or is another file now.
        """
        folder = _changed(self._folder) if self._is_in_folder else None
        if folder is not None and folder == self._folder_as_seen:
            return
        self._folder_as_seen = None
        for file, identity in self._files:
            if _identity(file) != identity:
                raise FileLostError(
                    f"{file} was removed or replaced while in use, expected the file that was opened: "
                    f"ending, {self._why}"
                )
        if folder is not None and time.time_ns() - folder[2] > SETTLED_NS:
            self._folder_as_seen = folder


def _identity(file: str) -> tuple[int, int] | None:
    try:
        found = os.stat(file)  # noqa: PTH116 - once a commit and file, and a Path costs as much again
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino


def _changed(folder: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(folder)  # noqa: PTH116 - as above
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns
