"""The durable ledger: hash-chained events and their projections, committed together.

The table `events` is authoritative. The hash of each row covers the previous row, which reveals a changed, missing or
reordered row. `orders`, `deals`, `lots` and `account` are projections for a fast start and for readers; `verify_ledger`
computes them again from the events and compares. Every commit writes the tick cursor, because a tick without an order
or a new denial has no event. The table `equity_points` is the equity curve.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import apsw
import msgspec

from common import clock
from common.checksums import DamagedRowError
from common.errors import StartError
from common.gc_control import gc_paused
from common.storage import integrity_fault, open_reader, open_writer, sync_mode, transaction, unreadable_file_error
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import (
    CancelRequested,
    EpochTaken,
    Event,
    IncarnationTaken,
    JournalChanged,
    OrderCreated,
    OrderDenied,
    OrderModifyRequested,
    ProtectionSet,
    RiskReset,
    TradingStateChanged,
)
from services.portfolio.core.accounting.equity_curve import EquityPoint
from services.portfolio.core.state.persisted import PersistedState
from services.portfolio.ledger import hash_chain
from services.portfolio.ledger.equity_points import (
    END_NS,
    EQUITY_TABLE,
    POINTS_MAX,
    read_equity_points,
    write_points,
)
from services.portfolio.ledger.hash_chain import BEGINNING, ChainPosition
from services.portfolio.ledger.notes import notes_digest, read_note, write_notes
from services.portfolio.ledger.projections import (
    PROJECTIONS,
    account_row,
    load_projections,
    open_lots,
    sign_cursor,
    stored_counts,
    write_changed_rows,
    write_cursor,
)
from services.portfolio.ledger.signature import Seal, check_signature, publish_head, read_head, read_seal, write_seal
from services.portfolio.ledger.signing_key import LedgerKey

LEDGER_FILE_NAME: Final = "ledger.db"
APPLICATION_ID: Final = 0x70644C31
SCHEMA_VERSION: Final = 3

_SCHEMA: Final = (
    "CREATE TABLE events (number INTEGER PRIMARY KEY, hash BLOB NOT NULL, payload BLOB NOT NULL) STRICT;"
    + PROJECTIONS
    + EQUITY_TABLE
    + "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL, checksum INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
)

INCARNATION: Final = "incarnation"
"""Name of the note in `meta` with the incarnation for new order ids."""
HOST_BOOT: Final = "host_boot"
"""Name of the note in `meta` that identifies the boot of the host in which portfolio last started."""

_SYNCED: Final = (TradingStateChanged, EpochTaken, JournalChanged, IncarnationTaken, RiskReset)

RESTORE_IT: Final = "restore it from a backup"

_UNREADABLE: Final = (apsw.Error, msgspec.MsgspecError, ArithmeticError, ValueError, KeyError, AssertionError)
"""Errors caused by rows that another program wrote; the desk's own rows always satisfy the assertions."""

PAGE_BYTES: Final = 8_192
"""Size of a page. A page of 4,096 bytes would hold only a part of a row of `orders`, an overflow page the rest."""

CHECKPOINT_EVERY_EVENTS: Final = 10_000
"""Number of events after which a commit moves the checkpoint. A start verifies little more than that many events."""


_encode = msgspec.json.Encoder().encode
_events = msgspec.json.Decoder(Event)


