"""The ledger's projections: orders, deals, lots, account and tick cursor as rows with checksums.

A start loads them instead of applying every event. It refuses a damaged row, and names the row. It also refuses a row
count that differs from that of the last commit, because a damaged file may lack whole pages.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final, NamedTuple

import apsw
import msgspec

from common.checksums import DamagedRowError, Row, checked_row, checked_rows, with_checksum
from proto.gateway import VenueDeal
from proto.trading.instrument import Instrument
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.cash import CashAccount, cash_flows, post
from services.portfolio.core.account.events import (
    CommandDenial,
    InstrumentLearned,
    Reconciled,
    ReconciliationWatermark,
    RiskReset,
    StateCommand,
    StreamEnded,
    StreamOpened,
    TradingStateChanged,
)
from services.portfolio.core.account.order_status import OrderStatus
from services.portfolio.core.account.orders import Order
from services.portfolio.core.account.position import Leg, Lot, Position
from services.portfolio.core.account.protection import Protection
from services.portfolio.core.state.persisted import PersistedRow, PersistedState, row_of, state_of
from services.portfolio.ledger import hash_chain
from services.portfolio.ledger.equity_points import read_curve
from services.portfolio.ledger.hash_chain import ChainPosition
from services.portfolio.ledger.notes import notes_digest
from services.portfolio.ledger.signature import CURSOR_COLUMNS, state_code
from services.portfolio.ledger.signing_key import LedgerKey

CURSOR_TABLE: Final = """
CREATE TABLE cursor (id INTEGER PRIMARY KEY CHECK (id = 1), payload BLOB NOT NULL, event INTEGER NOT NULL,
  hash BLOB NOT NULL, orders INTEGER NOT NULL, deals INTEGER NOT NULL, lots INTEGER NOT NULL, code BLOB NOT NULL,
  checksum INTEGER NOT NULL) STRICT;
"""
PROJECTIONS: Final = (
    CURSOR_TABLE
    + """
