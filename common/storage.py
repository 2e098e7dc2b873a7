"""SQLite files with one writer connection and any number of readers each, or with several short writers.

A file has an application id, which is its kind, and a schema version. Both are written in the transaction that creates
the tables. A lock (`common.writer_lock`) enforces the single writer. The kernel releases the lock when the process
dies, so that nobody has to remove it. After each commit, `transaction` checks that the file is still the one that was
opened.
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
from common.errors import DiskUnavailableError, StartError, error_text
from common.file_identity import FileIdentity, FileLostError
from common.write_ahead_log import keep_log_on_close, require_whole_log
from common.writer_lock import WriterLock

DATABASE_SUFFIXES: Final = ("", "-wal", "-shm")
"""Suffixes of the files of a database: the database itself, its write-ahead log, and the index of the log."""

PAGE_BYTES: Final = 4_096
"""Usual size of the pages of a file: SQLite's default."""

BUSY_WAIT_MS_MAX: Final = 1_000
"""Milliseconds for which a connection waits for a lock, such as while a writer recovers the file."""

WAL_SIZE_MAX_BYTES: Final = 64 * 1024 * 1024
"""Size to which a checkpoint truncates the log. The log grows while a reader keeps an old snapshot."""


DISK_FAULTS: Final = (apsw.FullError, apsw.IOError, apsw.ReadOnlyError, apsw.CantOpenError, apsw.BusyError)
"""Errors of a transaction that the disk or another connection may cause and that may be transient.

Any other error is a bug.
"""

FREE_BYTES_MIN: Final = 256 * 1024
"""Free bytes of the disk below which a file that cannot be opened is reported as a lack of space."""


class WriterConnection(apsw.Connection):
    """A connection that holds the writer lock of its file until the connection is closed."""

    lock: WriterLock | None = None
    identity: FileIdentity | None = None

    def require_in_place(self) -> None:
        """Check that the files are those that were opened, because otherwise a commit is lost when this process ends.

        Raises:
            FileLostError: a file was removed or replaced.
        """
        if self.identity is None:
            return
        try:
            self.identity.require_unchanged()
        except FileLostError:
            # Closing would delete the log by its name, and another file may have that name now.
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
    """Set SQLite's `synchronous` to `mode` within the block, and to `usual` after it.

    A commit with NORMAL does not wait for the disk. It becomes durable with the next commit with FULL, or earlier.
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
    """Commit all writes of the block, or none.

    apsw's own context manager fails if SQLite has already rolled back the transaction, as on a full disk.

    Raises:
        FileLostError: the file was removed or replaced.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:  # after any error the transaction must be rolled back; raised again
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
    page_bytes: int = PAGE_BYTES,
) -> WriterConnection:
    """Open the only connection that may write to `path`; creates the folder, the file and its tables if missing.

    Args:
        path: path of the database file.
        application_id: kind of the file, > 0.
        schema: SQL that creates the tables of a new file.
        schema_version: current version, > 0; a file of another version is refused.
        synchronous: with NORMAL, a power cut may lose the last commits; with FULL it loses none. The death of the
            process loses no commit with either.
        quick_check: whether to check every page first, which takes long for a large file.
        may_lose_commits: function that reads the file and returns whether a power cut may have lost commits of the log.
            If it returns False, a damaged log is refused. By default it returns whether `synchronous` is NORMAL.
        page_bytes: size of the pages of a new file, a power of 2; an existing file keeps its own.

    Raises:
        StartError: another process writes to the file, the folder cannot be written, or the file is corrupt, of another
            kind or of another version.
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
            page_bytes=page_bytes,
        )
    except BaseException:  # after any error the lock must be released; raised again
        lock.release()
        raise
    connection.lock = lock
    log = connection.filename_wal
    connection.identity = FileIdentity(str(path), log, f"{log.removesuffix('-wal')}-shm")
    return connection


def open_shared_writer(path: Path, *, application_id: int, schema: str, schema_version: int) -> WriterConnection:
    """Open one of several connections that write to `path`, in any process; creates the file and its tables if missing.

    SQLite alone orders the transactions: one waits up to `BUSY_WAIT_MS_MAX` for another. A power cut loses no commit.

    Args:
        path: path of the database file; a new file can be read by its owner only.
        application_id: kind of the file, > 0.
        schema: SQL that creates the tables of a new file.
        schema_version: current version, > 0; a file of another version is refused.

    Raises:
        StartError: another process creates the file at this moment, the folder cannot be written, or the file is
            corrupt, of another kind or of another version.
    """
    if not path.is_file() or path.stat().st_size == 0:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
        except OSError as error:
            raise StartError(f"cannot write to {path.parent}: {error.strerror}; expected a writable folder") from None
        # Not for an existing file: the release of the writer lock closes a descriptor of the file, which would release
        # the locks of the process's other connections.
        open_writer(
            path, application_id=application_id, schema=schema, schema_version=schema_version, synchronous="FULL"
        ).close()
    connection = _open(
        path,
        application_id,
        schema,
        schema_version,
        "FULL",
        quick_check=True,
        may_lose_commits=lambda _: False,
        page_bytes=PAGE_BYTES,
    )
    log = connection.filename_wal
    connection.identity = FileIdentity(str(path), log, f"{log.removesuffix('-wal')}-shm")
    return connection


def open_reader(path: Path, *, application_id: int = 0, schema_version: int = 0) -> apsw.Connection:
    """Open a connection that reads `path`; a writer may be open at the same time.

    Args:
        path: path of the database file.
        application_id: required kind of the file; 0 accepts any kind.
        schema_version: required version; not checked if `application_id` is 0.

    Raises:
        StartError: the file does not exist, cannot be read, or is of another kind or version.
    """
    if not path.is_file():
        raise StartError(f"{path} does not exist, expected a database file")
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        connection.set_busy_timeout(BUSY_WAIT_MS_MAX)
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    except (apsw.Error, ValueError) as error:
        raise StartError(f"{path} cannot be read as a database: {error_text(error)}") from None
    if application_id:
        try:
            require_version(connection, path, application_id, schema_version)
        except StartError:
            connection.close()
            raise
    return connection


def require_version(connection: apsw.Connection, path: Path, application_id: int, schema_version: int) -> None:
    """Refuse a file of another kind or another schema version.

    Args:
        connection: an open connection to the file.
        path: path of the file, for the error text.
        application_id: required kind of the file.
        schema_version: required version.

    Raises:
        StartError: the file is of another kind, or of a newer or older version.
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
            "`paperdesk migrate DATA_DIR` migrates the files of a desk and keeps a backup of each"
        )


