"""The simulated broker's book on disk. The file is separate from the desk's files, like a real broker's book.

Each change is one transaction that keeps orders, deals, positions and cash consistent. Every transaction is synced,
except checkpoints that a live market makes after many ticks within a second.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import apsw
import msgspec

from common.checksums import checked_row, checked_rows, sql_of_checksum, with_checksum
from common.errors import StartError
from common.fault_injection import crash_point
from common.file_identity import raise_if_damaged
from common.gc_control import gc_paused
from common.storage import WriterConnection, open_reader, open_writer, sync_mode, transaction, unreadable_file_error
from proto.gateway import VenueDeal
from proto.trading.enums import AccountMode
from services.mt5.core.ports.book_records import BookOrder, Modification
from services.mt5.core.simulated.book import Book, BookChange
from services.mt5.core.simulated.positions import Position
from services.mt5.stores import market_store

APPLICATION_ID: Final = market_store.APPLICATION_ID
SCHEMA_VERSION: Final = market_store.SCHEMA_VERSION
SCHEMA: Final = (
    """
CREATE TABLE account (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    stream_id TEXT NOT NULL,
    currency TEXT NOT NULL,
    account_mode TEXT NOT NULL,
    ordinal INTEGER NOT NULL,
    time_ns INTEGER NOT NULL,
    balance TEXT NOT NULL,
    is_within_tick INTEGER NOT NULL,
    last_set_off INTEGER NOT NULL,
    deals_before_stream INTEGER NOT NULL,
    endings INTEGER NOT NULL,
    endings_before_stream INTEGER NOT NULL,
    last_position_ticket INTEGER NOT NULL,
    checksum INTEGER NOT NULL
) STRICT;
CREATE TABLE orders (ticket INTEGER PRIMARY KEY, payload TEXT NOT NULL, checksum INTEGER NOT NULL) STRICT;
CREATE TABLE deals (deal INTEGER PRIMARY KEY, payload TEXT NOT NULL, checksum INTEGER NOT NULL) STRICT;
CREATE TABLE positions (ticket INTEGER PRIMARY KEY, payload TEXT NOT NULL, checksum INTEGER NOT NULL) STRICT;
CREATE TABLE modifications (target TEXT PRIMARY KEY, payload TEXT NOT NULL, checksum INTEGER NOT NULL)
  STRICT, WITHOUT ROWID;
"""
    + market_store.SCHEMA
)

_WRITE_ACCOUNT: Final = """
INSERT INTO account VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, iif(?7, ?4, 0), 0, ?8, 0, ?9, 0)
ON CONFLICT (id) DO UPDATE SET
    deals_before_stream = iif(stream_id = ?1, deals_before_stream, (SELECT count(*) FROM deals)),
    endings_before_stream = iif(stream_id = ?1, endings_before_stream, endings),
    endings = max(endings, ?8),
    stream_id = ?1, currency = ?2, account_mode = ?3, ordinal = ?4, time_ns = ?5, balance = ?6, is_within_tick = ?7,
    last_set_off = iif(?7, ?4, iif(stream_id = ?1, last_set_off, 0)),
    last_position_ticket = max(last_position_ticket, ?9)
