"""Check that a database is still the file that was opened: writes to a removed file are lost.

A process survives a full disk, but ends when one of its files is gone, before it acknowledges anything; the next start
checks what is there.
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
    """A file was removed or damaged while in use; the next start checks what is there and may continue."""

    exit_code = 1


@contextmanager
def raise_if_damaged(path: Path) -> Iterator[None]:
    """Report damage that SQLite finds within the block.

    Raises:
        FileLostError: the file is damaged; the next start checks every page and refuses it.
    """
    try:
        yield
    except (apsw.CorruptError, apsw.NotADBError) as error:
        text = " ".join(str(error).split())
        raise FileLostError(
            f"{path} was damaged while in use: {text}; ending, the next start checks all of it"
        ) from error


SETTLED_NS: Final = 3_000_000_000
"""A folder changed longer ago than this has another time at its next change: file systems count in 2 s at most."""


class FileIdentity:
    """Files of one folder as they were when opened: a database, its log and the log's index, or a socket."""

    __slots__ = ("_files", "_folder", "_is_in_folder", "_trusted_folder_state", "_why")

    def __init__(self, *files: str, why: str = "so that nothing is acknowledged that would be forgotten") -> None:
        """Remember the files that exist; `why` is the reason given when one is lost."""
        self._why = why
        self._folder = str(Path(files[0]).parent)
        self._is_in_folder = not any(Path(file).is_symlink() for file in files)
        """Whether removing or replacing any of the files changes the folder; not so for a symbolic link."""
        self._trusted_folder_state: tuple[int, int, int] | None = None
        """Device, inode and time of change with all files in place; None while a further change might not show."""
        self._files = [(file, identity) for file in files if (identity := _identity(file)) is not None]

    def require_unchanged(self) -> None:
        """Check the folder's time of change, and each file if that time is new or recent.

        The time of modification would not do: programs that copy or unpack set it back.

        Raises:
            FileLostError: one of them was removed or replaced.
        """
        folder = _folder_state(self._folder) if self._is_in_folder else None
        if folder is not None and folder == self._trusted_folder_state:
            return
        self._trusted_folder_state = None
        for file, identity in self._files:
            if _identity(file) != identity:
                raise FileLostError(
                    f"{file} was removed or replaced while in use, expected the file that was opened: "
                    f"ending, {self._why}"
                )
        if folder is not None and time.time_ns() - folder[2] > SETTLED_NS:
            self._trusted_folder_state = folder


def _identity(file: str) -> tuple[int, int] | None:
    try:
        found = os.stat(file)  # noqa: PTH116 - at each commit, and a Path costs as much again
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino


def _folder_state(folder: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(folder)  # noqa: PTH116 - as above
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino, found.st_ctime_ns
