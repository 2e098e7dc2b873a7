"""Migrations of the gateway's files from earlier schema versions."""

from __future__ import annotations

from typing import Final

import apsw

from common.checksums import add_checksum_column, with_checksum
from common.migration import FileKind, Step
from services.mt5.stores import book_store, journal_store
from services.mt5.terminal import store as terminal_store

_MATCHED_AS_DELAYED: Final = """
SELECT ticket, json_set(json_remove(payload, '$.matched_price', '$.matched_volume'), '$.wait', 'DELAYED')
FROM orders WHERE json_extract(payload, '$.wait') = 'MATCHED'
"""


def _add_checksums(*tables: str) -> Step:
    def step(db: apsw.Connection) -> None:
        for table in tables:
            add_checksum_column(db, table)

    return step


def _journal_from_3(db: apsw.Connection) -> None:
    """Add checksums to all tables, and add the lease table, which some journals of version 3 lack."""
    has_lease = db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'lease'").fetchone() is not None
    _add_checksums("journal", "entries", *(("lease",) if has_lease else ()))(db)
    if not has_lease:
        db.execute(journal_store.LEASE_TABLE)


def _book_from_5(db: apsw.Connection) -> None:
    """Turn orders that are matched but not booked into delayed orders, because version 6 books a deal at arrival."""
    for ticket, payload in db.execute(_MATCHED_AS_DELAYED).fetchall():
        db.execute("INSERT OR REPLACE INTO orders VALUES (?, ?, ?)", with_checksum("orders", ticket, payload))


def _no_fault(_db: apsw.Connection) -> str:
    return ""


JOURNAL: Final = FileKind(
    "journal",
    journal_store.APPLICATION_ID,
    journal_store.SCHEMA_VERSION,
    {3: _journal_from_3},
    check=_no_fault,
)
BOOK: Final = FileKind(
    "book",
    book_store.APPLICATION_ID,
    book_store.SCHEMA_VERSION,
    {
        4: _add_checksums("account", "orders", "deals", "positions", "modifications", "market", "market_minutes"),
        5: _book_from_5,
    },
    check=_no_fault,
)
TERMINAL: Final = FileKind(
    "terminal",
    terminal_store.APPLICATION_ID,
    terminal_store.SCHEMA_VERSION,
    {1: _add_checksums("terminal", "deals", "ticks", "tick_cursors", "modifications")},
    check=_no_fault,
)
