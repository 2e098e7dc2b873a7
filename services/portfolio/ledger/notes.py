"""Notes in the ledger's table `meta`, such as incarnation, checkpoint and signature."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

import apsw
import msgspec

from common.checksums import checked_row, checked_rows, with_checksum

CHECKPOINT: Final = "verified"
"""Name of the note with the checkpoint of the chain."""
SEAL: Final = "seal"
"""Name of the note with the signed head of the ledger."""

_UNSIGNED: Final = (CHECKPOINT, SEAL)
"""Notes that the signature does not cover. The checkpoint has a digest of its own, and the seal is the signature."""


def read_note(db: apsw.Connection, name: str) -> str | None:
    """Return a note; None if it was never set.

    Raises:
        DamagedRowError: the row of the note is damaged.
    """
    row = db.execute("SELECT name, value, checksum FROM meta WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(checked_row(db.filename, "meta", row)[1])


def write_notes(db: apsw.Connection, notes: Mapping[str, str]) -> None:
    """Set notes; the caller begins and ends the transaction."""
    rows = [with_checksum("meta", name, value) for name, value in notes.items()]
    db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?, ?)", rows)


def notes_digest(db: apsw.Connection) -> bytes:
    """Return the SHA-256 of the notes that a signature covers.

    Raises:
        DamagedRowError: a row is damaged.
    """
    rows = checked_rows(db.filename, "meta", db.execute("SELECT name, value, checksum FROM meta ORDER BY name"))
    kept = [row for row in rows if row[0] not in _UNSIGNED]
    return hashlib.sha256(msgspec.msgpack.encode(kept)).digest()