CREATE TABLE orders (order_id TEXT PRIMARY KEY, number INTEGER NOT NULL, status TEXT NOT NULL, payload BLOB NOT NULL,
  checksum INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE deals (account TEXT NOT NULL, deal INTEGER NOT NULL, order_id TEXT NOT NULL, payload BLOB NOT NULL,
  checksum INTEGER NOT NULL, PRIMARY KEY (account, deal)) STRICT, WITHOUT ROWID;
CREATE TABLE lots (symbol TEXT PRIMARY KEY, direction INTEGER NOT NULL, payload BLOB NOT NULL,
  checksum INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE account (name TEXT PRIMARY KEY, payload BLOB NOT NULL, checksum INTEGER NOT NULL) STRICT, WITHOUT ROWID;
"""
)


_OPEN_STATUSES: Final = ", ".join(f"'{status.value}'" for status in OrderStatus if status.is_open)
"""The statuses of open orders, as a list of SQL."""


class RowCounts(NamedTuple):
    """Row counts of the projections."""

    orders: int = 0
    deals: int = 0
    lots: int = 0


class _AccountRow(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of the book that are not orders, deals or lots."""

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
    states_by_key: dict[str, StateCommand] = {}
    seen_ids: dict[str, int] = {}


class _PositionRow(msgspec.Struct, frozen=True):
    """Lots and legs of a position, stored in a row of the table `lots`."""

    lots: list[Lot]
    legs: list[Leg]


_encode = msgspec.json.Encoder().encode
_orders = msgspec.json.Decoder(Order)
_deals = msgspec.json.Decoder(VenueDeal)
_held = msgspec.json.Decoder(_PositionRow | list[msgspec.Raw])
_account = msgspec.json.Decoder(_AccountRow)
_cursor = msgspec.json.Decoder(PersistedRow)


def write_changed_rows(
    db: apsw.Connection, book: Book, before: RowCounts, account_before: bytes
) -> tuple[RowCounts, bytes]:
    """Write the rows that the events since the last commit changed.

    Args:
        db: the ledger.
        book: the account after these events.
        before: row counts after the last commit.
        account_before: the encoded account row of the last commit; empty if unknown.

    Returns:
        The row counts and the encoded account row after the write.
    """
    touched = book.changed_rows
    orders = [book.orders[order_id] for order_id in sorted(touched.orders)]
    db.executemany(
        "INSERT OR REPLACE INTO orders VALUES (?, ?, ?, ?, ?)",
        (with_checksum("orders", one.order_id, one.number, one.status.value, _encode(one)) for one in orders),
    )
    account, order_of = book.stream.account if book.stream else "", book.order_of_deal
    db.executemany(
        "INSERT INTO deals VALUES (?, ?, ?, ?, ?)",
        (with_checksum("deals", account, one.deal, order_of.get(one.deal, ""), _encode(one)) for one in touched.deals),
    )
    for symbol in sorted(touched.symbols):
        position = book.positions[symbol]
        held = _PositionRow(list(position.lots), list(position.legs))
        row = with_checksum("lots", symbol, position.direction, _encode(held))
        db.execute("INSERT OR REPLACE INTO lots VALUES (?, ?, ?, ?)", row)
    encoded = _encode(account_row(book))
    if encoded != account_before:  # most events, such as new orders, leave the account row unchanged
        db.execute("INSERT OR REPLACE INTO account VALUES (?, ?, ?)", with_checksum("account", "account", encoded))
    lots: Any = before.lots
    if touched.symbols:
        [(lots,)] = db.execute("SELECT count(*) FROM lots").fetchall()
    return RowCounts(len(book.orders), len(book.deals), lots), encoded


def write_cursor(
    db: apsw.Connection,
    state: PersistedState,
    end: ChainPosition,
    counts: RowCounts,
    key: LedgerKey | None,
    notes: bytes,
) -> None:
    """Write the tick cursor with the end of the chain and the row counts.

    The authentication code of the row is made with `key`. It also covers `notes`, the digest of the ledger's notes.
    """
    write_cursor_payload(db, _encode(row_of(state)), end, counts, key, notes)


def write_cursor_payload(
    db: apsw.Connection, payload: bytes, end: ChainPosition, counts: RowCounts, key: LedgerKey | None, notes: bytes
) -> None:
    """Write an encoded tick cursor with the end of the chain and the row counts."""
    _write_cursor_row(db, (1, payload, end.number, end.hash, *counts), key, notes)


def sign_cursor(db: apsw.Connection, key: LedgerKey | None) -> None:
    """Renew the authentication code of the stored tick cursor after a change of the ledger's notes."""
    row = _cursor_row(db)
    if row is not None:
        _write_cursor_row(db, row[:-1], key, notes_digest(db))


def _write_cursor_row(db: apsw.Connection, values: Row, key: LedgerKey | None, notes: bytes) -> None:
    row = with_checksum("cursor", *values, state_code(key, values, notes))
    db.execute("INSERT OR REPLACE INTO cursor VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)


def _cursor_row(db: apsw.Connection) -> Row | None:
    row = db.execute(f"SELECT {CURSOR_COLUMNS} FROM cursor").fetchone()  # noqa: S608 - names of ours
    return None if row is None else checked_row(db.filename, "cursor", row)


def stored_counts(db: apsw.Connection) -> RowCounts:
    """Return the row counts after the last commit.

    Raises:
        DamagedRowError: the row of the table `cursor`, which contains them, is damaged.
    """
    row: Any = _cursor_row(db)
    return RowCounts() if row is None else RowCounts(*row[4:7])


def load_projections(db: apsw.Connection, *, with_history: bool = True) -> tuple[Book, PersistedState]:
    """Read the rows into a book.

    Without history the book lacks the deals and the orders that have ended, whose rows are only counted: the time then
    hardly depends on the ledger's length. A ledger of an old version is always read as a whole.

    Raises:
        DamagedRowError: a row is damaged, or rows are missing.
        apsw.Error, ValueError, ArithmeticError, KeyError, AssertionError: another program wrote a row.
    """
    book = Book()
    path = db.filename
    for _, payload in _rows(db, "account", "name, payload", "WHERE name = 'account'"):
        rest: _AccountRow = _decode_strictly(_account, payload, path, "account")
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
        book.states_by_key = dict(rest.states_by_key)
        book.seen_ids = dict(rest.seen_ids)
    if not with_history and not (book.cash and _has_legs(db)):
        return load_projections(db)
    shown = "" if with_history else f"WHERE status IN ({_OPEN_STATUSES})"
    for _, _, _, payload in _rows(db, "orders", "order_id, number, status, payload", f"{shown} ORDER BY number"):
        book.restore_order(_orders.decode(payload))
    limit = "" if with_history else "LIMIT 0"
    for _, _, order_id, payload in _rows(db, "deals", "account, deal, order_id, payload", f"ORDER BY deal {limit}"):
        book.restore_deal(_deals.decode(payload), order_id)
    before = book.stream.deals_before if book.stream is not None else 0
    book.changes_before_stream = sum(deal.deal <= before and deal.kind.is_trade for deal in book.deals)
    lots = 0
    for lots, (symbol, direction, payload) in enumerate(  # noqa: B007 - the count is checked below
        _rows(db, "lots", "symbol, direction, payload", "ORDER BY symbol"), 1
    ):
        held = _held.decode(payload)
        if isinstance(held, _PositionRow):
            multiplier = book.instruments[symbol].multiplier
            book.positions[symbol] = Position(symbol, multiplier, held.lots, held.legs)
        else:  # written by a version that stored no legs
            book.rebuild_position(symbol)
        assert book.positions[symbol].direction == direction, symbol
    if not book.cash:
        for deal in book.deals:
            post(book.cash, cash_flows(deal))
    counts = RowCounts(len(book.orders), len(book.deals), lots)
    if not with_history:
        counts = RowCounts(_count(db, "orders"), _count(db, "deals"), lots)
    return book, _load_cursor(db, counts)


def _has_legs(db: apsw.Connection) -> bool:
    """Whether every position was written by a version that stores its legs."""
    return all(isinstance(_held.decode(payload), _PositionRow) for (payload,) in db.execute("SELECT payload FROM lots"))


def _count(db: apsw.Connection, table: str) -> int:
    rows: Any = db.execute(f"SELECT count(*) FROM {table}")  # noqa: S608 - names of ours
    return int(rows.fetchone()[0])


def load_terms(db: apsw.Connection) -> tuple[StreamOpened | None, dict[str, Instrument]]:
    """Read only the stream and the terms of the symbols, in a time that does not depend on the ledger's length.

    Raises:
        DamagedRowError: the row is damaged.
        apsw.Error, ValueError: another program wrote the row.
    """
    for _, payload in _rows(db, "account", "name, payload", "WHERE name = 'account'"):
        row: _AccountRow = _decode_strictly(_account, payload, db.filename, "account")
        return row.stream, {learned.instrument.symbol: learned.instrument for learned in row.instruments}
    return None, {}


def _load_cursor(db: apsw.Connection, found: RowCounts) -> PersistedState:
    """Return the stored state of the tick cursor, after checking the end of the chain and the row counts."""
    path, end, row = db.filename, hash_chain.last_position(db), _cursor_row(db)
    if row is None:
        if end.number:
            raise DamagedRowError(
                f"{path}: the row of table cursor is missing, expected one beside {end.number} events"
            )
        return PersistedState()
    values: Any = row
    if (values[2], values[3]) != end:
        raise DamagedRowError(
            f"{path}: table events ends at event {end.number}, expected event {values[2]} as in table cursor"
        )
    if found != values[4:7]:
        raise DamagedRowError(
            f"{path}: tables orders, deals, lots have {', '.join(map(str, found))} rows, "
            f"expected {', '.join(map(str, values[4:7]))}"
        )
    return state_of(_decode_strictly(_cursor, values[1], path, "cursor"), read_curve(db))


def _rows(db: apsw.Connection, table: str, columns: str, clause: str) -> Iterator[Any]:
    rows = db.execute(f"SELECT {columns}, checksum FROM {table} {clause}")  # noqa: S608 - names of ours
    return checked_rows(db.filename, table, rows)


def _decode_strictly(decoder: msgspec.json.Decoder[Any], payload: bytes, path: str, table: str) -> Any:
    """Decode a row that must have every field, because a missing field would silently get its default.

    Raises:
        DamagedRowError: the encoded value differs from the row; the text names the different fields.
    """
    value = decoder.decode(payload)
    expected = _encode(value)
    if expected == payload:
        return value
    fields = sorted(different_fields(msgspec.json.decode(payload), msgspec.json.decode(expected)))
    raise DamagedRowError(
        f"{path}: the row of table {table} differs from the form of this version: {', '.join(fields) or 'its form'}; "
        "expected every field, restore the file from a backup"
    )


def different_fields(found: Any, expected: Any, at: str = "") -> Iterator[str]:
    """Yield the paths of the fields in which two decoded objects differ."""
    if isinstance(found, dict) and isinstance(expected, dict):
        for name in found.keys() | expected.keys():
            yield from (
                different_fields(found[name], expected[name], f"{at}{name}.")
                if name in found and name in expected
                else [f"{at}{name} is {'missing' if name in expected else 'unknown'}"]
            )
    elif found != expected:
        yield f"{at.removesuffix('.')} differs"


def rewrite_rows(db: apsw.Connection) -> None:
    """Rewrite the account row and the tick cursor of an earlier version with every field; checksums are added later."""
    for table, decoder in (("account", _account), ("cursor", _cursor)):
        key = _KEYS[table]
        rows = db.execute(f"SELECT {key}, payload FROM {table}").fetchall()  # noqa: S608 - names of ours
        for value, payload in rows:
            assert isinstance(payload, bytes), table
            written = _encode(decoder.decode(payload))
            db.execute(f"UPDATE {table} SET payload = ? WHERE {key} = ?", (written, value))  # noqa: S608 - as above


def rewrite_account_row(db: apsw.Connection) -> None:
    """Rewrite the account row of an earlier version, which has a checksum, with every field.

    Raises:
        DamagedRowError: the row is damaged.
    """
    for name, payload in list(_rows(db, "account", "name, payload", "")):
        row = with_checksum("account", name, _encode(_account.decode(payload)))
        db.execute("INSERT OR REPLACE INTO account VALUES (?, ?, ?)", row)


_KEYS: Final = {"account": "name", "cursor": "id"}


def open_lots(book: Book) -> dict[str, tuple[tuple[Lot, ...], tuple[Leg, ...]]]:
    """Return lots and legs of each symbol with a position."""
    return {
        symbol: (position.lots, position.legs) for symbol, position in book.positions.items() if not position.is_flat
    }


def account_row(book: Book) -> _AccountRow:
    """Return the account row of a book."""
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
        states_by_key=book.states_by_key,
        seen_ids=book.seen_ids,
    )
