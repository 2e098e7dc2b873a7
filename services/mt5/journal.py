"""The order journal on disk: an id that has been called, answered or fenced is so for good, also after a power cut."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Final

import apsw
import msgspec

from common.errors import StartError
from common.faults import crash_point
from common.storage import open_writer
from proto.gateway import OrderReply
from services.mt5.core.journal import Effect, Entry, EntryState

APPLICATION_ID: Final = 0x50444A31
SCHEMA_VERSION: Final = 1
SCHEMA: Final = """
CREATE TABLE journal (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    journal_id TEXT NOT NULL,
    account TEXT NOT NULL
) STRICT;
CREATE TABLE entries (
    order_id TEXT PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('CALLING', 'DONE', 'FENCED')),
    action TEXT,
    symbol TEXT,
    volume TEXT,
    ordinal INTEGER NOT NULL,
    reply TEXT
) STRICT, WITHOUT ROWID;
"""

_WRITE: Final = """
INSERT INTO entries (order_id, state, action, symbol, volume, ordinal, reply) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (order_id) DO UPDATE SET state = excluded.state, ordinal = excluded.ordinal, reply = excluded.reply
"""

# Decimals as strings, so that 1.0850 comes back as 1.0850.
_encoder = msgspec.json.Encoder(decimal_format="string")
_decoder = msgspec.json.Decoder(OrderReply)


class DurableJournal:
    """`core.journal.Journal` in a SQLite file; every write is synced before it returns."""

    def __init__(self, path: Path, *, new_id: str, account: str) -> None:
        """Open or make the file.

        Args:
            path: of the file.
            new_id: incarnation of the journal if the file has to be made.
            account: whose orders these are.

        Raises:
            StartError: the file cannot be used, or belongs to another account.
        """
        self._db: apsw.Connection = open_writer(
            path, application_id=APPLICATION_ID, schema=SCHEMA, schema_version=SCHEMA_VERSION, synchronous="FULL"
        )
        self._db.execute("INSERT OR IGNORE INTO journal VALUES (1, ?, ?)", (new_id, account))
        [(journal_id, owner)] = self._db.execute("SELECT journal_id, account FROM journal").fetchall()
        if owner != account:
            self._db.close()
            raise StartError(f"{path} is the journal of {owner}, expected that of {account}")
        self._journal_id = str(journal_id)

    @property
    def journal_id(self) -> str:
        """Incarnation of the journal."""
        return self._journal_id

    @property
    def entry_count(self) -> int:
        """Order ids in the journal."""
        [(count,)] = self._db.execute("SELECT count(*) FROM entries").fetchall()
        assert isinstance(count, int), count
        return count

    def find(self, order_id: str) -> Entry | None:
        """What is known of an id."""
        row = self._db.execute(
            "SELECT state, action, symbol, volume, reply FROM entries WHERE order_id = ?", (order_id,)
        ).fetchone()
        if row is None:
            return None
        state, action, symbol, volume, reply = row
        effect = None if action is None else Effect(action, symbol, Decimal(volume))
        return Entry(EntryState(state), effect, None if reply is None else _decoder.decode(reply))

    def calling(self, order_id: str, effect: Effect, *, ordinal: int) -> None:
        """The venue is about to be called for an id."""
        crash_point("mt5.before_calling", ordinal)
        self._write(order_id, EntryState.CALLING, effect, ordinal, None)
        crash_point("mt5.after_calling", ordinal)

    def done(self, order_id: str, effect: Effect, reply: OrderReply) -> None:
        """The id has its answer for good."""
        self._write(order_id, EntryState.DONE, effect, reply.ordinal, reply)
        crash_point("mt5.after_done", reply.ordinal)

    def fence(self, order_id: str, reply: OrderReply) -> None:
        """The id is dead."""
        self._write(order_id, EntryState.FENCED, None, reply.ordinal, reply)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _write(
        self, order_id: str, state: EntryState, effect: Effect | None, ordinal: int, reply: OrderReply | None
    ) -> None:
        action, symbol, volume = (None, None, None) if effect is None else (*effect[:2], str(effect.volume))
        written = None if reply is None else _encoder.encode(reply).decode()
        self._db.execute(_WRITE, (order_id, state.value, action, symbol, volume, ordinal, written))
