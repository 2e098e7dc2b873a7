"""The file of the index. It is derived from the ledger: a damaged file, or one of another version, is rebuilt."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Final

import apsw

from common.errors import DiskUnavailableError, InUseError, StartError, error_text
from common.file_identity import FileLostError
from common.logs import get_logger
from common.storage import DATABASE_SUFFIXES, WriterConnection, open_reader, open_writer
from services.web.read_model.tables import SCHEMA

FILE_NAME: Final = "web.db"
APPLICATION_ID: Final = 0x70645742
SCHEMA_VERSION: Final = 2

DAMAGE: Final = (apsw.CorruptError, apsw.NotADBError, apsw.SQLError, FileLostError)
"""Errors after which the file is deleted and rebuilt from the ledger."""

_log = get_logger()


class IndexUnavailableError(Exception):
    """The index cannot be read at present; the next call of `ReadModel.follow` rebuilds it."""


class IndexFile:
    """One connection that writes the index, and one for each thread that reads it at the same time."""

    def __init__(self, path: Path) -> None:
        """Open or create the file.

        Raises:
            InUseError: another process writes to the file.
            DiskUnavailableError: the disk is full or fails.
            StartError: the folder cannot be written.
        """
        self.path = path
        self._lock = Lock()
        self._readers: list[apsw.Connection] = []
        self._made = 0
        self.writer = self._open()

    def make_again(self, reason: str) -> None:
        """Delete the file and create an empty one; `reason` is logged.

        Raises:
            StartError: as when the file is opened.
        """
        _log.warning("rebuilding the index of the ledger", path=str(self.path), reason=reason)
        self.writer.close()
        with self._lock:
            self._made += 1
            idle, self._readers = self._readers, []
        for db in idle:
            db.close()
        self._delete()
        self.writer = self._open()

    @contextmanager
    def reading(self) -> Iterator[apsw.Connection]:
        """A connection for reading, which no other thread uses within the block.

        Raises:
            IndexUnavailableError: the file is damaged or missing, or the disk fails.
        """
        with self._lock:
            made, db = self._made, self._readers.pop() if self._readers else None
        try:
            if db is None:
                db = open_reader(self.path, application_id=APPLICATION_ID, schema_version=SCHEMA_VERSION)
            yield db
        except (apsw.Error, StartError) as error:
            if db is not None:
                db.close()
            raise IndexUnavailableError(f"{self.path.name} cannot be read: {error_text(error)}") from error
        except BaseException:  # the connection is kept after any other error; raised again
            self._put_back(db, made)
            raise
        self._put_back(db, made)

    def close(self) -> None:
        """Close all connections; no other thread may be reading."""
        self.writer.close()
        while self._readers:
            self._readers.pop().close()

    def _put_back(self, db: apsw.Connection | None, made: int) -> None:
        if db is None:
            return
        with self._lock:
            if made == self._made:
                self._readers.append(db)
                return
        db.close()

    def _open(self) -> WriterConnection:
        try:
            return self._open_once()
        except (InUseError, DiskUnavailableError):
            raise
        except StartError as error:
            if not self.path.exists():
                raise
            _log.warning("rebuilding the index of the ledger", path=str(self.path), reason=str(error))
        self._delete()
        return self._open_once()

    def _open_once(self) -> WriterConnection:
        return open_writer(
            self.path,
            application_id=APPLICATION_ID,
            schema=SCHEMA,
            schema_version=SCHEMA_VERSION,
            synchronous="NORMAL",
        )

    def _delete(self) -> None:
        for suffix in DATABASE_SUFFIXES:
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
