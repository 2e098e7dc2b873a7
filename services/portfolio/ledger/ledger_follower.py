"""Reads new events of the ledger, each time in one short read transaction.

SQLite's writer can restart its write-ahead log only while no reader holds an older snapshot. So the data of a step, at
most a few thousand events, are read into memory and processed after the transaction has ended. The file is opened for
each step, so that a ledger that a backup has replaced is detected.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import apsw
import msgspec
from msgspec import Struct

from common.checksums import checked_row
from common.errors import StartError, error_text
from proto.trading.instrument import Instrument
from services.portfolio.core.account.events import (
    CancelRequested,
    DealBooked,
    Event,
    JournalChanged,
    OrderCreated,
    OrderModifyAnswered,
    OrderModifyRequested,
    OrderUpdated,
    StreamOpened,
)
from services.portfolio.core.account.orders import Order
from services.portfolio.ledger import hash_chain
from services.portfolio.ledger.hash_chain import BEGINNING, ChainPosition
from services.portfolio.ledger.ledger import open_ledger
from services.portfolio.ledger.projections import load_terms

_events: Final = msgspec.json.Decoder(Event)
_orders: Final = msgspec.json.Decoder(Order)


class OtherLedgerError(Exception):
    """The ledger does not continue the events that were followed; the text names the event that differs."""


class NewEvents(Struct, frozen=True, kw_only=True):
    """Events after a position, and the current orders that they concern.

    `events` are pairs of number and event. `end` is the position of the last one, `ledger_event` the number of the
    ledger's last event. `orders` has the orders by id as they are in the ledger now, which may be later than `end`.
    """

    events: list[tuple[int, Event]]
    orders: dict[str, Order]
    end: ChainPosition
    ledger_event: int


class NumberedDeals(Struct, frozen=True, kw_only=True):
    """Deals in the requested order, and by id their orders and the other requested ones."""

    deals: list[DealBooked]
    orders: dict[str, Order]


class LedgerEnd(Struct, frozen=True, kw_only=True):
    """The end of a ledger: its position, the current stream, and the terms of the symbols."""

    position: ChainPosition
    stream: StreamOpened | None
    instruments: dict[str, Instrument]


class LedgerFollower:
    """Reads one ledger file; it keeps neither a connection nor a transaction open between two calls."""

    def __init__(self, path: Path) -> None:
        """Follow the ledger at `path`, which need not exist yet."""
        self._path = path

    def read_events(self, after: ChainPosition, limit: int) -> NewEvents:
        """Read up to `limit` events after a position, and check their hashes.

        Raises:
            OtherLedgerError: the ledger has another event at this position, or none.
            StartError: the ledger does not exist or cannot be read, or its chain is broken.
        """
        with self._snapshot(after) as db:
            links = []
            for link in hash_chain.checked_links(db, after, events_max=limit):
                if link.fault:
                    raise StartError(f"{self._path}: {link.fault}")
                links.append(link)
            events = [(link.position.number, _events.decode(link.payload)) for link in links]
            orders = self._read_orders(db, (order_id for _, event in events for order_id in order_ids(event)))
            last = hash_chain.last_position(db)
        return NewEvents(
            events=events,
            orders=orders,
            end=links[-1].position if links else after,
            ledger_event=last.number,
        )

    def read_end(self) -> LedgerEnd:
        """Read the position of the last event, to follow only later ones.

        Raises:
            StartError: the ledger does not exist or cannot be read.
        """
        with self._snapshot(BEGINNING) as db:
            stream, instruments = load_terms(db)
            return LedgerEnd(position=hash_chain.last_position(db), stream=stream, instruments=instruments)

    def position_before_end(self, events: int) -> ChainPosition:
        """Return the position so many events before the end, or the beginning of a shorter ledger.

        Raises:
            StartError: the ledger does not exist or cannot be read.
        """
        with self._snapshot(BEGINNING) as db:
            number = hash_chain.last_position(db).number - events
            row: Any = db.execute("SELECT number, hash FROM events WHERE number = ?", (number,)).fetchone()
        return BEGINNING if row is None else ChainPosition(*row)

    def read_deals(self, at: ChainPosition, numbers: Iterable[int], further_orders: Iterable[str]) -> NumberedDeals:
        """Read the deals that events with these numbers booked, their orders, and orders with further ids.

        Raises:
            OtherLedgerError: the ledger has another event at the position `at`, or none.
            StartError: the ledger cannot be read.
        """
        deals: list[DealBooked] = []
        with self._snapshot(at) as db:
            for number in numbers:
                row: Any = db.execute("SELECT payload FROM events WHERE number = ?", (number,)).fetchone()
                event = None if row is None else _events.decode(row[0])
                if not isinstance(event, DealBooked):
                    raise OtherLedgerError(f"event {number} books no deal, expected the one that was followed")
                deals.append(event)
            wanted = [*(deal.order_id for deal in deals if deal.order_id), *further_orders]
            orders = self._read_orders(db, wanted)
        return NumberedDeals(deals=deals, orders=orders)

    @contextmanager
    def _snapshot(self, at: ChainPosition) -> Iterator[apsw.Connection]:
        """Open the ledger and begin a read transaction in which its event `at` is the expected one."""
        db = open_ledger(self._path)
        try:
            with db:
                if at != BEGINNING:
                    row: Any = db.execute("SELECT hash FROM events WHERE number = ?", (at.number,)).fetchone()
                    if row is None:
                        raise OtherLedgerError(f"it ends at event {hash_chain.last_position(db).number}")
                    if row[0] != at.hash:
                        raise OtherLedgerError(f"event {at.number} has another hash")
                yield db
        except (apsw.Error, msgspec.MsgspecError) as error:
            raise StartError(f"{self._path} cannot be read: {error_text(error)}") from None
        finally:
            db.close()

    def _read_orders(self, db: apsw.Connection, order_ids: Iterable[str]) -> dict[str, Order]:
        """Read the orders with these ids that the ledger has."""
        found = {}
        for order_id in dict.fromkeys(order_ids):
            row: Any = db.execute(
                "SELECT order_id, number, status, payload, checksum FROM orders WHERE order_id = ?", (order_id,)
            ).fetchone()
            if row is not None:
                payload: Any = checked_row(self._path, "orders", row)[3]
                found[order_id] = _orders.decode(payload)
        return found


def order_ids(event: Event) -> list[str]:
    """Return the ids of the orders that an event names. The ledger may lack an order that only the venue named."""
    match event:
        case OrderCreated(order=order):
            return [order.order_id]
        case OrderUpdated() | CancelRequested() | OrderModifyRequested() | OrderModifyAnswered():
            return [event.order_id]
        case DealBooked(order_id=order_id, deal=deal):
            return [named for named in dict.fromkeys((order_id, deal.order_id)) if named]
        case JournalChanged(doubtful=doubtful):
            return list(doubtful)
        case _:
            return []
