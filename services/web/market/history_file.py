"""The file with the web process's own history: bars, the spans that they cover, and latencies.

It is not part of the account: without it, charts begin at the start of the process. Methods may be called from any
thread, one at a time.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from threading import Lock
from typing import Any, Final

from common.storage import open_writer, transaction
from services.web.disk_reserve import RESERVE_BYTES, keep_reserve

FILE_NAME: Final = "web_history.db"
APPLICATION_ID: Final = 0x70647748
SCHEMA_VERSION: Final = 1

_SCHEMA: Final = """
CREATE TABLE bars (symbol TEXT NOT NULL, period_ns INTEGER NOT NULL, open_time_ns INTEGER NOT NULL, open REAL NOT NULL,
  high REAL NOT NULL, low REAL NOT NULL, close REAL NOT NULL, ask_close REAL NOT NULL, spread_max REAL NOT NULL,
  ticks INTEGER NOT NULL, volume REAL NOT NULL, PRIMARY KEY (symbol, period_ns, open_time_ns)) STRICT, WITHOUT ROWID;
CREATE TABLE spans (symbol TEXT NOT NULL, begin_ns INTEGER NOT NULL, end_ns INTEGER NOT NULL,
  PRIMARY KEY (symbol, begin_ns)) STRICT, WITHOUT ROWID;
CREATE TABLE latencies (hop TEXT NOT NULL, time_ns INTEGER NOT NULL, count INTEGER NOT NULL, p50_us REAL NOT NULL,
  p99_us REAL NOT NULL, PRIMARY KEY (hop, time_ns)) STRICT, WITHOUT ROWID;
"""

Rows = Iterable[tuple[Any, ...]]


class HistoryFile:
    """The open file."""

    def __init__(self, data_dir: Path, *, reserve_bytes: int = RESERVE_BYTES) -> None:
        """Open or create the file in the data directory.

        Nothing is written while the disk has less than `reserve_bytes` free.

        Raises:
            StartError: another process writes to it, or it cannot be read or written.
        """
        self._folder = data_dir
        self.reserve_bytes = reserve_bytes
        """Free space of the disk below which nothing is written."""
        self._lock = Lock()
        self._db = open_writer(
            data_dir / FILE_NAME,
            application_id=APPLICATION_ID,
            schema=_SCHEMA,
            schema_version=SCHEMA_VERSION,
            synchronous="NORMAL",
            quick_check=False,
        )

    def write(self, statements: Iterable[tuple[str, Rows]]) -> None:
        """Execute statements, each once for every row of its values, in one transaction.

        Raises:
            apsw.Error: the file cannot be written, or the disk is almost full; nothing is changed.
        """
        keep_reserve(self._folder, self.reserve_bytes)
        with self._lock, transaction(self._db):
            for statement, rows in statements:
                self._db.executemany(statement, rows)

    def read(self, statement: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        """The rows of a query.

        Raises:
            apsw.Error: the file cannot be read.
        """
        with self._lock:
            return self._db.execute(statement, values).fetchall()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()