def copy_pages(source: apsw.Connection, target: Path) -> None:
    """Copy the committed state of a database into a new file, which the caller makes durable with `publish_file`.

    Raises:
        OSError, apsw.Error: the copy cannot be written.
    """
    copy = apsw.Connection(str(target))
    try:
        with copy.backup("main", source, "main") as backup:
            backup.step(-1)  # all pages in one step: a snapshot, independent of a concurrent writer
        copy.execute("PRAGMA journal_mode = DELETE")
    finally:
        copy.close()


def publish_file(part: Path, path: Path) -> None:
    """Rename the complete file `part` to `path` durably; replaces an existing file.

    Raises:
        OSError: the file cannot be synced or renamed.
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
    """Hold the writer lock of a file within the block, without a database connection; the file need not exist.

    Raises:
        StartError: another process writes to the file.
    """
    lock = WriterLock(path, creates=False)
    try:
        yield
    finally:
        lock.release()


def state_hash(connection: apsw.Connection, tables: Iterable[str]) -> str:
    """SHA-256 in hex over the rows of `tables`, in the order given, rows ordered by all their columns.

    The hash does not depend on the order in which rows were written. It covers the names of the columns, and the values
    with their types: 1 and 1.0 differ.

    Raises:
        ValueError: a table does not exist.
    """
    digest = hashlib.sha256()
    for table in tables:
        columns = [row[1] for row in connection.execute(f'PRAGMA table_info("{table}")')]
        if not columns:
            raise ValueError(f"table {table!r} does not exist, expected a table to hash")
        digest.update(repr((table, columns)).encode())
        order = ", ".join(str(number + 1) for number in range(len(columns)))
        for row in connection.execute(f'SELECT * FROM "{table}" ORDER BY {order}'):  # noqa: S608 - tables of our own
            digest.update(repr(row).encode())
    return digest.hexdigest()


def integrity_fault(connection: apsw.Connection) -> str:
    """Text of the first fault in the pages of a file; empty if there is none."""
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
    page_bytes: int,
) -> WriterConnection:
    try:
        connection = WriterConnection(str(path))
    except apsw.Error as error:
        _require_space(path, error)
        raise StartError(f"cannot open {path}: {error_text(error)}; expected a writable folder") from None
    try:
        connection.set_busy_timeout(BUSY_WAIT_MS_MAX)
        keep_log_on_close(connection, keep=True)
        _require_ours(connection, path, application_id, schema_version, quick_check=quick_check)
        if not may_lose_commits(connection):
            require_whole_log(connection, path)
        keep_log_on_close(connection, keep=False)
        add_sql_function(connection)
        # A new file uses a rollback journal until it is set to WAL. EXTRA makes the removal of that journal durable:
        # if a power cut undid the removal, the next start would roll back the whole file.
        connection.execute("PRAGMA synchronous = EXTRA")
        connection.execute(f"PRAGMA page_size = {page_bytes}")
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
        _require_space(path, error)
        raise StartError(f"cannot write to {path}: {error_text(error)}; expected a writable file and folder") from None
    except (apsw.NotADBError, apsw.CorruptError, apsw.IOError, apsw.FullError, apsw.BusyError) as error:
        connection.close()
        _require_space(path, error)
        raise StartError(f"{path} cannot be used as a database: {error_text(error)}") from None
    except StartError:
        connection.close()
        raise
    return connection


def unreadable_file_error(path: Path, error: Exception, remedy: str) -> StartError:
    """The error for `error` while reading a file: DiskUnavailableError if the disk failed, otherwise StartError.

    The text of a StartError ends with `remedy`.
    """
    text = f"{path} cannot be read: {type(error).__name__} {error}"
    if isinstance(error, apsw.FullError | apsw.IOError):
        return DiskUnavailableError(f"{text}; expected a disk that can be read and written")
    return StartError(f"{text}; {remedy}")


def _require_space(path: Path, error: apsw.Error) -> None:
    if isinstance(error, apsw.FullError) or shutil.disk_usage(path.parent).free < FREE_BYTES_MIN:
        raise DiskUnavailableError(
            f"{path} cannot be opened: {error_text(error)}; "
            f"expected at least {FREE_BYTES_MIN // 1024} KiB of free space"
        ) from None
    if isinstance(error, apsw.IOError):
        # No setting is wrong, and the disk may work at the next attempt.
        raise DiskUnavailableError(
            f"{path} cannot be opened: {error_text(error)}; expected a disk that can be read and written"
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
