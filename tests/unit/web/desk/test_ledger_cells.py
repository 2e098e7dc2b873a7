"""The cells that depend on the ledger, made from the index of a real ledger."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from proto.time import MINUTE_NS
from proto.trading.enums import Side
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import DealBooked, Event, OrderCreated
from services.portfolio.core.account.tick_cursor import TickCursor
from services.portfolio.core.state.persisted import PersistedState
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, Ledger
from services.web.api.schemas import DenialsCell, PnlView, RevisionsCell
from services.web.desk.ledger_cells import ROWS, LedgerCells
from services.web.read_model.index import ReadModel
from tests.support.builders import (
    START_NS,
    a_deal,
    a_deposit,
    an_instrument_learned,
    an_opened_stream,
    an_order,
)


def written_ledger(folder: Path, deals: int) -> int:
    """Write a ledger with one order and deal after the other on the same side; returns the number of events."""
    book, events = Book(), list[Event]()
    with_orders: list[Event] = [
        an_opened_stream(),
        an_instrument_learned(),
        DealBooked(deal=a_deposit(), order_id="", closings=[]),
    ]
    for number in range(1, deals + 1):
        order = an_order(number)
        with_orders.append(OrderCreated(order=order))
        deal = a_deal(number + 1, Side.BUY, order_id=order.order_id)
        with_orders.append(DealBooked(deal=deal, order_id=order.order_id, closings=[]))
    ledger = Ledger(folder / LEDGER_FILE_NAME)
    for event in with_orders:
        book.apply(event)
        events.append(event)
    ledger.commit(events, book, PersistedState(TickCursor()))
    ledger.close()
    return len(events)


def test_the_newest_rows_and_the_revisions_are_cells(tmp_path: Path) -> None:
    last = written_ledger(tmp_path, ROWS + 5)
    model = ReadModel(tmp_path)
    venue_time_ns = [0]
    cells = LedgerCells(model, venue_time_ns=lambda: venue_time_ns[0], unrealized=lambda: Decimal("1.50"))
    assert model.follow() == last
    assert cells.charges_of("EURUSD") is None
    values = cells.values()
    assert values["revisions"] == RevisionsCell(orders=last, fills=last, trades=0, denials=0, events=last, equity=0)
    fills = values["fills"]
    assert isinstance(fills, list)
    assert [fill.deal for fill in fills] == list(range(ROWS + 6, 6, -1)), "newest first"
    assert values["denials"] == DenialsCell(counts={}, latest=[])
    assert "pnl" not in values, "the venue's day is not known yet"
    venue_time_ns[0] = START_NS + MINUTE_NS
    pnl = cells.values()["pnl"]
    assert isinstance(pnl, PnlView)
    assert pnl.open == Decimal("1.50")
    charges = cells.charges_of("EURUSD")
    assert charges is not None
    assert set(charges) == {0}
    model.close()