class Ledger:
    """One account's ledger file, open for writing."""

    def __init__(self, path: Path, key: LedgerKey | None = None, *, host_boot: str = "") -> None:
        """Open or create the ledger, verify its chain since the last checkpoint, and check its signature.

        Args:
            path: the file.
            key: the key that signs the ledger; None for a temporary ledger. A signed ledger is refused without its key.
            host_boot: identifies the current boot of the host. If the last writer ran in the same boot, no power
                cut can have damaged the write-ahead log.

        Raises:
            StartError: the file is not writable, is no ledger or is in use by another process, its chain is broken, or
                its contents do not match its signature.
        """
        self.path = path
        self._key = key
        self.head_fault = ""
        """Why the newest head could not be stored beside the key; empty if it was stored.

        After a failure the previous head remains beside the key.
        """
        self.rollback = ""
        """Why the ledger lacks events; empty if it lacks none.

        It ends before the newest signed head, or replaces a lost ledger. No head is stored beside the key until this
        text is cleared.
        """
        self._db = open_writer(
            path,
            application_id=APPLICATION_ID,
            schema=_SCHEMA,
            schema_version=SCHEMA_VERSION,
            synchronous="NORMAL",
            # Verification of the chain and `load` read every page that a start needs; the audit reads the others.
            quick_check=False,
            may_lose_commits=lambda db: not _was_written_in(db, host_boot),
            page_bytes=PAGE_BYTES,
        )
        try:
            self._end = self._verify_chain()
            self._require_signature()
            self._counts, self._account_row = stored_counts(self._db), b""
            self._notes = notes_digest(self._db)
            self._synchronous = "NORMAL"
            if not self._is_signed and not self.rollback:
                self.sign()
        except (apsw.Error, ValueError) as error:
            self._db.close()
            raise unreadable_file_error(path, error, RESTORE_IT) from None
        except BaseException:  # after any error the lock must be released; raised again
            self._db.close()
            raise
        self._noted = self._end.number

    @property
    def is_new(self) -> bool:
        """Whether the ledger has no events yet."""
        return self._end.number == 0

    def _verify_chain(self) -> ChainPosition:
        known = end = hash_chain.checkpoint(self._db)
        try:
            for link in hash_chain.checked_links(self._db, known):
                if link.fault:
                    raise StartError(
                        f"{self.path}: {link.fault}; expected the ledger as it was written, restore it from a backup"
                    )
                end = link.position
        except apsw.Error as error:
            raise unreadable_file_error(self.path, error, RESTORE_IT) from None
        if end != known:
            try:
                hash_chain.write_checkpoint(self._db, end)
            except (apsw.FullError, apsw.IOError):
                return end  # the next start verifies the same events again
        return end

    def _require_signature(self) -> None:
        key = self._key
        seal = read_seal(self._db)
        self._is_signed = seal is not None
        self._sealed = BEGINNING if seal is None else ChainPosition(seal.event, bytes.fromhex(seal.hash))
        if key is None:
            if seal is not None:
                raise StartError(f"{self.path} is signed with key {seal.key[:16]}, which is needed to write to it")
            return
        found = check_signature(self._db, key, read_head(key.head_path))
        if found.problems:
            raise StartError(f"{self.path}: {found.problems[0]}; expected the ledger as the desk wrote it")
        self.rollback = found.rollback

    def load(self) -> tuple[Book, PersistedState]:
        """Return the state at the last commit, from the projections.

        Raises:
            StartError: the projections are damaged.
        """
        return load(self._db)

    def commit(self, events: list[Event], book: Book, state: PersistedState) -> None:
        """Commit events, the rows that they changed, and `state`, in one transaction.

        A failed commit changes nothing in memory or in the file, and may be repeated with the same arguments.
        """
        db, (number, last) = self._db, self._end
        noted, taken = self._noted, [event for event in events if isinstance(event, IncarnationTaken)]
        synchronous = "FULL" if any(requires_fsync(event) for event in events) else "NORMAL"
        if synchronous != self._synchronous:
            db.pragma("synchronous", synchronous)
            self._synchronous = synchronous
        rows: list[tuple[int, bytes, bytes]] = []
        for event in events:
            payload = _encode(event)
            last = hash_chain.next_hash(last, payload)
            number += 1
            rows.append((number, last, payload))
        with transaction(db):
            db.executemany("INSERT INTO events VALUES (?, ?, ?)", rows)
            for event in taken:
                write_notes(db, {INCARNATION: event.incarnation})
            end = ChainPosition(number, last)
            counts, account = self._counts, self._account_row
            if events:
                counts, account = write_changed_rows(db, book, counts, account)
            write_points(db, state.equity_curve.unstored)
            notes = notes_digest(db) if taken else self._notes
            write_cursor(db, state, end, counts, self._key, notes)
            seal = write_seal(db, self._key, end, clock.wall_ns()) if self._key and taken else None
            if number - noted >= CHECKPOINT_EVERY_EVENTS:
                hash_chain.write_checkpoint(db, end)
                noted = number
        self._end, self._noted, self._counts, self._account_row, self._notes = end, noted, counts, account, notes
        self._publish(seal)
        book.changed_rows.clear()
        state.equity_curve.mark_stored()

    @property
    def event_count(self) -> int:
        """Number of events in the ledger."""
        return self._end.number

    def meta(self, name: str) -> str | None:
        """Return a note of the table `meta`, such as the incarnation; None if it was never set."""
        return read_note(self._db, name)

    def set_meta(self, name: str, value: str) -> None:
        """Set a note of the table `meta`, synced and signed."""
        self.set_metas({name: value})

    def set_metas(self, notes: dict[str, str]) -> None:
        """Set several notes of the table `meta` in one transaction, synced and signed."""
        db = self._db
        with sync_mode(db, "FULL", usual=self._synchronous), transaction(db):
            write_notes(db, notes)
            sign_cursor(db, self._key)
            seal = None if self._key is None else write_seal(db, self._key, self._end, clock.wall_ns())
        self._notes = notes_digest(db)
        self._publish(seal)

    @property
    def unsigned_events(self) -> int:
        """Number of events since the last signature; 0 without a key."""
        return 0 if self._key is None else self._end.number - self._sealed.number

    def sign(self) -> None:
        """Sign the head in one synced commit and store it beside the key; without a key nothing is done.

        Raises:
            apsw.Error: one of `common.storage.DISK_FAULTS`; the previous signature remains valid.
        """
        if self._key is not None:
            self.set_metas({})

    def _publish(self, seal: Seal | None) -> None:
        if seal is not None and self._key is not None and not self.rollback:
            self._sealed = self._end
            try:
                publish_head(self._key, seal)
                self.head_fault = ""
            except OSError as error:
                self.head_fault = f"{self._key.head_path} cannot be written: {error.strerror}"

    def require_file_unchanged(self) -> None:
        """Check that the file is still the one that was opened. Each commit checks this, too.

        Raises:
            FileLostError: the file was removed or replaced.
        """
        self._db.require_in_place()

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def _was_written_in(db: apsw.Connection, host_boot: str) -> bool:
    """Whether the last writer ran in the current boot of the host."""
    try:
        return bool(host_boot) and read_note(db, HOST_BOOT) == host_boot
    except (DamagedRowError, apsw.SQLError):
        return False  # a new file has no notes, and a damaged file is refused when it is read


