"""Writes the ledger's events to the index: each step in one transaction, together with the position reached."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Struct, structs

from common.storage import WriterConnection, transaction
from proto.trading.instrument import Instrument
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import (
    DealBooked,
    Event,
    InstrumentLearned,
    LeverageChanged,
    OrderDenied,
    StreamOpened,
)
from services.portfolio.core.account.orders import Order
from services.portfolio.core.accounting.round_trips import Charges
from services.portfolio.core.queries.event_text import event_type
from services.portfolio.core.queries.views import fill_row, order_row
from services.portfolio.ledger.hash_chain import BEGINNING, ChainPosition
from services.portfolio.ledger.ledger_follower import NewEvents, NumberedDeals
from services.web.read_model.excursions import Extremes
from services.web.read_model.journal import denial_row, event_row
from services.web.read_model.table_writer import TableWriter
from services.web.read_model.tables import DENIALS, EVENTS, FILLS, ORDERS
from services.web.read_model.trades import TradesIndex, TradesState

_encode: Final = msgspec.json.Encoder().encode


class Revisions(Struct, frozen=True, kw_only=True):
    """Number of the last event that changed each table; `trades` also rises by a change without an event."""

    orders: int = 0
    fills: int = 0
    trades: int = 0
    denials: int = 0
    events: int = 0


class _Position(Struct, frozen=True, kw_only=True):
    event: int
    hash: str
    revisions: Revisions


class _Account(Struct, frozen=True, kw_only=True):
    stream: StreamOpened | None
    instruments: list[Instrument]


class IndexWriter:
    """Writes to one index file; after a failed step the caller makes a new writer."""

    def __init__(self, db: WriterConnection, extremes: Extremes) -> None:
        """Continue from the position in the file.

        Raises:
            msgspec.MsgspecError, ValueError: another program wrote the file.
        """
        self._db = db
        self._book = Book()
        self._orders, self._fills = TableWriter(db, ORDERS), TableWriter(db, FILLS)
        self._denials, self._events = TableWriter(db, DENIALS), TableWriter(db, EVENTS)
        position = self._kept("position", _Position)
        self.position = BEGINNING
        """Position of the last event in the index."""
        self.revisions = Revisions()
        if position is not None:
            self.position = ChainPosition(position.event, bytes.fromhex(position.hash))
            self.revisions = position.revisions
        account = self._kept("account", _Account)
        if account is not None:
            self._book.stream = account.stream
            self._book.instruments = {terms.symbol: terms for terms in account.instruments}
        self._trades = TradesIndex(db, self._book, self._kept("trades", TradesState), extremes)

    def add_events(self, new: NewEvents) -> None:
        """Write new events, and the rows of the orders, deals and denials that they concern."""
        book, number = self._book, new.end.number
        book.orders = new.orders
        changed = {"events": number}
        with transaction(self._db):
            before = book.stream
            is_account_new = False
            for at, event in new.events:
                if isinstance(event, StreamOpened | LeverageChanged | InstrumentLearned):
                    book.apply(event)
                    is_account_new = True
                if isinstance(event, DealBooked):
                    self._put_fill(at, event)
                    changed["fills"] = number
                elif isinstance(event, OrderDenied):
                    self._put_denial(at, event)
                    changed["denials"] = number
                self._put_event(at, event)
            for order in new.orders.values():
                self._put_order(order)
                changed["orders"] = number
            if is_account_new:
                account = _Account(stream=book.stream, instruments=list(book.instruments.values()))
                self._keep("account", account)
            if self._must_restart_trades(new, before):
                self._trades.restart()
                self._keep("trades", self._trades.state)
                changed["trades"] = max(number, self.revisions.trades + 1)
            for table in (self._orders, self._fills, self._denials, self._events):
                table.write_counts()
            revisions = structs.replace(self.revisions, **changed)
            self._keep("position", _Position(event=number, hash=new.end.hash.hex(), revisions=revisions))
        self.position, self.revisions = new.end, revisions

    def next_deals(self, limit: int) -> list[int]:
        """Return the numbers of the events with the next deals for the trades, at most `limit`."""
        return self._trades.next_deals(limit)

    def open_order_ids(self) -> list[str]:
        """Return the ids of the orders whose lots are open, which `add_deals` needs."""
        return self._trades.open_order_ids()

    def open_charges(self) -> dict[str, dict[int, Charges]]:
        """Return the costs so far of each open ticket, by symbol and ticket; positive when paid."""
        return self._trades.open_charges()

    def add_deals(self, found: NumberedDeals) -> None:
        """Write the trades that the next deals completed."""
        with transaction(self._db):
            is_changed = self._trades.add(found)
            self._keep("trades", self._trades.state)
            revisions = self.revisions
            if is_changed:
                revisions = self._keep_revision_of_trades()
        self.revisions = revisions

    def add_excursions(self) -> None:
        """Write the excursions of recent trades whose bars have arrived since the trades were written."""
        covered = self._trades.covered_trades()
        if covered:
            with transaction(self._db):
                self._trades.update(covered)
                revisions = self._keep_revision_of_trades()
            self.revisions = revisions

    def _keep_revision_of_trades(self) -> Revisions:
        number = max(self.position.number, self.revisions.trades + 1)
        revisions = structs.replace(self.revisions, trades=number)
        at = _Position(event=self.position.number, hash=self.position.hash.hex(), revisions=revisions)
        self._keep("position", at)
        return revisions

    def _must_restart_trades(self, new: NewEvents, before: StreamOpened | None) -> bool:
        """Whether a deal was reported late, or the terms of the account or of a symbol changed."""
        last = self._trades.last_deal
        if not last:
            return False
        stream = self._book.stream
        is_late = any(isinstance(event, DealBooked) and event.deal.deal <= last for _, event in new.events)
        return is_late or not self._trades.has_current_terms or _money_terms(stream) != _money_terms(before)

    def _put_order(self, order: Order) -> None:
        row = order_row(order)
        facets = (row.symbol, row.side, row.tag, row.cause, row.status)
        sorts = (row.created_ns, float(row.profit))
        self._orders.put(row.number, facets, _encode(row), sorts=sorts, extra=(row.order_id,), may_exist=True)

    def _put_fill(self, number: int, event: DealBooked) -> None:
        row = fill_row(event.deal, self._book)
        order = self._book.orders.get(event.order_id)
        tag, cause = ("", "") if order is None else (order.tag, order.decision.cause.value)
        sorts = (row.time_ns, float(row.profit))
        self._fills.put(row.deal, (row.symbol, row.kind, tag, cause), _encode(row), sorts=sorts, extra=(number,))

    def _put_denial(self, number: int, event: OrderDenied) -> None:
        row = denial_row(number, event)
        self._denials.put(number, (row.symbol, row.tag, row.code, row.cause), _encode(row), sorts=(row.time_ns,))

    def _put_event(self, number: int, event: Event) -> None:
        row = event_row(number, event, self._book)
        self._events.put(number, (row.symbol, row.tag, row.code, event_type(event)), _encode(row))

    def _keep(self, name: str, value: Struct) -> None:
        self._db.execute("INSERT OR REPLACE INTO kept VALUES (?, ?)", (name, _encode(value)))

    def _kept(self, name: str, kind: type[Any]) -> Any:
        row: Any = self._db.execute("SELECT value FROM kept WHERE name = ?", (name,)).fetchone()
        return None if row is None else msgspec.json.decode(row[0], type=kind)


def _money_terms(stream: StreamOpened | None) -> tuple[object, ...]:
    return () if stream is None else (stream.account_mode, stream.currency, stream.currency_digits)
