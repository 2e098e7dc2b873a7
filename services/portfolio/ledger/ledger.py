"""The durable ledger: what happened, chained by hashes, and the state it folds to, in one transaction.

`events` is the truth. Each row's hash covers the row before it, so that a changed, missing or reordered row shows.
`orders`, `deals`, `lots` and `account` are projections for a quick start and for readers; `verify_ledger` folds the events anew
and compares. The tick cursor is written with every commit, since nothing else remembers a tick that came to nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Final

import apsw
import msgspec

from common.errors import StartError
from common.gc_control import gc_paused
from common.storage import integrity_fault, open_reader, open_writer, transaction, unreadable_file_error
from proto.gateway import VenueDeal
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.cash import CashAccount, post, postings
from services.portfolio.core.account.events import (
    CancelRequested,
    CommandDenial,
    EpochTaken,
    Event,
    IncarnationTaken,
    InstrumentLearned,
    JournalChanged,
    OrderCreated,
    OrderDenied,
    OrderModifyRequested,
    ProtectionSet,
    Reconciled,
    ReconciliationWatermark,
    RiskReset,
    StreamEnded,
    StreamOpened,
    TradingStateChanged,
)
from services.portfolio.core.account.orders import Order
from services.portfolio.core.account.position import Leg, Lot, Position
from services.portfolio.core.account.protection import Protection
from services.portfolio.core.account.tick_cursor import TickCursor
from services.portfolio.ledger import hash_chain

LEDGER_FILE_NAME: Final = "ledger.db"
APPLICATION_ID: Final = 0x70644C31
SCHEMA_VERSION: Final = 1

_SCHEMA: Final = """
CREATE TABLE events (number INTEGER PRIMARY KEY, hash BLOB NOT NULL, payload BLOB NOT NULL) STRICT;
CREATE TABLE orders (order_id TEXT PRIMARY KEY, number INTEGER NOT NULL, status TEXT NOT NULL, payload BLOB NOT NULL)
  STRICT, WITHOUT ROWID;
CREATE TABLE deals (account TEXT NOT NULL, deal INTEGER NOT NULL, order_id TEXT NOT NULL, payload BLOB NOT NULL,
  PRIMARY KEY (account, deal)) STRICT, WITHOUT ROWID;
