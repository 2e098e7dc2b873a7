"""Whether a database is still the file that was opened, and whole: what is written to one taken away is forgotten.

A full disk is borne, a file gone from under its process is not: the process ends, and the next one begins a journal of
another incarnation, which is how the desk gets to know.
"""

from __future__ import annotations

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
    """A database and its log, as they were when they were opened."""

    def __init__(self, path: Path) -> None:
        """Remember the files; both are there once the database has been read."""
        self._files = {file: _identity(file) for file in (path, path.with_name(f"{path.name}-wal"))}
        assert all(self._files.values()), self._files

    def require_unchanged(self) -> None:
        """Look again.

        Raises:
            FileLostError: one of them is gone, or is another file now.
        """
        for file, identity in self._files.items():
            if _identity(file) != identity:
                raise FileLostError(
                    f"{file} was removed or replaced while in use, expected the file that was opened: "
                    "ending, so that nothing is acknowledged that would be forgotten"
                )


def _identity(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
