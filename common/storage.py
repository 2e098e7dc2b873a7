"""SQLite files: one writer connection each, any number of readers, and no foreign file.

A file has an application id (its kind) and a schema version, written in the transaction that creates its tables. A lock
(`common.writer_lock`) enforces the single writer; the kernel releases it when the process dies, so a killed process
leaves nothing to clean up. A commit counts only while the file is still the one that was opened.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal

import apsw

from common.checksums import add_sql_function
from common.errors import DiskUnavailableError, StartError
from common.file_identity import FileIdentity, FileLostError
from common.write_ahead_log import keep_log_on_close, require_whole_log
from common.writer_lock import WriterLock

DATABASE_SUFFIXES: Final = ("", "-wal", "-shm")
"""Suffixes of a database's files: the file itself, its log, and the log's index."""

READER_BUSY_MS: Final = 1_000
"""A reader may find the file locked while a writer recovers it; longer means a fault."""

WAL_SIZE_MAX_BYTES: Final = 64 * 1024 * 1024
"""Size to which a checkpoint cuts the log, which grows while a reader keeps an old snapshot."""


DISK_FAULTS: Final = (apsw.FullError, apsw.IOError, apsw.ReadOnlyError, apsw.CantOpenError, apsw.BusyError)
"""Errors of a transaction that are caused by the disk and may be transient; any other is a bug."""

ROOM_BYTES_MIN: Final = 256 * 1024
"""With less free space than this, a file that cannot be opened is reported as lacking room."""


class WriterConnection(apsw.Connection):
    """A connection that holds the writer's lock of its file until it is closed."""

    lock: WriterLock | None = None
    identity: FileIdentity | None = None

    def require_in_place(self) -> None:
        """Check that the files are those that were opened: only then does a commit survive this process.

        Raises:
            FileLostError: one of them was removed or replaced.
        """
        if self.identity is None:
            return
        try:
            self.identity.require_unchanged()
        except FileLostError:
            # Closing deletes the log by name, and another file has that name now.
            self.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            raise

    def close(self, force: bool = False) -> None:
        """Close the connection, then release the lock."""
        super().close(force)
        if self.lock is not None:
            self.lock.release()
            self.lock = None


@contextmanager
def sync_mode(db: apsw.Connection, mode: str, *, usual: str) -> Iterator[None]:
    """Commit in `mode` within the block, in the `usual` one after it.

    NORMAL does not wait for the disk: such a commit reaches it with the next one that is FULL, or by itself.
    """
    if mode == usual:
        yield
        return
    db.pragma("synchronous", mode)
    try:
        yield
    finally:
        db.pragma("synchronous", usual)


