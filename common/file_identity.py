"""Check that a database is still the file that was opened, because writes to a removed file are lost.

A full disk does not end a running process. If one of its files was removed or replaced, the process ends before it
acknowledges any commit to that file. The next start checks the files that exist.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import apsw

from common.errors import StartError, error_text


class FileLostError(StartError):
    """A file was removed, replaced or damaged while in use; the next start checks the files and may continue."""

    exit_code = 1


@contextmanager
def raise_if_damaged(path: Path) -> Iterator[None]:
    """Convert an error of SQLite about a damaged file within the block to a FileLostError.

    Raises:
        FileLostError: the file is damaged; the next start checks every page and refuses the file.
    """
    try:
        yield
    except (apsw.CorruptError, apsw.NotADBError) as error:
        text = error_text(error)
        raise FileLostError(
            f"{path} was damaged while in use: {text}; ending, the next start checks the whole file"
        ) from error


SETTLED_NS: Final = 3_000_000_000
"""Age of a folder's last change above which the next change certainly has another time stamp.

The time stamps of some file systems have steps of 2 s.
"""


class FileIdentity:
    """Identity of files in one folder when they were opened: a database with its log and index, or a socket."""

    __slots__ = ("_files", "_folder", "_is_in_folder", "_trusted_folder_state", "_why")

    def __init__(self, *files: str, why: str = "so that no lost change is acknowledged") -> None:
        """Record the files that exist; `why` is the reason in the error text when one is lost."""
        self._why = why
        self._folder = str(Path(files[0]).parent)
        self._is_in_folder = not any(Path(file).is_symlink() for file in files)
        """Whether removal or replacement of any file changes the folder; False if a file is a symbolic link."""
        self._trusted_folder_state: tuple[int, int, int] | None = None
        """The folder's device, inode and time of change when all files were in place.

        None while the folder's last change is so recent that a further change might have the same time.
        """
        self._files = [(file, identity) for file in files if (identity := _identity(file)) is not None]

    def require_unchanged(self) -> None:
        """Check the folder's time of change, and each file if that time is new or recent.

        The time of modification does not suffice, because programs that copy or unpack files set it to an earlier time.

        Raises:
            FileLostError: a file was removed or replaced.
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
        found = os.stat(file)  # noqa: PTH116 - called at each commit; a Path would double the time
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino


def _folder_state(folder: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(folder)  # noqa: PTH116 - as above
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino, found.st_ctime_ns
