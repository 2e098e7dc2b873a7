"""Migrations of ledgers of earlier schema versions."""

from __future__ import annotations

from typing import Any, Final

import apsw

from common.checksums import add_checksum_column
from common.migration import FileKind
from services.portfolio.ledger.equity_points import EQUITY_TABLE
from services.portfolio.ledger.hash_chain import last_position
from services.portfolio.ledger.ledger import APPLICATION_ID, SCHEMA_VERSION, faults
from services.portfolio.ledger.notes import notes_digest
from services.portfolio.ledger.projections import (
    CURSOR_TABLE,
    RowCounts,
    rewrite_account_row,
    rewrite_rows,
    write_cursor_payload,
)


def _from_1(db: apsw.Connection) -> None:
    """Migrate to version 2: each row has a checksum; the cursor's row has the end of the chain and the row counts."""
    rewrite_rows(db)
    stored: Any = db.execute("SELECT payload FROM cursor").fetchone()
    counts: Any = db.execute(
        "SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM deals), (SELECT count(*) FROM lots)"
    ).fetchone()
    db.execute("DROP TABLE cursor")
    db.execute(CURSOR_TABLE)
    for table in ("orders", "deals", "lots", "account", "meta"):
        add_checksum_column(db, table)
    if stored is not None:
        write_cursor_payload(db, stored[0], last_position(db), RowCounts(*counts), None, notes_digest(db))


def _from_2(db: apsw.Connection) -> None:
    """Migrate to version 3: the account row has the commands on the trading state, and there are equity points."""
    rewrite_account_row(db)
    db.execute(EQUITY_TABLE)


LEDGER: Final = FileKind(
    "ledger", APPLICATION_ID, SCHEMA_VERSION, {1: _from_1, 2: _from_2}, check=lambda db: next(iter(faults(db)), "")
)