CREATE TABLE lots (symbol TEXT PRIMARY KEY, direction INTEGER NOT NULL, payload BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE account (name TEXT PRIMARY KEY, payload BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE cursor (id INTEGER PRIMARY KEY CHECK (id = 1), payload BLOB NOT NULL) STRICT;
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
"""

INCARNATION: Final = "incarnation"
"""Name in `meta` of the incarnation that the next start gives out ids by."""

_SYNCED: Final = (TradingStateChanged, EpochTaken, JournalChanged, IncarnationTaken, RiskReset)

RESTORE_IT: Final = "restore it from a backup"

_UNREADABLE: Final = (apsw.Error, msgspec.MsgspecError, ArithmeticError, ValueError, KeyError, AssertionError)
"""What rows that nobody of us has written can lead to: a fold asserts what our own rows always satisfy."""

CHECKPOINT_EVERY_EVENTS: Final = 10_000
"""How many events a start walks at most: our own writing is as good as a walk, and is noted this often."""


class _AccountRow(msgspec.Struct, frozen=True, kw_only=True):
    """The rest of the book: what is neither an order nor a deal nor a lot."""

    stream: StreamOpened | None
    ended: StreamEnded | None
    reconciled: Reconciled | None
    instruments: list[InstrumentLearned]
    deal_cursor: int
    position_changes: int
    amounts: dict[str, str]
    trading: TradingStateChanged | None = None
    acknowledged: list[int] = []
    cleared: ReconciliationWatermark = ReconciliationWatermark()
    epoch: int = 0
    journal_id: str = ""
    protections: list[Protection] = []
    cash: dict[CashAccount, Decimal] = {}
    changes_by_key: dict[str, list[str]] = {}
    asked_by_key: dict[str, str] = {}
    denials_by_key: dict[str, CommandDenial] = {}
    resets_by_key: dict[str, RiskReset] = {}
    seen_ids: dict[str, int] = {}


class _PositionRow(msgspec.Struct, frozen=True):
    """A position's row."""

    lots: list[Lot]
    legs: list[Leg]


_encode = msgspec.json.Encoder().encode
_events = msgspec.json.Decoder(Event)
_orders = msgspec.json.Decoder(Order)
_deals = msgspec.json.Decoder(VenueDeal)
_held = msgspec.json.Decoder(_PositionRow | list[msgspec.Raw])
_account = msgspec.json.Decoder(_AccountRow)
_cursor = msgspec.json.Decoder(TickCursor)


class Ledger:
    """One account's ledger file, open for writing."""

    def __init__(self, path: Path) -> None:
        """Open `path`, making it when it is not there, and walk its chain since the last checkpoint.

        Raises:
            StartError: it cannot be written, is no ledger, another process writes to it, or its chain is broken.
        """
        self.path = path
        self._db = open_writer(
            path,
            application_id=APPLICATION_ID,
            schema=_SCHEMA,
            schema_version=SCHEMA_VERSION,
            synchronous="NORMAL",
            # Every page that a start needs is read by the walk and the load; the audit looks at all the others.
            quick_check=False,
        )
        try:
            self._end = self._walk()
        except BaseException:  # whatever is wrong with it, the lock must go; it is raised again
            self._db.close()
            raise
        self._noted = self._end.number
        self._synchronous = "NORMAL"

    def _walk(self) -> hash_chain.ChainPosition:
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
                return end  # the next start walks the same again
        return end

    def load(self) -> tuple[Book, TickCursor]:
        """The state as of the last commit, from the projections."""
        return load(self._db)

    def commit(self, events: list[Event], book: Book, cursor: TickCursor) -> None:
        """Make events, the rows they touched and the cursor durable, all or nothing.

        What a commit that fails was given may be given again: nothing of it is kept, here or in the file.
        """
        db, (number, last) = self._db, self._end
        noted = self._noted
        synchronous = "FULL" if any(requires_fsync(event) for event in events) else "NORMAL"
        if synchronous != self._synchronous:
            db.pragma("synchronous", synchronous)
            self._synchronous = synchronous
        with transaction(db):
            for event in events:
                payload = _encode(event)
                last = hash_chain.next_hash(last, payload)
                number += 1
                db.execute("INSERT INTO events VALUES (?, ?, ?)", (number, last, payload))
                if isinstance(event, IncarnationTaken):
                    db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (INCARNATION, event.incarnation))
            if events:
                self._project(book)
            db.execute("INSERT OR REPLACE INTO cursor VALUES (1, ?)", (_encode(cursor),))
            if number - noted >= CHECKPOINT_EVERY_EVENTS:
                hash_chain.write_checkpoint(db, hash_chain.ChainPosition(number, last))
                noted = number
        self._end, self._noted = hash_chain.ChainPosition(number, last), noted
        book.changed_rows.clear()

    @property
    def event_count(self) -> int:
        """Events in the chain."""
        return self._end.number

    def meta(self, name: str) -> str | None:
        """A note beside the account, such as the host's boot that last wrote; None when it was never made."""
        row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def set_meta(self, name: str, value: str) -> None:
        """Keep a note."""
        self.set_metas({name: value})

    def set_metas(self, notes: dict[str, str]) -> None:
        """Keep several notes, all or none, synced to the disk."""
        self._db.pragma("synchronous", "FULL")
        try:
            with transaction(self._db):
                self._db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", notes.items())
        finally:
            self._db.pragma("synchronous", self._synchronous)

    def require_file_unchanged(self) -> None:
        """Look whether the file is still the one that was opened, as each commit does.

        Raises:
            FileLostError: it is not.
        """
        self._db.require_in_place()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _project(self, book: Book) -> None:
        db, touched = self._db, book.changed_rows
        for order_id in sorted(touched.orders):
            order = book.orders[order_id]
            db.execute(
                "INSERT OR REPLACE INTO orders VALUES (?, ?, ?, ?)",
                (order_id, order.number, order.status.value, _encode(order)),
            )
        account = book.stream.account if book.stream else ""
        for deal in touched.deals:
            order_id = book.order_of_deal.get(deal.deal, "")
            db.execute("INSERT INTO deals VALUES (?, ?, ?, ?)", (account, deal.deal, order_id, _encode(deal)))
        for symbol in sorted(touched.symbols):
            position = book.positions[symbol]
            held = _PositionRow(list(position.lots), list(position.legs))
            db.execute("INSERT OR REPLACE INTO lots VALUES (?, ?, ?)", (symbol, position.direction, _encode(held)))
        db.execute("INSERT OR REPLACE INTO account VALUES ('account', ?)", (_encode(_rest_of(book)),))


def requires_fsync(event: Event) -> bool:
    """Whether a power cut must not take an event back: nobody at the venue could tell it again, or a person has been answered."""
    match event:
        case OrderCreated(order=order):
            return bool(order.key)
        case CancelRequested() | OrderModifyRequested() | OrderDenied() | ProtectionSet():
            return bool(event.key)
        case _:
            return isinstance(event, _SYNCED)


def read_ledger(path: Path) -> tuple[Book, TickCursor]:
    """The state of a ledger, without writing to it; its writer may go on meanwhile.

    Raises:
        StartError: there is none, or it cannot be read.
    """
    db = open_reader(path)
    try:
        with db:
            state = load(db)
    finally:
        db.close()
    return state


def load(db: apsw.Connection) -> tuple[Book, TickCursor]:
    """Read the projections into a book.

    Raises:
        StartError: they do not make one; `verify_ledger` says more.
    """
    try:
        with gc_paused():
            return _load(db)
    except _UNREADABLE as error:
        raise unreadable_file_error(Path(db.filename), error, RESTORE_IT) from None


def _load(db: apsw.Connection) -> tuple[Book, TickCursor]:
    book = Book()
    row = db.execute("SELECT payload FROM account WHERE name = 'account'").fetchone()
    if row is not None:
        rest = _account.decode(row[0])
        book.stream, book.ended, book.reconciled = rest.stream, rest.ended, rest.reconciled
        book.instruments = {learned.instrument.symbol: learned.instrument for learned in rest.instruments}
        book.deal_cursor = rest.deal_cursor
        book.position_changes = rest.position_changes
        book.set_amounts(rest.amounts)
        book.trading, book.acknowledged = rest.trading, set(rest.acknowledged)
        book.cleared, book.epoch, book.journal_id = rest.cleared, rest.epoch, rest.journal_id
        book.protections = {guard.key: guard for guard in rest.protections}
        book.cash = dict(rest.cash)
        book.changes_by_key = dict(rest.changes_by_key)
        book.asked_by_key = dict(rest.asked_by_key)
        book.denials_by_key = dict(rest.denials_by_key)
        book.resets_by_key = dict(rest.resets_by_key)
        book.seen_ids = dict(rest.seen_ids)
    for (payload,) in db.execute("SELECT payload FROM orders ORDER BY number"):
        book.restore_order(_orders.decode(payload))
    for order_id, payload in db.execute("SELECT order_id, payload FROM deals ORDER BY deal"):
        book.restore_deal(_deals.decode(payload), order_id)
    before = book.stream.deals_before if book.stream is not None else 0
    book.changes_before_stream = sum(deal.deal <= before and deal.kind.is_trade for deal in book.deals)
    for symbol, direction, payload in db.execute("SELECT symbol, direction, payload FROM lots ORDER BY symbol"):
        held = _held.decode(payload)
        if isinstance(held, _PositionRow):
            contract_size = book.instruments[symbol].contract_size
            book.positions[symbol] = Position(symbol, contract_size, held.lots, held.legs)
        else:  # a row from before legs were kept
            book.rebuild_position(symbol)
        assert book.positions[symbol].direction == direction, symbol
    if not book.cash:
        for deal in book.deals:
            post(book.cash, postings(deal))
    row = db.execute("SELECT payload FROM cursor").fetchone()
    return book, TickCursor() if row is None else _cursor.decode(row[0])


def verify_ledger(path: Path) -> list[str]:
    """Walk the hash chain and fold the events anew; what does not agree, in words.

    Raises:
        StartError: there is no ledger, or it cannot be read.
    """
    db = open_reader(path)
    try:
        with db, gc_paused():
            found = list(_verify(db))
    except _UNREADABLE as error:
        found = [f"{path.name} cannot be read to its end: {error}"]
    finally:
        db.close()
    return found


def _verify(db: apsw.Connection) -> Iterator[str]:
    damage = integrity_fault(db)
    if damage:
        yield f"the file is damaged: {damage}"
    folded = Book()
    for link in hash_chain.checked_links(db):
        if link.fault:
            yield link.fault
            return
        folded.apply(_events.decode(link.payload))
    kept, _ = _load(db)
    if kept.stream is not None and db.execute("SELECT 1 FROM cursor").fetchone() is None:
        yield "the tick cursor is missing"
    for name, ours, theirs in (
        ("orders", list(folded.orders.values()), list(kept.orders.values())),
        ("deals", folded.deals, kept.deals),
        ("account", _rest_of(folded), _rest_of(kept)),
        ("lots", _lots_of(folded), _lots_of(kept)),
    ):
        if ours != theirs:
            yield f"the stored {name} are not what the events fold to"


def _lots_of(book: Book) -> dict[str, tuple[tuple[Lot, ...], tuple[Leg, ...]]]:
    return {
        symbol: (position.lots, position.legs) for symbol, position in book.positions.items() if not position.is_flat
    }


def _rest_of(book: Book) -> _AccountRow:
    return _AccountRow(
        stream=book.stream,
        ended=book.ended,
        reconciled=book.reconciled,
        instruments=[InstrumentLearned(instrument=instrument) for instrument in book.instruments.values()],
        deal_cursor=book.deal_cursor,
        position_changes=book.position_changes,
        amounts=book.amounts(),
        trading=book.trading,
        acknowledged=sorted(book.acknowledged),
        cleared=book.cleared,
        epoch=book.epoch,
        journal_id=book.journal_id,
        protections=[book.protections[key] for key in sorted(book.protections)],
        cash=book.cash,
        changes_by_key=book.changes_by_key,
        asked_by_key=book.asked_by_key,
        denials_by_key=book.denials_by_key,
        resets_by_key=book.resets_by_key,
        seen_ids=book.seen_ids,
    )