"""
_ACCOUNT_COLUMNS: Final = (
    *("id", "stream_id", "currency", "account_mode", "ordinal", "time_ns", "balance", "is_within_tick", "last_set_off"),
    *("deals_before_stream", "endings", "endings_before_stream", "last_position_ticket"),
)
_ACCOUNT_CHECKSUM: Final = sql_of_checksum("account", _ACCOUNT_COLUMNS)
_SET_ACCOUNT_CHECKSUM: Final = f"UPDATE account SET checksum = {_ACCOUNT_CHECKSUM}"  # noqa: S608

# Decimals are stored as strings, so that 1.0850 keeps its last digit.
_encoder = msgspec.json.Encoder(decimal_format="string")
_order = msgspec.json.Decoder(BookOrder)
_deal = msgspec.json.Decoder(VenueDeal)
_position = msgspec.json.Decoder(Position)
_modification = msgspec.json.Decoder(Modification)

_CRASH_POINTS_OF_ORDERS: Final = ("mt5.before_call", "mt5.after_call")
_CRASH_POINTS_OF_OTHERS: Final = ("mt5.before_checkpoint", "mt5.after_checkpoint")


class DurableBookStore:
    """`simulated.book_store.BookStore` in a SQLite file; `commit` syncs every change that has `is_synced`."""

    def __init__(self, path: Path) -> None:
        """Open or create the file.

        Raises:
            StartError: the file cannot be used.
        """
        self._db: WriterConnection = open_writer(
            path, application_id=APPLICATION_ID, schema=SCHEMA, schema_version=SCHEMA_VERSION, synchronous="FULL"
        )
        self._path = path
        self.market = market_store.MarketStore(self._db, path)

    @property
    def time_ns(self) -> int:
        """Venue time of the book's tick, UTC, without loading the book; 0 for an empty book."""
        account = _account_row(self._db, self._path)
        return 0 if account is None else int(account["time_ns"])

    @property
    def is_empty(self) -> bool:
        """Whether the book has no account yet, without loading the book."""
        return self._db.execute("SELECT 1 FROM deals LIMIT 1").fetchone() is None

    def load(self) -> Book:
        """The book with all committed changes; an empty book before the first change.

        Raises:
            StartError: a row is damaged or cannot be read.
        """
        try:
            with gc_paused():
                return self._load()
        except (apsw.Error, ValueError, ArithmeticError) as error:
            raise unreadable_file_error(self._path, error, "restore it from a backup") from None

    def _load(self) -> Book:
        account = _account_row(self._db, self._path)
        if account is None:
            return Book()
        positions = [_position.decode(row) for row in self._payloads("positions", "ticket")]
        modifications = [_modification.decode(row) for row in self._payloads("modifications", "target")]
        deals = [_deal.decode(row) for row in self._payloads("deals", "deal")]
        if deals and deals[-1].deal != len(deals):
            raise StartError(
                f"{self._path}: table deals has {len(deals)} rows and deal {deals[-1].deal}, expected deals without a "
                "gap; restore the file from a backup"
            )
        return Book(
            stream_id=account["stream_id"],
            currency=account["currency"],
            account_mode=AccountMode(account["account_mode"]),
            ordinal=account["ordinal"],
            time_ns=account["time_ns"],
            balance=Decimal(account["balance"]),
            is_within_tick=bool(account["is_within_tick"]),
            last_set_off=account["last_set_off"],
            deals_before_stream=account["deals_before_stream"],
            endings_before_stream=account["endings_before_stream"],
            last_position_ticket=account["last_position_ticket"],
            orders=[_order.decode(row) for row in self._payloads("orders", "ticket")],
            deals=deals,
            positions={position.ticket: position for position in positions},
            modifications={one.target: one for one in modifications},
        )

    def _payloads(self, table: str, key: str) -> Iterator[str]:
        statement = f"SELECT {key}, payload, checksum FROM {table} ORDER BY {key}"  # noqa: S608
        rows = self._db.execute(statement)
        for _, payload in checked_rows(self._path, table, rows):
            assert isinstance(payload, str), table
            yield payload

    def commit(self, change: BookChange) -> None:
        """Store a change; it is durable on return, unless the change has `is_synced` False."""
        before, after = _CRASH_POINTS_OF_ORDERS if change.order is not None else _CRASH_POINTS_OF_OTHERS
        crash_point(before, change.ordinal)
        mode = "FULL" if change.is_synced else "NORMAL"
        with raise_if_damaged(self._path), sync_mode(self._db, mode, usual="FULL"), transaction(self._db):
            # This statement counts the deals before a new stream, so it precedes the insertion of the new deal.
            self._write_account(change)
            if change.order is not None:
                self._write("orders", change.order.order.ticket, change.order)
            if change.deal is not None:
                self._write("deals", change.deal.deal, change.deal)
            if change.removed:
                self._db.execute("DELETE FROM positions WHERE ticket = ?", (change.removed,))
            if change.position is not None:
                self._write("positions", change.position.ticket, change.position)
            if change.modification is not None:
                self._write("modifications", change.modification.target, change.modification)
        crash_point(after, change.ordinal)

    def require_file_unchanged(self) -> None:
        """Check that the opened file is still at its path.

        Raises:
            FileLostError: the file was removed or replaced.
        """
        self._db.require_in_place()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _write_account(self, change: BookChange) -> None:
        ticket = 0 if change.position is None else change.position.ticket
        ending = 0 if change.order is None else change.order.ending
        values = (
            change.stream_id,
            change.currency,
            change.account_mode.value,
            change.ordinal,
            change.time_ns,
            str(change.balance),
            int(change.is_within_tick),
            ending,
            ticket,
        )
        self._db.execute(_WRITE_ACCOUNT, values)
        self._db.execute(_SET_ACCOUNT_CHECKSUM)

    def _write(self, table: str, key: int | str, row: msgspec.Struct) -> None:
        values = with_checksum(table, key, _encoder.encode(row).decode())
        self._db.execute(f"INSERT OR REPLACE INTO {table} VALUES (?, ?, ?)", values)  # noqa: S608


def read_account_mode(book: Path) -> AccountMode | None:
    """The account mode in a book's file, which is not changed; None if there is no file or no account yet.

    Raises:
        StartError: the file cannot be read.
    """
    if not book.is_file():
        return None
    db = open_reader(book, application_id=APPLICATION_ID, schema_version=SCHEMA_VERSION)
    try:
        account = _account_row(db, book)
    except (apsw.Error, ValueError) as error:
        raise unreadable_file_error(book, error, "restore it from a backup") from None
    finally:
        db.close()
    return None if account is None else AccountMode(account["account_mode"])


def _account_row(db: apsw.Connection, path: Path) -> dict[str, Any] | None:
    row = db.execute(f"SELECT {', '.join(_ACCOUNT_COLUMNS)}, checksum FROM account").fetchone()  # noqa: S608
    return None if row is None else dict(zip(_ACCOUNT_COLUMNS, checked_row(path, "account", row), strict=True))