@contextmanager
def transaction(connection: apsw.Connection) -> Iterator[None]:
    """Commit everything that the block writes, or nothing.

    apsw's own blocks fail where SQLite has already rolled back, as on a full disk.

    Raises:
        FileLostError: the file was removed or replaced.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:  # after any error the transaction must not stay open; raised again
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    if isinstance(connection, WriterConnection):
        connection.require_in_place()


def open_writer(
    path: Path,
    *,
    application_id: int,
    schema: str,
    schema_version: int,
    synchronous: Literal["NORMAL", "FULL"],
    quick_check: bool = True,
    may_lose_commits: Callable[[apsw.Connection], bool] | None = None,
) -> WriterConnection:
    """Open the one connection that may write to `path`; creates folder, file and tables where missing.

    Args:
        path: the database file.
        application_id: kind of file, > 0.
        schema: SQL that creates the tables of a new file.
        schema_version: > 0; a file of another version is refused.
        synchronous: NORMAL may lose the last commits in a power cut, FULL loses none; a killed process loses none.
        quick_check: check every page first, which takes a while for a large file.
        may_lose_commits: whether, by its contents, a NORMAL file may have lost commits within its log in a power cut;
            by default it may.

    Raises:
        StartError: another process writes to it, the folder cannot be written, or the file is corrupt, foreign or of
            another version.
    """
    assert application_id > 0, application_id
    assert schema_version > 0, schema_version
    lock = WriterLock(path, creates=True)
    try:
        connection = _open(
            path,
            application_id,
            schema,
            schema_version,
            synchronous,
            quick_check=quick_check,
            may_lose_commits=may_lose_commits or (lambda _: synchronous == "NORMAL"),
        )
    except BaseException:  # after any error the lock must be released; raised again
        lock.release()
        raise
    connection.lock = lock
    log = connection.filename_wal
    connection.identity = FileIdentity(str(path), log, f"{log.removesuffix('-wal')}-shm")
    return connection


def open_reader(path: Path, *, application_id: int = 0, schema_version: int = 0) -> apsw.Connection:
    """Open `path` for reading, beside its writer.

    Args:
        path: the database file.
        application_id: required kind of file; 0 accepts any.
        schema_version: required version; used with an application id.

    Raises:
        StartError: there is no such file, it cannot be read, or it is of another kind or version.
    """
    if not path.is_file():
        raise StartError(f"{path} is not there, expected an existing database file")
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        connection.set_busy_timeout(READER_BUSY_MS)
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    except (apsw.Error, ValueError) as error:
        raise StartError(f"{path} cannot be read as a database: {_text(error)}") from None
    if application_id:
        try:
            require_version(connection, path, application_id, schema_version)
        except StartError:
            connection.close()
            raise
    return connection


def require_version(connection: apsw.Connection, path: Path, application_id: int, schema_version: int) -> None:
    """Accept a file of one kind in its current version only.

    Raises:
        StartError: it is of another kind, or of a newer or older version.
    """
    found = _pragma(connection, "application_id")
    if found != application_id:
        raise StartError(f"{path} is a database of another kind: application id {found}, expected {application_id}")
    version = _pragma(connection, "user_version")
    if version > schema_version:
        raise StartError(
            f"{path} has schema version {version}, expected {schema_version}; use the newer paperdesk that wrote it"
        )
    if version < schema_version:
        raise StartError(
            f"{path} has schema version {version}, expected {schema_version}; "
            "`paperdesk migrate DATA_DIR` brings the files of a desk forward and keeps a backup of each"
        )


def copy_pages(source: apsw.Connection, target: Path) -> None:
    """Copy a database, as it stands between two commits, into a new file, which `publish_file` makes durable.

    Raises:
        OSError, apsw.Error: it cannot be written.
    """
    copy = apsw.Connection(str(target))
    try:
        with copy.backup("main", source, "main") as backup:
            backup.step(-1)  # all pages in one go: a snapshot, which a writer neither waits for nor changes
        copy.execute("PRAGMA journal_mode = DELETE")
    finally:
        copy.close()


def publish_file(part: Path, path: Path) -> None:
    """Rename a finished file durably, in place of an existing one.

    Raises:
        OSError: it cannot be synced or renamed.
    """
    with part.open("r+b") as file:
        os.fsync(file.fileno())
    part.replace(path)
    if sys.platform != "win32":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@contextmanager
def writers_lock(path: Path) -> Iterator[None]:
    """Hold the writer's lock of a file, which need not exist, without opening it.

    Raises:
        StartError: another process writes to it.
    """
    lock = WriterLock(path, creates=False)
    try:
        yield
    finally:
        lock.release()


def state_hash(connection: apsw.Connection, tables: Iterable[str]) -> str:
    """SHA-256 in hex over the rows of `tables`, in the order given, rows ordered by all their columns.

    The hash does not depend on the order in which rows were written. Column names count, and values count with their
    types: 1 and 1.0 differ.
    """
    digest = hashlib.sha256()
    for table in tables:
        columns = [row[1] for row in connection.execute(f'PRAGMA table_info("{table}")')]
        if not columns:
            raise ValueError(f"no table {table!r} to take the hash of")
        digest.update(repr((table, columns)).encode())
        order = ", ".join(str(number + 1) for number in range(len(columns)))
        for row in connection.execute(f'SELECT * FROM "{table}" ORDER BY {order}'):  # noqa: S608 - tables of our own
            digest.update(repr(row).encode())
    return digest.hexdigest()


def integrity_fault(connection: apsw.Connection) -> str:
    """The first fault in the pages of a file, or nothing."""
    problem = " ".join(str(_pragma(connection, "quick_check(1)")).split())
    return "" if problem == "ok" else problem


def _open(
    path: Path,
    application_id: int,
    schema: str,
    schema_version: int,
    synchronous: Literal["NORMAL", "FULL"],
    *,
    quick_check: bool,
    may_lose_commits: Callable[[apsw.Connection], bool],
) -> WriterConnection:
    try:
        connection = WriterConnection(str(path))
    except apsw.Error as error:
        _require_room(path, error)
        raise StartError(f"cannot open {path}: {_text(error)}; expected a writable folder") from None
    try:
        connection.set_busy_timeout(READER_BUSY_MS)
        keep_log_on_close(connection, keep=True)
        _require_ours(connection, path, application_id, schema_version, quick_check=quick_check)
        if not may_lose_commits(connection):
            require_whole_log(connection, path)
        keep_log_on_close(connection, keep=False)
        add_sql_function(connection)
        # A new file has a rollback journal; if a power cut undid its removal, all of the file would be rolled back.
        connection.execute("PRAGMA synchronous = EXTRA")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA journal_size_limit = {WAL_SIZE_MAX_BYTES}")
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute("PRAGMA foreign_keys = ON")
        if _pragma(connection, "application_id") == 0:
            with connection:
                connection.execute(schema)
                connection.execute(f"PRAGMA application_id = {application_id}")
                connection.execute(f"PRAGMA user_version = {schema_version}")
    except (apsw.ReadOnlyError, apsw.CantOpenError, apsw.PermissionsError) as error:
        connection.close()
        _require_room(path, error)
        raise StartError(f"cannot write to {path}: {_text(error)}; expected a writable file and folder") from None
    except (apsw.NotADBError, apsw.CorruptError, apsw.IOError, apsw.FullError, apsw.BusyError) as error:
        connection.close()
        _require_room(path, error)
        raise StartError(f"{path} cannot be used as a database: {_text(error)}") from None
    except StartError:
        connection.close()
        raise
    return connection


def unreadable_file_error(path: Path, error: Exception, remedy: str) -> StartError:
    """Error of a start that met `error` in a file; one that is retried where the disk failed."""
    text = f"{path} cannot be read: {type(error).__name__} {error}"
    if isinstance(error, apsw.FullError | apsw.IOError):
        return DiskUnavailableError(f"{text}; expected a disk that can be read and written")
    return StartError(f"{text}; {remedy}")


def _require_room(path: Path, error: apsw.Error) -> None:
    if isinstance(error, apsw.FullError) or shutil.disk_usage(path.parent).free < ROOM_BYTES_MIN:
        raise DiskUnavailableError(
            f"{path} cannot be opened: {_text(error)}; expected at least {ROOM_BYTES_MIN // 1024} KiB of room"
        ) from None
    if isinstance(error, apsw.IOError):
        # No setting is wrong, and the disk may work at the next try.
        raise DiskUnavailableError(
            f"{path} cannot be opened: {_text(error)}; expected a disk that can be read and written"
        ) from None


def _require_ours(
    connection: apsw.Connection, path: Path, application_id: int, schema_version: int, *, quick_check: bool
) -> None:
    found = _pragma(connection, "application_id")
    if found == 0 and not connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchall():
        return
    require_version(connection, path, application_id, schema_version)
    problem = integrity_fault(connection) if quick_check else ""
    if problem:
        raise StartError(f"{path} is corrupt: {problem}; restore it from a backup")


def _pragma(connection: apsw.Connection, name: str) -> Any:
    return connection.execute(f"PRAGMA {name}").fetchall()[0][0]


def _text(error: Exception) -> str:
    return " ".join(str(error).split())
