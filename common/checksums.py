"""Checksums of stored rows: when a row is read, its checksum shows whether a disk fault or a person changed it.

Every table whose rows affect decisions has `checksum` as its last column: the CRC-32 of the table's name and of the
values, with their types, of all other columns. Any single flipped bit changes the checksum. An intruder could compute a
valid checksum. `services/portfolio/ledger/signature.py` protects against intruders.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, TypeAlias
from zlib import crc32

import apsw
import msgspec

from common.errors import StartError

COLUMN: Final = "checksum"
SQL_FUNCTION: Final = "row_checksum"

SqlValue: TypeAlias = str | int | float | bytes | None
Row: TypeAlias = tuple[SqlValue, ...]

_encode = msgspec.msgpack.Encoder().encode


class DamagedRowError(StartError):
    """A stored row differs from the row that was written."""


def row_checksum(table: str, *values: SqlValue) -> int:
    """Checksum of a row from its table's name and the values of all columns except the checksum."""
    return crc32(_encode((table, values)))


def with_checksum(table: str, *values: SqlValue) -> Row:
    """The row to store: its values, followed by their checksum."""
    return (*values, crc32(_encode((table, values))))


def checked_row(path: Path | str, table: str, row: Row) -> Row:
    """Check a stored row and return its values without the checksum.

    Raises:
        DamagedRowError: the checksum is wrong; the text names file, table and row.
    """
    values = row[:-1]
    if row[-1] != crc32(_encode((table, values))):
        raise DamagedRowError(damage_text(path, table, row))
    return values


def checked_rows(path: Path | str, table: str, rows: Iterable[Row]) -> Iterator[Row]:
    """Check many rows, one by one.

    Raises:
        DamagedRowError: the checksum of a row is wrong.
    """
    for row in rows:
        yield checked_row(path, table, row)


def damage_text(path: Path | str, table: str, row: Row) -> str:
    """Error text for a row with a wrong checksum; the value of its first column names the row."""
    expected = row_checksum(table, *row[:-1])
    return (
        f"{path}: row {_name(row[0])} of table {table} is damaged: checksum {row[-1]!r}, expected {expected}; "
        "expected the row as it was written, restore the file from a backup"
    )


def add_sql_function(connection: apsw.Connection) -> None:
    """Add the SQL function `row_checksum(table, value, ...)` to a connection."""
    connection.create_scalar_function(SQL_FUNCTION, _sql_checksum, deterministic=True)


def _sql_checksum(*arguments: SqlValue) -> int:
    table, *values = arguments
    assert isinstance(table, str), table
    return row_checksum(table, *values)


def add_checksum_column(connection: apsw.Connection, table: str) -> None:
    """Add the checksum column to a table of an earlier schema; requires an earlier `add_sql_function`."""
    columns = column_names(connection, table)
    assert COLUMN not in columns, (table, columns)
    connection.execute(f'ALTER TABLE "{table}" ADD COLUMN {COLUMN} INTEGER NOT NULL DEFAULT 0')
    connection.execute(f'UPDATE "{table}" SET {COLUMN} = {sql_of_checksum(table, columns)}')  # noqa: S608 - our names


def sql_of_checksum(table: str, columns: Iterable[str]) -> str:
    """The SQL expression for the checksum of a row."""
    return f"{SQL_FUNCTION}('{table}', {', '.join(columns)})"


def column_names(connection: apsw.Connection, table: str) -> list[str]:
    """The columns of a table, in order."""
    return [str(row[1]) for row in connection.execute(f'PRAGMA table_info("{table}")')]


def _name(value: SqlValue) -> str:
    text = value.hex() if isinstance(value, bytes) else str(value)
    return "".join(letter if letter.isprintable() else "?" for letter in text[:60])
