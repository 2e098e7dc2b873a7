"""Whether a database is still the file that was opened, and whole: what is written to one taken away is forgotten.

A full disk is borne, a file gone from under its process is not: the process ends before it acknowledges anything, and
the next start finds out what is there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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


class FileIdentity:
    """Files as they were when they were opened: a database with its log and the log's index, or a socket."""

    __slots__ = ("_files", "_why")

    def __init__(self, *files: str, why: str = "so that nothing is acknowledged that would be forgotten") -> None:
        """Remember the files that are there; `why` is the reason for which the process ends when one is lost."""
        self._why = why
        self._files = [(file, identity) for file in files if (identity := _identity(file)) is not None]

    def require_unchanged(self) -> None:
        """Look again; about two microseconds a file.

        Raises:
            FileLostError: one of them is gone, or is another file now.
        """
        for file, identity in self._files:
            if _identity(file) != identity:
                raise FileLostError(
                    f"{file} was removed or replaced while in use, expected the file that was opened: "
                    f"ending, {self._why}"
                )


def _identity(file: str) -> tuple[int, int] | None:
    try:
        found = os.stat(file)  # noqa: PTH116 - once a commit and file, and a Path costs as much again
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino
