"""Rows of the journal: each event of the ledger as one line of text, with its id for WHY."""

from __future__ import annotations

from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import Event, OrderDenied
from services.portfolio.core.account.orders import Cause
from services.portfolio.core.queries.event_text import denied_direction, event_text, event_time_ns, event_type
from services.web.api.tables import DenialRow, EventRow


def event_row(number: int, event: Event, book: Book) -> EventRow:
    """Return the journal's row of an event; its time is 0 for an event without one.

    Args:
        number: number of the event in the ledger.
        event: the event.
        book: has the instruments, and the orders that the event names.
    """
    line = event_text(event, book)
    return EventRow(
        number=number,
        time_ns=event_time_ns(event),
        type=event_type(event),
        symbol=line.symbol,
        tag=line.tag,
        code=line.code,
        order_id=line.order_id,
        text=line.text,
        why_id=line.why_id,
    )


def denial_row(number: int, event: OrderDenied) -> DenialRow:
    """Return the row of a denial; `number` is that of its event.

    The direction is empty for a change of an order or of stops. The confidence of a command is None.
    """
    return DenialRow(
        number=number,
        time_ns=event.time_ns,
        symbol=event.symbol,
        direction=denied_direction(event),
        code=event.code,
        limit=event.limit,
        observed=event.observed,
        denial_id=event.denial_id,
        cause=event.cause,
        tag=event.tag,
        confidence=None if event.cause == Cause.MANUAL else event.confidence,
    )
