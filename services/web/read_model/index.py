"""The read model: pages of orders, fills, trades, denials and events, and sums, from an index of the ledger.

`follow` reads the ledger's new events and writes them to the index, a SQLite file that only this object writes. The
index is derived data. It is rebuilt if it is damaged, if its schema is of another version, and if the ledger does not
have the last event of the index: after a backup was restored, or with the ledger of another account.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import Any, Final

import msgspec

from common import clock
from common.errors import StartError, error_text
from common.logs import get_logger
from common.storage import DISK_FAULTS
from proto.control.views import FillRow, OrderRow
from services.portfolio.core.account.order_status import OrderStatus
from services.portfolio.core.accounting.round_trips import Charges
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME
from services.portfolio.ledger.ledger_follower import LedgerFollower, OtherLedgerError
from services.web.api.schemas import LedgerSource
from services.web.api.tables import (
    DenialRow,
    DenialsPage,
    EquityCurve,
    EventRow,
    EventsPage,
    FillsPage,
    OrdersPage,
    TradesPage,
    TradesSummary,
    TradeView,
)
from services.web.disk_reserve import RESERVE_BYTES, keep_reserve
from services.web.read_model.equity import last_point_ns, read_equity
from services.web.read_model.excursions import Extremes
from services.web.read_model.filters import (
    DenialFilter,
    EventFilter,
    FillFilter,
    OrderFilter,
    PageFilter,
    TradeFilter,
)
from services.web.read_model.index_file import DAMAGE, FILE_NAME, IndexFile, IndexUnavailableError
from services.web.read_model.index_writer import IndexWriter, Revisions
from services.web.read_model.paging import FoundPage, PageRequest, read_page
from services.web.read_model.pnl import RealizedPnl, read_pnl
from services.web.read_model.tables import DENIALS, EVENTS, FILLS, NUMBER, ORDERS, TRADES, Table
from services.web.read_model.trade_summary import read_trade_summary

EVENTS_PER_STEP: Final = 5_000
"""Largest number of events of one step, whose read transaction takes about 0.1 s."""

_OPEN: Final = frozenset(status.value for status in OrderStatus if status.is_open)
_FOREIGN: Final = (msgspec.MsgspecError, ValueError, ArithmeticError, KeyError)
"""Errors of values in the index that another program wrote."""

_log = get_logger()


def no_bars(_symbol: str, _from_ns: int, _to_ns: int) -> None:
    """Extremes of a market without bars: none."""


class ReadModel:
    """Serves pages from the index and follows the ledger. All methods may be called in any thread."""

    def __init__(self, data_dir: Path, *, extremes: Extremes = no_bars, reserve_bytes: int = RESERVE_BYTES) -> None:
        """Open the index in the data folder of a desk, or create it; the ledger need not exist yet.

        Args:
            data_dir: folder of the ledger and the index.
            extremes: lowest and highest bid of a symbol in an interval, for MAE and MFE of trades.
            reserve_bytes: free space of the disk below which the index gets no more rows.

        Raises:
            StartError: another process writes to the index, or the disk or folder cannot be written.
        """
        self._extremes = extremes
        self._reserve_bytes = reserve_bytes
        self._ledger = data_dir / LEDGER_FILE_NAME
        self._follower = LedgerFollower(self._ledger)
        self._following = Lock()
        self._file = IndexFile(data_dir / FILE_NAME)
        self._damage = ""
        self._source = LedgerSource(event=0, read_ns=0, problem="the ledger has not been read")
        self._is_complete = False
        self._writer = self._new_writer()

    @property
    def source(self) -> LedgerSource:
        """The last event in the index and the time of the last read; `problem` is empty if the index is complete."""
        return self._source

    @property
    def is_complete(self) -> bool:
        """Whether the last step found no further event or deal."""
        return self._is_complete

    @property
    def revisions(self) -> Revisions:
        """Number of the last event that changed each table."""
        return self._writer.revisions

    def follow(self, limit: int = EVENTS_PER_STEP) -> int:
        """Add up to `limit` new events to the index; return the number of the last event in it.

        A ledger that cannot be read, or a full disk, is the `problem` of `source`; the next step tries again.

        Raises:
            StartError: the index must be rebuilt, and cannot be.
        """
        with self._following:
            try:
                problem = self._step(limit)
            except OtherLedgerError as error:
                self._make_again(f"the ledger does not continue the index: {error}")
                problem = "the index is being rebuilt"
            except DAMAGE as error:
                self._make_again(f"it is damaged: {error_text(error)}")
                problem = "the index is being rebuilt"
            except (StartError, *DISK_FAULTS) as error:
                self._is_complete = False
                self._writer = self._new_writer()
                problem = error_text(error)
            except BaseException:  # after any error the writer's memory may differ from the file; raised again
                self._writer = self._new_writer()
                raise
            self._source = LedgerSource(
                event=self._writer.position.number, read_ns=clock.wall_ns(), problem=problem[:500]
            )
            return self._writer.position.number

    def close(self) -> None:
        """Close the index; no other method may run or be called later."""
        self._file.close()

    def orders(self, wanted: OrderFilter) -> OrdersPage:
        """Return a page of orders.

        Raises:
            FilterError: the table does not have the sort, limit or cursor.
            IndexUnavailableError: the index cannot be read at present.
        """
        facets = _wanted(symbol=wanted.symbol, side=wanted.side, tag=wanted.tag, cause=wanted.cause)
        if wanted.status == "open":
            facets["status"] = _OPEN
        found = self._page(ORDERS, facets, wanted)
        return OrdersPage(total=found.total, next=found.next, rows=self._rows(found, _order_rows))

    def order(self, order_id: str) -> OrderRow | None:
        """Return the order with this id; None if the index has none.

        Raises:
            IndexUnavailableError: the index cannot be read at present.
        """
        with self._file.reading() as db:
            row: Any = db.execute("SELECT payload FROM orders WHERE order_id = ?", (order_id,)).fetchone()
        return None if row is None else self._rows(FoundPage(1, "", [row[0]]), _order_rows)[0]

    def fills(self, wanted: FillFilter) -> FillsPage:
        """Return a page of deals.

        Raises:
            FilterError: the table does not have the sort, limit or cursor.
            IndexUnavailableError: the index cannot be read at present.
        """
        facets = _wanted(symbol=wanted.symbol, side=wanted.side, tag=wanted.tag, cause=wanted.cause)
        found = self._page(FILLS, facets, wanted)
        return FillsPage(total=found.total, next=found.next, rows=self._rows(found, _fill_rows))

    def trades(self, wanted: TradeFilter) -> TradesPage:
        """Return a page of closed trades.

        Raises:
            FilterError: the table does not have the sort, limit or cursor.
            IndexUnavailableError: the index cannot be read at present.
        """
        facets = _wanted(symbol=wanted.symbol, side=wanted.side, tag=wanted.tag, cause=wanted.cause)
        found = self._page(TRADES, facets, wanted)
        return TradesPage(total=found.total, next=found.next, rows=self._rows(found, _trade_rows))

    def trade_summary(self, wanted: TradeFilter, *, width: int) -> TradesSummary:
        """Return the sums of all trades that match a filter, whatever its sort, limit and cursor.

        Args:
            wanted: filter of the trades.
            width: number of intervals of the curve of the net profit, > 0.

        Raises:
            IndexUnavailableError: the index cannot be read at present.
        """
        facets = _wanted(symbol=wanted.symbol, side=wanted.side, tag=wanted.tag, cause=wanted.cause)
        request = PageRequest(TRADES, facets, NUMBER, from_ns=wanted.from_ns, to_ns=wanted.to_ns)
        try:
            with self._file.reading() as db:
                return read_trade_summary(db, request, width)
        except IndexUnavailableError as error:
            self._damage = str(error)
            raise
        except _FOREIGN as error:
            self._damage = f"a row cannot be read: {error}"
            raise IndexUnavailableError(self._damage) from error

    def denials(self, wanted: DenialFilter) -> DenialsPage:
        """Return a page of denials.

        Raises:
            FilterError: the table does not have the sort, limit or cursor.
            IndexUnavailableError: the index cannot be read at present.
        """
        facets = _wanted(symbol=wanted.symbol, tag=wanted.tag, code=wanted.code, cause=wanted.cause)
        found = self._page(DENIALS, facets, wanted)
        return DenialsPage(total=found.total, next=found.next, rows=self._rows(found, _denial_rows))

    def events(self, wanted: EventFilter) -> EventsPage:
        """Return a page of the journal, newest first.

        Raises:
            FilterError: the table does not have the limit or cursor.
            IndexUnavailableError: the index cannot be read at present.
        """
        facets = _wanted(symbol=wanted.symbol, tag=wanted.tag, code=wanted.code, type=wanted.type)
        found = self._page(EVENTS, facets, PageFilter(limit=wanted.limit, cursor=wanted.cursor))
        return EventsPage(total=found.total, next=found.next, rows=self._rows(found, _event_rows))

    def equity(self, *, from_ns: int | None = None, to_ns: int | None = None, width: int = 1_000) -> EquityCurve:
        """Return the equity curve between two times, both included, thinned to the width of a chart in pixels.

        Raises:
            StartError: the ledger cannot be read.
            ValueError: the width is not positive.
        """
        return read_equity(self._ledger, from_ns=from_ns, to_ns=to_ns, width=width)

    def last_equity_ns(self) -> int:
        """Return the time of the last point of the equity curve in UTC nanoseconds; 0 without one.

        Raises:
            StartError: the ledger cannot be read.
        """
        return last_point_ns(self._ledger)

    def pnl(self, now_ns: int) -> RealizedPnl:
        """Return the realized profit of the server's day, week and month at UTC time `now_ns`.

        Raises:
            IndexUnavailableError: the index cannot be read at present.
        """
        with self._file.reading() as db:
            return read_pnl(db, now_ns)

    def denial_counts(self) -> dict[str, int]:
        """Return the number of denials by code.

        Raises:
            IndexUnavailableError: the index cannot be read at present.
        """
        with self._file.reading() as db:
            rows: Any = db.execute("SELECT code, sum(rows) FROM denials_categories GROUP BY code ORDER BY code")
            return {code: count for code, count in rows if count}

    def open_charges(self) -> dict[str, dict[int, Charges]]:
        """Return the costs so far of each open ticket, by symbol and ticket; positive when paid."""
        with self._following:
            return self._writer.open_charges()

    def _step(self, limit: int) -> str:
        if self._damage:
            reason, self._damage = self._damage, ""
            self._make_again(f"it is damaged: {reason}")
        writer = self._writer
        new = self._follower.read_events(writer.position, limit)
        if new.events:
            keep_reserve(self._file.path.parent, self._reserve_bytes)
            writer.add_events(new)
        behind = new.ledger_event - writer.position.number
        deals = [] if behind else writer.next_deals(limit)
        if deals:
            writer.add_deals(self._follower.read_deals(writer.position, deals, writer.open_order_ids()))
        writer.add_excursions()
        self._is_complete = not behind and len(deals) < limit
        if behind:
            return f"the index is being built: {behind} of {new.ledger_event} events are missing"
        return "" if self._is_complete else "the index is being built: trades are missing"

    def _make_again(self, reason: str) -> None:
        self._is_complete = False
        self._file.make_again(reason)
        self._writer = self._new_writer()

    def _new_writer(self) -> IndexWriter:
        try:
            return IndexWriter(self._file.writer, self._extremes)
        except (*DAMAGE, *_FOREIGN) as error:
            self._file.make_again(f"it is damaged: {error_text(error)}")
        return IndexWriter(self._file.writer, self._extremes)

    def _page(self, table: Table, wanted: Mapping[str, frozenset[str]], page: PageFilter) -> FoundPage:
        request = PageRequest(
            table=table,
            wanted=wanted,
            sort=page.sort,
            limit=page.limit,
            cursor=page.cursor,
            from_ns=page.from_ns,
            to_ns=page.to_ns,
        )
        try:
            with self._file.reading() as db:
                return read_page(db, request)
        except IndexUnavailableError as error:
            self._damage = str(error)
            raise

    def _rows(self, found: FoundPage, decoder: msgspec.json.Decoder[Any]) -> list[Any]:
        try:
            return [decoder.decode(payload) for payload in found.rows]
        except _FOREIGN as error:
            self._damage = f"a row cannot be read: {error}"
            raise IndexUnavailableError(self._damage) from error


_order_rows: Final = msgspec.json.Decoder(OrderRow)
_fill_rows: Final = msgspec.json.Decoder(FillRow)
_trade_rows: Final = msgspec.json.Decoder(TradeView)
_denial_rows: Final = msgspec.json.Decoder(DenialRow)
_event_rows: Final = msgspec.json.Decoder(EventRow)


def _wanted(**values: str | None) -> dict[str, frozenset[str]]:
    return {name: frozenset({value}) for name, value in values.items() if value is not None}
