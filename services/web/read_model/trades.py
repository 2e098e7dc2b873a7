"""Closed trades of the index: round trips of portfolio's accounting, computed deal by deal.

Only open lots are kept in memory. After a late deal or a change of a symbol's terms, all trades are computed again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final, NamedTuple

import apsw
import msgspec
from msgspec import Struct, structs

from proto.control.views import FillRow
from proto.time import SECOND_NS
from proto.trading.enums import Side
from services.portfolio.core.account.book import Book
from services.portfolio.core.accounting.round_trips import Charges, LotMatcher, OpenLotsState, RoundTrip
from services.portfolio.core.queries.views import trade_row
from services.portfolio.ledger.ledger_follower import NumberedDeals
from services.web.api.tables import TradeView
from services.web.read_model.excursions import ExcursionTerms, Extremes, excursion_terms, excursions
from services.web.read_model.pnl import add_to_days, clear_days
from services.web.read_model.table_writer import TableWriter
from services.web.read_model.tables import TRADES

RETRIES_MAX: Final = 50
"""Number of steps in which the bars of a new trade are read, because a bar may be stored after the deal."""
WAITING_MAX: Final = 500
"""Largest number of new trades that wait for their bars."""

_NONE: Final = float("-inf")
"""Sort value of an unknown amount."""

_SIDES: Final = {1: Side.BUY.value, -1: Side.SELL.value}

_encode: Final = msgspec.json.Encoder().encode
_fills: Final = msgspec.json.Decoder(FillRow)


class TradesState(Struct, frozen=True, kw_only=True):
    """Progress of the trades: the last processed deal, the number of trades, and the open lots."""

    last_deal: int
    count: int
    lots: OpenLotsState


class _Waiting(NamedTuple):
    trade: TradeView
    terms: ExcursionTerms
    left: int


class TradesIndex:
    """Computes the trades of an account and writes them, within transactions of the caller."""

    def __init__(self, db: apsw.Connection, book: Book, state: TradesState | None, extremes: Extremes) -> None:
        """Continue from a state; `book` has the stream and the instruments, and its orders are replaced."""
        self._db, self._book, self._extremes = db, book, extremes
        self._rows = TableWriter(db, TRADES)
        self._matcher = LotMatcher(book, None if state is None else state.lots)
        self._order_ids: dict[int, str] = {} if state is None else dict(state.lots.order_ids)
        self.last_deal = 0 if state is None else state.last_deal
        self.count = 0 if state is None else state.count
        self._waiting: deque[_Waiting] = deque(maxlen=WAITING_MAX)

    @property
    def state(self) -> TradesState:
        """The state from which another object can continue."""
        return TradesState(last_deal=self.last_deal, count=self.count, lots=self._matcher.state)

    @property
    def has_current_terms(self) -> bool:
        """Whether the terms of the symbols are still those with which the trades were computed."""
        return self._matcher.has_current_terms

    def open_order_ids(self) -> list[str]:
        """Return the ids of the orders that opened the open lots."""
        return list(self._order_ids.values())

    def open_charges(self) -> dict[str, dict[int, Charges]]:
        """Return the costs so far of each open ticket, by symbol and ticket; positive when paid."""
        state = self._matcher.state
        found: dict[str, dict[int, Charges]] = {}
        for symbol, lots in state.lots.items():
            tickets = found.setdefault(symbol, {})
            for lot in lots:
                paid = state.carried.get(lot.opened_by, Charges())
                tickets[lot.position] = tickets.get(lot.position, Charges()).plus(paid)
        return found

    def next_deals(self, limit: int) -> list[int]:
        """Return the numbers of the events with the next deals, at most `limit`, in the order of the deals."""
        rows: Iterable[Any] = self._db.execute(
            "SELECT event FROM fills WHERE number > ? ORDER BY number LIMIT ?", (self.last_deal, limit)
        )
        return [event for (event,) in rows]

    def restart(self) -> None:
        """Delete all trades, to compute them again from the first deal."""
        self._rows.clear()
        self._rows.write_counts()
        clear_days(self._db)
        self._matcher = LotMatcher(self._book)
        self._order_ids, self.last_deal, self.count = {}, 0, 0
        self._waiting.clear()

    def add(self, found: NumberedDeals) -> int:
        """Add the next deals with their orders and those of the open lots; return the number of new trades."""
        book = self._book
        book.orders = dict(found.orders)
        book.order_of_deal = dict(self._order_ids)
        made: list[TradeView] = []
        for booked in found.deals:
            if booked.order_id:
                book.order_of_deal[booked.deal.deal] = booked.order_id
            for trade in self._matcher.add(booked.deal):
                made.append(self._put(trade))
            self.last_deal = booked.deal.deal
        add_to_days(self._db, made, [booked.deal for booked in found.deals])
        self._rows.write_counts()
        self._order_ids = dict(self._matcher.state.order_ids)
        return len(made)

    def covered_trades(self) -> list[TradeView]:
        """Read the bars of new trades without excursions again, and return the trades that now have them."""
        covered = []
        waiting, self._waiting = self._waiting, deque(maxlen=WAITING_MAX)
        for one in waiting:
            found = excursions(one.terms, self._extremes)
            if found is not None:
                covered.append(structs.replace(one.trade, mae=found.mae, mfe=found.mfe))
            elif one.left > 1:
                self._waiting.append(one._replace(left=one.left - 1))
        return covered

    def update(self, trades: Iterable[TradeView]) -> None:
        """Write the excursions of trades that are already stored."""
        for trade in trades:
            self._db.execute(
                "UPDATE trades SET mae = ?, mfe = ?, payload = ? WHERE number = ?",
                (_amount(trade.mae), _amount(trade.mfe), _encode(trade), trade.trade),
            )

    def _put(self, trade: RoundTrip) -> TradeView:
        self.count += 1
        terms = excursion_terms(trade, self._book)
        found = None if terms is None else excursions(terms, self._extremes)
        row = trade_row(self.count, trade)
        view = TradeView(
            **structs.asdict(row),
            duration_s=(trade.closed_ns - trade.opened_ns) / SECOND_NS,
            mae=None if found is None else found.mae,
            mfe=None if found is None else found.mfe,
            entry_slippage=self._slippage(trade.opened_by),
        )
        opener = self._book.orders.get(trade.open_order_id)
        facets = (
            trade.symbol,
            _SIDES[trade.direction],
            trade.tag,
            "" if opener is None else opener.decision.cause.value,
        )
        sorts = (
            trade.closed_ns,
            float(view.profit),
            float(view.net),
            trade.closed_ns - trade.opened_ns,
            _amount(view.mae),
            _amount(view.mfe),
        )
        self._rows.put(self.count, facets, _encode(view), sorts=sorts)
        if terms is not None and found is None:
            self._waiting.append(_Waiting(view, terms, RETRIES_MAX))
        return view

    def _slippage(self, deal: int) -> Decimal | None:
        row: Any = self._db.execute("SELECT payload FROM fills WHERE number = ?", (deal,)).fetchone()
        return None if row is None else _fills.decode(row[0]).slippage


def _amount(value: Decimal | None) -> float:
    return _NONE if value is None else float(value)