def requires_fsync(event: Event) -> bool:
    """Whether an event must survive a power cut, because the venue cannot report it again or a person got a reply."""
    match event:
        case OrderCreated(order=order):
            return bool(order.key)
        case CancelRequested() | OrderModifyRequested() | OrderDenied() | ProtectionSet():
            return bool(event.key)
        case _:
            return isinstance(event, _SYNCED)


def open_ledger(path: Path) -> apsw.Connection:
    """Open a ledger for reading; another process may be writing to it.

    Raises:
        StartError: the file is missing, or of another kind or version.
    """
    return open_reader(path, application_id=APPLICATION_ID, schema_version=SCHEMA_VERSION)


def read_ledger(path: Path, *, with_history: bool = True) -> tuple[Book, PersistedState]:
    """Read the state of a ledger; another process may be writing to it.

    Without history the book lacks the deals and the orders that have ended; it is read in a fraction of the time.

    Raises:
        StartError: the file is missing or cannot be read.
    """
    db = open_ledger(path)
    try:
        with db:
            state = load(db, with_history=with_history)
    finally:
        db.close()
    return state


def load(db: apsw.Connection, *, with_history: bool = True) -> tuple[Book, PersistedState]:
    """Read the projections into a book, as `read_ledger`.

    Raises:
        StartError: the projections are damaged; `verify_ledger` returns the details.
    """
    try:
        with gc_paused():
            return load_projections(db, with_history=with_history)
    except _UNREADABLE as error:
        raise unreadable_file_error(Path(db.filename), error, RESTORE_IT) from None


def load_equity_points(
    path: Path, from_ns: int = 0, to_ns: int = END_NS, *, limit: int = POINTS_MAX
) -> list[EquityPoint]:
    """Read the equity points of a ledger in the order of their times; another process may be writing to it.

    Args:
        path: the file.
        from_ns: venue time of the first point or earlier, in nanoseconds.
        to_ns: venue time after the last point, in nanoseconds.
        limit: largest number of points; the later ones are left out.

    Raises:
        StartError: the file is missing or cannot be read, or a row is damaged.
    """
    db = open_ledger(path)
    try:
        return read_equity_points(db, from_ns, to_ns, limit=limit)
    except _UNREADABLE as error:
        raise unreadable_file_error(path, error, RESTORE_IT) from None
    finally:
        db.close()


def verify_ledger(path: Path) -> list[str]:
    """Verify the hash chain, compute the projections from the events, and return the faults as text.

    Raises:
        StartError: the file is missing or cannot be read.
    """
    db = open_ledger(path)
    try:
        with db, gc_paused():
            found = list(faults(db))
    except DamagedRowError as error:
        found = [str(error)]
    except _UNREADABLE as error:
        found = [f"{path.name} cannot be read to its end: {error}"]
    finally:
        db.close()
    return found


def faults(db: apsw.Connection) -> Iterator[str]:
    """Yield the faults of a ledger: damaged pages, a broken chain, and projections that differ from the events.

    Raises:
        DamagedRowError: a row of the projections or of the equity points is damaged.
    """
    damage = integrity_fault(db)
    if damage:
        yield f"the file is damaged: {damage}"
    expected = Book()
    for link in hash_chain.checked_links(db):
        if link.fault:
            yield link.fault
            return
        expected.apply(_events.decode(link.payload))
    stored, _ = load_projections(db)
    for name, from_events, from_rows in (
        ("orders", list(expected.orders.values()), list(stored.orders.values())),
        ("deals", expected.deals, stored.deals),
        ("account", account_row(expected), account_row(stored)),
        ("lots", open_lots(expected), open_lots(stored)),
    ):
        if from_events != from_rows:
            yield f"the table {name} differs from the result of the events"
    read_equity_points(db)
