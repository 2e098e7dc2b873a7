"""The simulated broker without a terminal between: it does as it is told at once and shows everything."""

from __future__ import annotations

from collections.abc import Sequence

from proto.gateway import ErrorCode, Modify, PlaceOrder, VenueDeal
from proto.time import Now
from services.mt5.core.ports import retcodes
from services.mt5.core.ports.book_records import BookOrder, Modification
from services.mt5.core.ports.magic import comment_of, magic_of
from services.mt5.core.ports.terminal import Sent, Trouble, Waiting
from services.mt5.core.simulated.venue import SimulatedVenue


class TerminalLink:
    """The simulated broker, with a terminal that does as it is told and shows everything at once."""

    def __init__(self, venue: SimulatedVenue) -> None:
        """Stand in front of a broker."""
        self.venue = venue

    def trouble(self, now: Now) -> Trouble | None:  # noqa: ARG002 - a terminal without faults needs no clock
        """Never."""
        return None

    def send(self, request: PlaceOrder, symbol: str, now: Now) -> Sent | Waiting | None:  # noqa: ARG002 - as above
        """Executed at once."""
        return sent_of(place(self.venue, request, symbol, comment_of(request.order_id)))

    def poll(self, now: Now) -> Sent | Waiting | None:
        """Nothing ever waits."""
        raise AssertionError(f"nothing waits at {now}")

    def cancel(self, order: BookOrder, now: Now, *, why: str) -> Sent | Waiting | None:  # noqa: ARG002 - as above
        """Ended at once, unless it is about to be executed."""
        if self.venue.is_frozen(order):
            return Sent(retcodes.FROZEN, order.order.ticket, 0, ErrorCode.FROZEN, "it is too near to its execution")
        return sent_of(self.venue.cancel(order, why))

    def modify(self, request: Modify, now: Now) -> Sent | Waiting | None:  # noqa: ARG002 - as above
        """Changed at once, or refused."""
        outcome = self.venue.modify(request)
        return Sent(outcome.retcode, 0, 0, outcome.error_code, outcome.reason)

    def modified(self, request: Modify, now: Now) -> Modification | None:  # noqa: ARG002 - as above
        """As the book has it."""
        return self.venue.modified(request)

    def resting(self, now: Now) -> Sequence[BookOrder]:  # noqa: ARG002 - as above
        """As the book has them."""
        return self.venue.resting()

    def find(self, magic: int, now: Now) -> BookOrder | None:  # noqa: ARG002 - as above
        """As the book has it."""
        return self.venue.find(magic)

    def shows_all(self, now: Now) -> bool:  # noqa: ARG002 - as above
        """The book is complete."""
        return True

    def orders_after(self, ticket: int, limit: int, now: Now) -> Sequence[BookOrder]:  # noqa: ARG002 - as above
        """As the book has them."""
        return self.venue.orders_after(ticket, limit)

    def deals_after(self, deal: int, limit: int, now: Now) -> Sequence[VenueDeal]:  # noqa: ARG002 - as above
        """As the book has them."""
        return self.venue.deals_after(deal, limit)

    def deal_cursor(self, now: Now) -> int:  # noqa: ARG002 - as above
        """Deals in the book."""
        return self.venue.deal_count

    def step(self, now: Now) -> None:  # noqa: ARG002 - as above
        """Let go what is held: only a terminal with faults holds orders back, and this one may have come after it."""
        for record in self.venue.held():
            self.venue.release(record)

    def next_due(self) -> int | None:
        """Never."""
        return None


def place(venue: SimulatedVenue, request: PlaceOrder, symbol: str, comment: str, *, held: bool = False) -> BookOrder:
    """Hand an order to the broker under its magic."""
    return venue.place(
        magic=magic_of(request.order_id),
        comment=comment,
        symbol=symbol,
        side=request.side,
        volume=request.volume,
        type=request.type,
        time_in_force=request.filling,
        price=request.price,
        stop_loss=request.stop_loss,
        take_profit=request.take_profit,
        expires_ns=request.expires_ns,
        position=request.position,
        deviation_points=request.deviation_points,
        held=held,
    )


def sent_of(placed: BookOrder) -> Sent:
    """The terminal's answer to an order that went through."""
    order = placed.order
    return Sent(order.retcode, order.ticket, order.deal)
