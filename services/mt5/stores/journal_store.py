"""The order journal on disk: an id that has been called, answered or fenced is so for good, also after a power cut."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from common.errors import StartError
from common.fault_injection import crash_point
from common.file_identity import raise_if_damaged
from common.storage import WriterConnection, open_writer, transaction
from proto.gateway import KnownIds, OrderReply
from services.mt5.core.gateway.journal import Effect, EntryState, JournalEntry, LeaseRecord
from services.mt5.core.ports.magic import DESK_MAGIC_MIN, desk_ids_around, magic_of

APPLICATION_ID: Final = 0x50444A31
SCHEMA_VERSION: Final = 3
SCHEMA: Final = """
CREATE TABLE journal (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    journal_id TEXT NOT NULL,
    account TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    halted TEXT NOT NULL
) STRICT;
CREATE TABLE entries (
    order_id TEXT PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('CALLING', 'CLAIMED', 'PRESUMED', 'DONE', 'FENCED')),
    effect TEXT,
    ordinal INTEGER NOT NULL,
    reply TEXT,
    magic INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX entries_by_magic ON entries (magic);
"""

LEASE_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS lease (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    holder TEXT NOT NULL,
    has_restarted INTEGER NOT NULL
) STRICT
"""
"""Added to a journal of the same version that was made without it; an earlier program leaves it alone."""

_WRITE: Final = """
INSERT INTO entries (order_id, state, effect, ordinal, reply, magic) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (order_id) DO UPDATE SET state = excluded.state, ordinal = excluded.ordinal, reply = excluded.reply
"""

# Decimals as strings, so that 1.0850 comes back as 1.0850.
_encoder = msgspec.json.Encoder(decimal_format="string")
_decoder = msgspec.json.Decoder(OrderReply)
_effect_decoder = msgspec.json.Decoder(Effect)


