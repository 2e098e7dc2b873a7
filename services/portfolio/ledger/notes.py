"""Notes in the ledger's table `meta`: incarnation, checkpoint, signature."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

import apsw
import msgspec

from common.checksums import checked_row, checked_rows, with_checksum

CHECKPOINT: Final = "verified"
"""Checkpoint of the chain."""
SEAL: Final = "seal"
"""The signature over the ledger's head."""

_UNSIGNED: Final = (CHECKPOINT, SEAL)
"""Not covered by the signature: the checkpoint proves itself, and the seal cannot sign itself."""


def read_note(db: apsw.Connection, name: str) -> str | None:
    """A note; None when never set.

    Raises:
        DamagedRowError: its row is damaged.
    """
    row = db.execute("SELECT name, value, checksum FROM meta WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(checked_row(db.filename, "meta", row)[1])


def write_notes(db: apsw.Connection, notes: Mapping[str, str]) -> None:
    """Set notes, in the transaction of the caller."""
    rows = [with_checksum("meta", name, value) for name, value in notes.items()]
    db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?, ?)", rows)


def notes_digest(db: apsw.Connection) -> bytes:
    """SHA-256 over the notes that a signature covers.

    Raises:
        DamagedRowError: a row is damaged.
    """
    rows = checked_rows(db.filename, "meta", db.execute("SELECT name, value, checksum FROM meta ORDER BY name"))
    kept = [row for row in rows if row[0] not in _UNSIGNED]
    return hashlib.sha256(msgspec.msgpack.encode(kept)).digest()
