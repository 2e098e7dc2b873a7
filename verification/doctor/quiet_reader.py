"""Reads a database without leaving a trace beside it.

SQLite creates the index of a write-ahead log when it opens a database for reading. A database without a log has no
writer, and is opened as immutable, which creates nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import quote

import apsw

from common.errors import StartError, error_text
from common.storage import open_reader

HEADER_BYTES: Final = 100
_MAGIC: Final = b"SQLite format 3\0"


def open_quietly(path: Path) -> apsw.Connection:
    """Open a database for reading.

    Raises:
        StartError: the file cannot be read as a database.
    """
    if path.with_name(path.name + "-wal").exists():
        return open_reader(path)
    try:
        flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
        connection = apsw.Connection(f"file:{quote(str(path))}?immutable=1", flags=flags)
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    except apsw.Error as error:
        raise StartError(f"{path} cannot be read as a database: {error_text(error)}") from None
    return connection


def truncation(path: Path) -> str:
    """Why a file without a log is not a whole database, by its header; empty if it looks whole.

    Raises:
        OSError: the file cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        header = file.read(HEADER_BYTES)
    if size == 0:
        return ""  # created and not used yet
    if len(header) < HEADER_BYTES or not header.startswith(_MAGIC):
        return f"{size} bytes that do not begin as a database"
    page_bytes = int.from_bytes(header[16:18], "big")
    expected = int.from_bytes(header[28:32], "big") * (65_536 if page_bytes == 1 else page_bytes)
    if size < expected and not path.with_name(path.name + "-wal").exists():
        return f"{size:,} bytes, expected {expected:,}"
    return ""
