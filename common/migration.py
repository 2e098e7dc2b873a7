"""Migration of a database file to the current schema version, in one transaction, with a backup in the same folder.

A kind of file has one migration step for each earlier version that can be migrated. A process that finds a file of an
earlier version at its start refuses the file. The process does not migrate the file, because the paperdesk that wrote
it could not read the result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, TypeAlias

import apsw

from common.checksums import add_sql_function
from common.errors import StartError
from common.storage import (
    copy_pages,
    integrity_fault,
    publish_file,
    transaction,
    unreadable_file_error,
    writers_lock,
)

Step: TypeAlias = Callable[[apsw.Connection], None]


class FileKind(NamedTuple):
    """A kind of file: its name, current version, and the step from each earlier version to the next.

    `check` returns the text of a fault in a migrated file, empty if there is none.
    """

    name: str
    application_id: int
    schema_version: int
    steps: Mapping[int, Step]
    check: Callable[[apsw.Connection], str]


class Migrated(NamedTuple):
    """Result of a migration; `backup` is None if the file already had the current version."""

    path: Path
    kind: str
    before: int
    after: int
    backup: Path | None


def application_id_of(path: Path) -> int:
    """Application id of a database file, which identifies its kind.

    Raises:
        StartError: the file cannot be read as a database.
    """
    try:
        db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            return _number(db, "application_id")
        finally:
            db.close()
    except apsw.Error as error:
        raise unreadable_file_error(path, error, "expected a file of a desk") from None


def migrate_file(path: Path, kind: FileKind) -> Migrated:
    """Migrate a file of a stopped desk to the current version of its kind.

    Raises:
        StartError: the desk runs, or the file has a newer or too old version, or is damaged. The file is unchanged.
    """
    with writers_lock(path):
        try:
            db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
            try:
                return _migrate(db, path, kind)
            finally:
                db.close()
        except (apsw.Error, OSError, ValueError, ArithmeticError, KeyError, AssertionError) as error:
            raise unreadable_file_error(path, error, "it was not changed") from None


def _migrate(db: apsw.Connection, path: Path, kind: FileKind) -> Migrated:
    version, expected = _number(db, "user_version"), kind.schema_version
    if version > expected:
        raise StartError(
            f"{path} has schema version {version}, expected {expected}; use the newer paperdesk that wrote it"
        )
    if version == expected:
        return Migrated(path, kind.name, version, version, None)
    if any(step not in kind.steps for step in range(version, expected)):
        oldest = min(kind.steps, default=expected)
        raise StartError(f"{path} has schema version {version}, expected {oldest} or later; nothing was changed")
    if damage := integrity_fault(db):
        raise StartError(f"{path} is corrupt: {damage}; nothing was changed, restore it from a backup")
    backup = _kept_copy(db, _free_name(path, version))
    db.execute("PRAGMA synchronous = EXTRA")
    add_sql_function(db)
    try:
        with transaction(db):
            for step in range(version, expected):
                kind.steps[step](db)
            db.execute(f"PRAGMA user_version = {expected}")
            if problem := kind.check(db):
                raise StartError(f"{path} is not whole, nothing was changed: {problem}")
    except BaseException:  # after any error the file is unchanged, so the backup is not needed; raised again
        backup.unlink()
        raise
    return Migrated(path, kind.name, version, expected, backup)


def _kept_copy(source: apsw.Connection, target: Path) -> Path:
    part = target.with_name(f"{target.name}.part")
    part.unlink(missing_ok=True)
    copy_pages(source, part)
    publish_file(part, target)
    return target


def _free_name(path: Path, version: int) -> Path:
    name, number = f"{path.name}.schema-{version}", 1
    while (free := path.with_name(name if number == 1 else f"{name}.{number}")).exists():
        number += 1
    return free


def _number(db: apsw.Connection, pragma: str) -> int:
    [(value,)] = db.execute(f"PRAGMA {pragma}").fetchall()
    assert isinstance(value, int), value
    return value