class DurableJournal:
    """`gateway.journal.Journal` in a SQLite file; every write is synced before it returns."""

    def __init__(self, path: Path, *, new_id: str, account: str) -> None:
        """Open or make the file.

        Args:
            path: of the file.
            new_id: incarnation of the journal if the file has to be made.
            account: whose orders these are.

        Raises:
            StartError: the file cannot be used, or belongs to another account.
        """
        self._db: WriterConnection = open_writer(
            path, application_id=APPLICATION_ID, schema=SCHEMA, schema_version=SCHEMA_VERSION, synchronous="FULL"
        )
        self._db.execute(LEASE_SCHEMA)
        self._db.execute("INSERT OR IGNORE INTO journal VALUES (1, ?, ?, 0, '')", (new_id, account))
        [(journal_id, owner, epoch, halted)] = self._db.execute(
            "SELECT journal_id, account, epoch, halted FROM journal"
        ).fetchall()
        assert isinstance(epoch, int), epoch
        if owner != account:
            self._db.close()
            raise StartError(f"{path} is the journal of {owner}, expected that of {account}")
        self._path = path
        self._journal_id = str(journal_id)
        kept = self._db.execute("SELECT holder, has_restarted FROM lease").fetchone()
        holder, has_restarted = ("", 0) if kept is None else kept
        self._lease = LeaseRecord(epoch, str(holder), bool(has_restarted))
        self._halted = str(halted)

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

    def find(self, order_id: str) -> JournalEntry | None:
        """What is known of an id."""
        with raise_if_damaged(self._path):
            row = self._db.execute(
                "SELECT state, effect, reply FROM entries WHERE order_id = ?", (order_id,)
            ).fetchone()
        if row is None:
            return None
        state, written, reply = row
        effect = None if written is None else _effect_decoder.decode(written)
        return JournalEntry(EntryState(state), effect, None if reply is None else _decoder.decode(reply))

    def record_calling(self, order_id: str, effect: Effect, *, ordinal: int) -> None:
        """The venue is about to be called for an id."""
        crash_point("mt5.before_calling", ordinal)
        self._write(order_id, EntryState.CALLING, effect, ordinal, None)
        crash_point("mt5.after_calling", ordinal)

    def record_done(self, order_id: str, effect: Effect, reply: OrderReply) -> None:
        """The id has its answer for good."""
        crash_point("mt5.before_done", reply.ordinal)
        self._write(order_id, EntryState.DONE, effect, reply.ordinal, reply)
        crash_point("mt5.after_done", reply.ordinal)

    def fence(self, order_id: str, reply: OrderReply) -> None:
        """The id is dead."""
        crash_point("mt5.before_fence", reply.ordinal)
        self._write(order_id, EntryState.FENCED, None, reply.ordinal, reply)
        crash_point("mt5.after_fence", reply.ordinal)

    def record_claimed(self, order_id: str, effect: Effect, *, ordinal: int) -> None:
        """The venue said of an id that it was executed, and shows nothing."""
        crash_point("mt5.before_claimed", ordinal)
        self._write(order_id, EntryState.CLAIMED, effect, ordinal, None)
        crash_point("mt5.after_claimed", ordinal)

    def record_presumed(self, order_id: str, effect: Effect, reply: OrderReply) -> None:
        """The id is taken to have had no effect."""
        crash_point("mt5.before_presumed", reply.ordinal)
        self._write(order_id, EntryState.PRESUMED, effect, reply.ordinal, reply)
        crash_point("mt5.after_presumed", reply.ordinal)

    def order_id_of(self, magic: int) -> str | None:
        """The id that was called under a magic."""
        with raise_if_damaged(self._path):
            row = self._db.execute("SELECT order_id FROM entries WHERE magic = ?", (magic,)).fetchone()
        return None if row is None else str(row[0])

    def known_ids(self) -> dict[str, KnownIds]:
        """The ids of the desk's own form, by incarnation, from the index alone: milliseconds for a hundred thousand."""
        known: dict[str, KnownIds] = {}
        with raise_if_damaged(self._path):
            bound = 1 << 63
            while (highest := self._highest_magic(bound)) is not None:
                ids = desk_ids_around(highest)
                [(count,)] = self._db.execute(
                    "SELECT count(*) FROM entries WHERE magic BETWEEN ? AND ?", (ids.first_magic, highest)
                ).fetchall()
                assert isinstance(count, int), count
                known[ids.incarnation] = KnownIds(count, ids.number)
                bound = ids.first_magic
        return known

    def _highest_magic(self, below: int) -> int | None:
        """The highest magic of a desk's own below a bound."""
        statement = "SELECT max(magic) FROM entries WHERE magic BETWEEN ? AND ?"
        [(magic,)] = self._db.execute(statement, (DESK_MAGIC_MIN, below - 1)).fetchall()
        assert magic is None or isinstance(magic, int), magic
        return magic

    @property
    def lease(self) -> LeaseRecord:
        """Who may open exposure."""
        return self._lease

    def set_lease(self, lease: LeaseRecord) -> None:
        """Another client leases the account, or the same one after a start of the gateway."""
        crash_point("mt5.before_epoch", lease.epoch)
        with raise_if_damaged(self._path), transaction(self._db):
            self._db.execute("UPDATE journal SET epoch = ?", (lease.epoch,))
            self._db.execute("INSERT OR REPLACE INTO lease VALUES (1, ?, ?)", (lease.holder, int(lease.has_restarted)))
        self._db.require_in_place()
        self._lease = lease
        crash_point("mt5.after_epoch", lease.epoch)

    @property
    def halt_reason(self) -> str:
        """Why a person has halted the gateway."""
        return self._halted

    def set_halt_reason(self, reason: str) -> None:
        """A person halts the gateway, or lets it go on."""
        crash_point("mt5.before_halt", self._lease.epoch)
        self._execute("UPDATE journal SET halted = ?", (reason,))
        self._halted = reason
        crash_point("mt5.after_halt", self._lease.epoch)

    def require_file_unchanged(self) -> None:
        """Look whether the file is still the one that was opened.

        Raises:
            FileLostError: it is not.
        """
        self._db.require_in_place()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _write(
        self, order_id: str, state: EntryState, effect: Effect | None, ordinal: int, reply: OrderReply | None
    ) -> None:
        effect_text = None if effect is None else _encoder.encode(effect).decode()
        reply_text = None if reply is None else _encoder.encode(reply).decode()
        self._execute(_WRITE, (order_id, state.value, effect_text, ordinal, reply_text, magic_of(order_id)))

    def _execute(self, statement: str, values: tuple[str | int | None, ...]) -> None:
        """One transaction, in the file that will be found here after a restart."""
        with raise_if_damaged(self._path):
            self._db.execute(statement, values)
        self._db.require_in_place()
