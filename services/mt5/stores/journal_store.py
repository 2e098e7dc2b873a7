"""The order journal on disk, which keeps the states of order ids across crashes and power cuts."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import apsw
import msgspec

from common.checksums import Row, checked_row, checked_rows, with_checksum
from common.errors import StartError
from common.fault_injection import crash_point
from common.file_identity import raise_if_damaged
from common.storage import WriterConnection, open_writer, transaction, unreadable_file_error
from proto.gateway import KnownIds, OrderReply
from services.mt5.core.gateway.journal import Effect, EntryState, JournalEntry, LeaseRecord
from services.mt5.core.ports.magic import DESK_MAGIC_MIN, decode_desk_magic, magic_of

APPLICATION_ID: Final = 0x50444A31
SCHEMA_VERSION: Final = 4
LEASE_TABLE: Final = """
CREATE TABLE lease (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    holder TEXT NOT NULL,
    has_restarted INTEGER NOT NULL,
    checksum INTEGER NOT NULL
) STRICT;
"""
SCHEMA: Final = (
    LEASE_TABLE
    + """
CREATE TABLE journal (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    journal_id TEXT NOT NULL,
    account TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    halted TEXT NOT NULL,
    checksum INTEGER NOT NULL
) STRICT;
CREATE TABLE entries (
    order_id TEXT PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('CALLING', 'CLAIMED', 'PRESUMED', 'DONE', 'FENCED')),
    effect TEXT,
    ordinal INTEGER NOT NULL,
    reply TEXT,
    magic INTEGER NOT NULL,
    checksum INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX entries_by_magic ON entries (magic);
"""
)

_WRITE: Final = """
INSERT INTO entries (order_id, state, effect, ordinal, reply, magic, checksum) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (order_id) DO UPDATE SET
    state = excluded.state, ordinal = excluded.ordinal, reply = excluded.reply,
    checksum = row_checksum('entries', order_id, excluded.state, effect, excluded.ordinal, excluded.reply, magic)
