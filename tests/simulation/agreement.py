"""Comparison of ledger and venue at the end of a run, without the desk's own reconciliation.

In each function, `again` is the command that repeats the run. It is part of the text of a failure.
"""

from __future__ import annotations

from decimal import Decimal

from proto.gateway import OrderReplyStatus
from services.mt5.core.simulated.book import Book as VenueBook
from services.portfolio.core.account.book import Book

Held = dict[tuple[str, int], Decimal]


def held_by_ledger(book: Book) -> Held:
    """Signed lots by symbol and, on a hedging account, by ticket."""
    return {
        (symbol, leg.ticket): leg.volume * leg.direction
        for symbol, position in book.positions.items()
        for leg in position.legs
    }


def held_by_venue(venue: VenueBook, *, is_hedging: bool) -> Held:
    """Signed lots as in the venue's book."""
    return {
        (position.symbol, position.ticket if is_hedging else 0): position.volume
        for position in venue.positions.values()
    }


def assert_positions(book: Book, venue: VenueBook, again: str, *, costs: bool) -> None:
    """Compare volumes and stops; with `costs` also the costs, which depend on the order in which deals are reported."""
    assert held_by_ledger(book) == held_by_venue(venue, is_hedging=book.is_hedging), again
    guards = {(guard.symbol, guard.position): guard for guard in book.protections.values()}
    for position in venue.positions.values():
        ticket = position.ticket if book.is_hedging else 0
        leg = book.position(position.symbol).leg(ticket)
        assert not costs or leg.cost == position.cost, (leg, position, again)
        guard = guards.pop((position.symbol, ticket), None)
        stops = (None, None) if guard is None else (guard.stop_loss, guard.take_profit)
        assert stops == (position.stop_loss, position.take_profit), (guard, position, again)
        assert guard is None or not guard.is_in_flight, (guard, again)
    assert not guards, (guards, again)


def assert_the_same_account(book: Book, venue: VenueBook, again: str) -> None:
    """Require that ledger and venue have equal orders, deals, positions, stops and cash, as in a lock-step stream."""
    assert book.balance == venue.balance, again
    assert book.deals == venue.deals, again
    assert [
        (order.order_id, order.ticket, order.filled_volume, order.filled_price, _is_over(order.status))
        for order in book.orders.values()
    ] == [
        (placed.order.order_id, placed.order.ticket, placed.order.filled_volume, placed.order.filled_price,
         _is_over(placed.order.status))
        for placed in venue.orders
    ], again  # fmt: skip
    assert_positions(book, venue, again, costs=True)


def _is_over(status: str) -> bool:
    return status not in (OrderReplyStatus.ACCEPTED, OrderReplyStatus.PARTIALLY_FILLED)
