"""The simulated broker's book on disk: a file of its own, as a real broker's would not be ours.

Each change is one synced transaction that leaves orders, deals, positions and cash in step.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import apsw

from common.faults import crash_point
from common.memory import collection_paused
from common.storage import open_writer, transaction
from proto.gateway import DealEntry, DealKind, ErrorCode, OrderReplyStatus, VenueDeal, VenueOrder
from proto.units import Side
from services.mt5 import market_store
from services.mt5.core.book import Book, BookChange, BookOrder
from services.mt5.core.netting import Position
from services.mt5.in_place import sound

APPLICATION_ID: Final = 0x50444231
SCHEMA_VERSION: Final = 3
SCHEMA: Final = (
    """
CREATE TABLE account (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    stream_id TEXT NOT NULL,
    currency TEXT NOT NULL,
    ordinal INTEGER NOT NULL,
    time_ns INTEGER NOT NULL,
    balance TEXT NOT NULL,
    deals_before_stream INTEGER NOT NULL,
    last_position_ticket INTEGER NOT NULL
) STRICT;
CREATE TABLE orders (
    ticket INTEGER PRIMARY KEY,
    comment TEXT NOT NULL,
    symbol TEXT NOT NULL,
    side TEXT NOT NULL,
    volume TEXT NOT NULL,
    filled_volume TEXT NOT NULL,
    filled_price TEXT,
    status TEXT NOT NULL,
    retcode INTEGER NOT NULL,
    reason TEXT NOT NULL,
    deal INTEGER NOT NULL,
    time_ns INTEGER NOT NULL,
    ordinal INTEGER NOT NULL,
    error_code TEXT,
    deal_cursor INTEGER NOT NULL,
    quiet INTEGER NOT NULL,
    magic INTEGER NOT NULL
) STRICT;
CREATE TABLE deals (
    deal INTEGER PRIMARY KEY,
    ticket INTEGER NOT NULL,
    comment TEXT NOT NULL,
    symbol TEXT NOT NULL,
    kind TEXT NOT NULL,
    entry TEXT NOT NULL,
    volume TEXT NOT NULL,
    price TEXT NOT NULL,
    profit TEXT NOT NULL,
    commission TEXT NOT NULL,
    swap TEXT NOT NULL,
    time_ns INTEGER NOT NULL,
    ordinal INTEGER NOT NULL,
    stepped INTEGER NOT NULL,
    note TEXT NOT NULL
) STRICT;
CREATE TABLE positions (
    symbol TEXT PRIMARY KEY,
    ticket INTEGER NOT NULL,
    volume TEXT NOT NULL,
    cost TEXT NOT NULL,
    price_open TEXT NOT NULL,
    time_ns INTEGER NOT NULL
) STRICT;
"""
    + market_store.SCHEMA
)

_WRITE_ACCOUNT: Final = """
INSERT INTO account (id, stream_id, currency, ordinal, time_ns, balance, deals_before_stream, last_position_ticket)
VALUES (1, ?1, ?2, ?3, ?4, ?5, 0, ?6)
ON CONFLICT (id) DO UPDATE SET
    deals_before_stream = iif(stream_id = ?1, deals_before_stream, (SELECT count(*) FROM deals)),
    stream_id = ?1, currency = ?2, ordinal = ?3, time_ns = ?4, balance = ?5,
    last_position_ticket = max(last_position_ticket, ?6)