"""
_ENTRIES: Final = "SELECT order_id, state, effect, ordinal, reply, magic, checksum FROM entries"
_LEASE: Final = "SELECT id, holder, has_restarted, checksum FROM lease"
_WRITE_JOURNAL: Final = "INSERT OR REPLACE INTO journal VALUES (?, ?, ?, ?, ?, ?)"
_JOURNAL: Final = "SELECT id, journal_id, account, epoch, halted, checksum FROM journal"

RESTORE_IT: Final = "restore it from a backup, or move it away, so that a new journal begins"

# Decimals are stored as strings, so that 1.0850 keeps its last digit.
_encoder = msgspec.json.Encoder(decimal_format="string")
_decoder = msgspec.json.Decoder(OrderReply)
_effect_decoder = msgspec.json.Decoder(Effect)


class DurableJournal:
    """`gateway.journal.Journal` in a SQLite file; every write is synced before it returns."""

    def __init__(self, path: Path, *, new_id: str, account: str) -> None:
        """Open or create the file.

        Args:
            path: path of the file.
            new_id: id of the journal if the file is created.
            account: the account's name.

        Raises:
            StartError: the file cannot be used, or belongs to another account.
        """
        self._db: WriterConnection = open_writer(
            path,
            application_id=APPLICATION_ID,
            schema=SCHEMA,
            schema_version=SCHEMA_VERSION,
            synchronous="FULL",
            quick_check=False,  # it does not check the index of magics; `_require_integrity` does
        )
        self._path = path
        try:
            self._require_integrity()
            self._db.execute(
                "INSERT OR IGNORE INTO journal VALUES (?, ?, ?, ?, ?, ?)",
                with_checksum("journal", 1, new_id, account, 0, ""),
            )
            (_, journal_id, owner, epoch, halted), (_, holder, has_restarted) = self._read_all()
            assert isinstance(owner, str), owner
            if owner != account:
                raise StartError(f"{path} is the journal of account {owner}, expected account {account}")
        except (apsw.Error, ValueError) as error:
            self._db.close()
            raise unreadable_file_error(path, error, RESTORE_IT) from None
        except StartError:
            self._db.close()
            raise
        assert isinstance(epoch, int), epoch
        self._journal_id = str(journal_id)
        self._account = account
        self._lease = LeaseRecord(epoch, str(holder), bool(has_restarted))
        self._halt_reason = str(halted)

    def _require_integrity(self) -> None:
        [(damage,)] = self._db.execute("PRAGMA integrity_check(1)").fetchall()
        if damage != "ok":
            raise StartError(f"{self._path} is corrupt: {' '.join(str(damage).split())}; {RESTORE_IT}")

    def _read_all(self) -> tuple[Row, Row]:
        """The rows of journal and lease.

        The checksum of every entry is checked first, because a damaged entry could let its order execute twice.
        """
        for _ in checked_rows(self._path, "entries", self._db.execute(_ENTRIES)):
            pass
        [row] = checked_rows(self._path, "journal", self._db.execute(_JOURNAL))
        lease = next(checked_rows(self._path, "lease", self._db.execute(_LEASE)), (1, "", 0))
        return row, lease

    @property
    def journal_id(self) -> str:
        """See `Journal`."""
        return self._journal_id

    @property
    def entry_count(self) -> int:
        """Number of order ids in the journal."""
        [(count,)] = self._db.execute("SELECT count(*) FROM entries").fetchall()
        assert isinstance(count, int), count
        return count

    def find(self, order_id: str) -> JournalEntry | None:
        """See `Journal`."""
        with raise_if_damaged(self._path):
            row = self._db.execute(f"{_ENTRIES} WHERE order_id = ?", (order_id,)).fetchone()
        if row is None:
            return None
        _, state, written, _, reply, _ = checked_row(self._path, "entries", row)
        assert isinstance(state, str), state
        assert isinstance(written, str | None), written
        assert isinstance(reply, str | None), reply
        effect = None if written is None else _effect_decoder.decode(written)
        return JournalEntry(EntryState(state), effect, None if reply is None else _decoder.decode(reply))

    def record_calling(self, order_id: str, effect: Effect, *, ordinal: int) -> None:
        """See `Journal`; `ordinal` is the book's tick."""
        crash_point("mt5.before_calling", ordinal)
        self._write(order_id, EntryState.CALLING, effect, ordinal, None)
        crash_point("mt5.after_calling", ordinal)

    def record_done(self, order_id: str, effect: Effect, reply: OrderReply) -> None:
        """See `Journal`."""
        crash_point("mt5.before_done", reply.ordinal)
        self._write(order_id, EntryState.DONE, effect, reply.ordinal, reply)
        crash_point("mt5.after_done", reply.ordinal)

    def fence(self, order_id: str, reply: OrderReply) -> None:
        """See `Journal`."""
        crash_point("mt5.before_fence", reply.ordinal)
        self._write(order_id, EntryState.FENCED, None, reply.ordinal, reply)
        crash_point("mt5.after_fence", reply.ordinal)

    def record_claimed(self, order_id: str, effect: Effect, *, ordinal: int) -> None:
        """See `Journal`; `ordinal` is the book's tick."""
        crash_point("mt5.before_claimed", ordinal)
        self._write(order_id, EntryState.CLAIMED, effect, ordinal, None)
        crash_point("mt5.after_claimed", ordinal)

    def record_presumed(self, order_id: str, effect: Effect, reply: OrderReply) -> None:
        """See `Journal`."""
        crash_point("mt5.before_presumed", reply.ordinal)
        self._write(order_id, EntryState.PRESUMED, effect, reply.ordinal, reply)
        crash_point("mt5.after_presumed", reply.ordinal)

    def order_id_of(self, magic: int) -> str | None:
        """The id of an order by its `magic`; None if unknown."""
        with raise_if_damaged(self._path):
            row = self._db.execute(f"{_ENTRIES} WHERE magic = ?", (magic,)).fetchone()
        return None if row is None else str(checked_row(self._path, "entries", row)[0])

    def known_ids(self) -> dict[str, KnownIds]:
        """See `Journal`. It reads the index alone, which takes milliseconds for 100,000 ids."""
        known: dict[str, KnownIds] = {}
        with raise_if_damaged(self._path):
            bound = 1 << 63
            while (highest := self._highest_magic(bound)) is not None:
                ids = decode_desk_magic(highest)
                [(count,)] = self._db.execute(
                    "SELECT count(*) FROM entries WHERE magic BETWEEN ? AND ?", (ids.first_magic, highest)
                ).fetchall()
                assert isinstance(count, int), count
                known[ids.incarnation] = KnownIds(count, ids.number)
                bound = ids.first_magic
        return known

    def _highest_magic(self, below: int) -> int | None:
        """The highest magic that encodes a desk's id and is less than `below`; None if there is none."""
        statement = "SELECT max(magic) FROM entries WHERE magic BETWEEN ? AND ?"
        [(magic,)] = self._db.execute(statement, (DESK_MAGIC_MIN, below - 1)).fetchall()
        assert magic is None or isinstance(magic, int), magic
        return magic

    @property
    def lease(self) -> LeaseRecord:
        """See `Journal`."""
        return self._lease

    def set_lease(self, lease: LeaseRecord) -> None:
        """See `Journal`."""
        crash_point("mt5.before_epoch", lease.epoch)
        with raise_if_damaged(self._path), transaction(self._db):
            self._db.execute(_WRITE_JOURNAL, self._journal_row(lease.epoch, self._halt_reason))
            row = with_checksum("lease", 1, lease.holder, int(lease.has_restarted))
            self._db.execute("INSERT OR REPLACE INTO lease VALUES (?, ?, ?, ?)", row)
        self._db.require_in_place()
        self._lease = lease
        crash_point("mt5.after_epoch", lease.epoch)

    @property
    def halt_reason(self) -> str:
        """See `Journal`."""
        return self._halt_reason

    def set_halt_reason(self, reason: str) -> None:
        """See `Journal`."""
        crash_point("mt5.before_halt", self._lease.epoch)
        self._execute(_WRITE_JOURNAL, self._journal_row(self._lease.epoch, reason))
        self._halt_reason = reason
        crash_point("mt5.after_halt", self._lease.epoch)

    def require_file_unchanged(self) -> None:
        """Check that the opened file is still at its path.

        Raises:
            FileLostError: the file was removed or replaced.
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
        row = (order_id, state.value, effect_text, ordinal, reply_text, magic_of(order_id))
        self._execute(_WRITE, with_checksum("entries", *row))

    def _journal_row(self, epoch: int, halted: str) -> Row:
        return with_checksum("journal", 1, self._journal_id, self._account, epoch, halted)

    def _execute(self, statement: str, values: Row) -> None:
        """Execute one transaction, then check that the file is still the one that a restart would open."""
        with raise_if_damaged(self._path):
            self._db.execute(statement, values)
        self._db.require_in_place()