"""

_POINTS_OF_ORDERS: Final = ("mt5.before_call", "mt5.after_call")
_POINTS_OF_OTHERS: Final = ("mt5.before_checkpoint", "mt5.after_checkpoint")


class DurableBookStore:
    """`core.book.BookStore` in a SQLite file; every change is synced before it returns."""

    def __init__(self, path: Path) -> None:
        """Open or make the file.

        Raises:
            StartError: the file cannot be used.
        """
        self._db: apsw.Connection = open_writer(
            path, application_id=APPLICATION_ID, schema=SCHEMA, schema_version=SCHEMA_VERSION, synchronous="FULL"
        )
        self._path = path
        self.market = market_store.MarketStore(self._db)

    @property
    def time_ns(self) -> int:
        """Where the book stands in venue time, without loading it; 0 for an empty one."""
        row = self._db.execute("SELECT time_ns FROM account").fetchone()
        return 0 if row is None else int(row[0])

    @property
    def is_empty(self) -> bool:
        """Whether no account has been opened yet, without loading the book."""
        return self._db.execute("SELECT 1 FROM deals LIMIT 1").fetchone() is None

    def load(self) -> Book:
        """The book as committed; an empty one when nothing was."""
        with collection_paused():
            return self._load()

    def _load(self) -> Book:
        account = self._db.execute(
            "SELECT stream_id, currency, ordinal, time_ns, balance, deals_before_stream, last_position_ticket FROM account"
        ).fetchone()
        if account is None:
            return Book()
        stream_id, currency, ordinal, time_ns, balance, deals_before_stream, last_position_ticket = account
        positions = [_position(row) for row in self._db.execute("SELECT * FROM positions ORDER BY ticket")]
        return Book(
            stream_id=stream_id,
            currency=currency,
            ordinal=ordinal,
            time_ns=time_ns,
            balance=Decimal(balance),
            deals_before_stream=deals_before_stream,
            last_position_ticket=last_position_ticket,
            orders=[_order(row) for row in self._db.execute("SELECT * FROM orders ORDER BY ticket")],
            deals=[_deal(row) for row in self._db.execute("SELECT * FROM deals ORDER BY deal")],
            positions={position.symbol: position for position in positions},
        )

    def commit(self, change: BookChange) -> None:
        """Make a change durable."""
        before, after = _POINTS_OF_ORDERS if change.order is not None else _POINTS_OF_OTHERS
        crash_point(before, change.ordinal)
        with sound(self._path), transaction(self._db):
            # Before the deal: what counts for a new stream is how many deals there were.
            self._write_account(change)
            if change.order is not None:
                self._write_order(change.order)
            if change.deal is not None:
                self._write_deal(change.deal)
            if change.symbol:
                self._write_position(change.symbol, change.position)
        crash_point(after, change.ordinal)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _write_account(self, change: BookChange) -> None:
        ticket = 0 if change.position is None else change.position.ticket
        self._db.execute(
            _WRITE_ACCOUNT,
            (change.stream_id, change.currency, change.ordinal, change.time_ns, str(change.balance), ticket),
        )

    def _write_order(self, placed: BookOrder) -> None:
        order = placed.order
        self._db.execute(
            "INSERT OR REPLACE INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                order.ticket,
                order.order_id,
                order.symbol,
                order.side.value,
                str(order.volume),
                str(order.filled_volume),
                None if order.filled_price is None else str(order.filled_price),
                order.status.value,
                order.retcode,
                order.reason,
                order.deal,
                order.time_ns,
                order.ordinal,
                None if placed.error_code is None else placed.error_code.value,
                placed.deal_cursor,
                int(placed.quiet),
                placed.magic,
            ),
        )

    def _write_deal(self, deal: VenueDeal) -> None:
        self._db.execute(
            "INSERT INTO deals VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                deal.deal,
                deal.ticket,
                deal.order_id,
                deal.symbol,
                deal.kind.value,
                deal.entry.value,
                str(deal.volume),
                str(deal.price),
                str(deal.profit),
                str(deal.commission),
                str(deal.swap),
                deal.time_ns,
                deal.ordinal,
                int(deal.stepped),
                deal.comment,
            ),
        )

    def _write_position(self, symbol: str, position: Position | None) -> None:
        if position is None:
            self._db.execute("DELETE FROM positions WHERE symbol = ?", (symbol,))
            return
        self._db.execute(
            "INSERT OR REPLACE INTO positions VALUES (?, ?, ?, ?, ?, ?)",
            (
                symbol,
                position.ticket,
                str(position.volume),
                str(position.cost),
                str(position.price_open),
                position.time_ns,
            ),
        )


def _order(row: tuple[Any, ...]) -> BookOrder:
    ticket, comment, symbol, side, volume, filled_volume, filled_price, status, *rest = row
    retcode, reason, deal, time_ns, ordinal, error_code, deal_cursor, quiet, magic = rest
    order = VenueOrder(
        ticket=ticket,
        order_id=comment,
        symbol=symbol,
        side=Side(side),
        volume=Decimal(volume),
        filled_volume=Decimal(filled_volume),
        filled_price=None if filled_price is None else Decimal(filled_price),
        status=OrderReplyStatus(status),
        retcode=retcode,
        reason=reason,
        deal=deal,
        time_ns=time_ns,
        ordinal=ordinal,
    )
    code = None if error_code is None else ErrorCode(error_code)
    return BookOrder(order=order, error_code=code, deal_cursor=deal_cursor, quiet=bool(quiet), magic=magic)


def _deal(row: tuple[Any, ...]) -> VenueDeal:
    deal, ticket, comment, symbol, kind, entry, volume, price, profit, *rest = row
    commission, swap, time_ns, ordinal, stepped, note = rest
    return VenueDeal(
        deal=deal,
        ticket=ticket,
        order_id=comment,
        symbol=symbol,
        kind=DealKind(kind),
        entry=DealEntry(entry),
        volume=Decimal(volume),
        price=Decimal(price),
        profit=Decimal(profit),
        commission=Decimal(commission),
        swap=Decimal(swap),
        time_ns=time_ns,
        ordinal=ordinal,
        stepped=bool(stepped),
        comment=note,
    )


def _position(row: tuple[Any, ...]) -> Position:
    symbol, ticket, volume, cost, price_open, time_ns = row
    return Position(
        ticket=ticket,
        symbol=symbol,
        volume=Decimal(volume),
        cost=Decimal(cost),
        price_open=Decimal(price_open),
        time_ns=time_ns,
    )
