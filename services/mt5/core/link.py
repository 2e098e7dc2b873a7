"""What the gateway has of its broker: a terminal that sends orders and shows orders and deals, as MetaTrader's does.

A terminal may give no answer, an answer that is wrong, or an answer later; and what it shows may lag behind what happened.
So an answer is never the proof: the proof is what the broker shows under the order's magic. `TerminalLink` is the simulated
broker's and has none of that; `faults.FaultyLink` has all of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from proto.gateway import ErrorCode, PlaceOrder, VenueDeal
from proto.time import Now
from services.mt5.core.book import BookOrder
from services.mt5.core.magic import comment_of, magic_of
from services.mt5.core.venue import SimulatedVenue


class Trouble(NamedTuple):
    """Why the terminal cannot be asked at all."""

    code: ErrorCode
    words: str


class Sent(NamedTuple):
    """What the terminal answered to an order: MetaTrader's retcode and numbers; 0 where it told none."""

    retcode: int
    ticket: int
    deal: int


class Waiting(NamedTuple):
    """The terminal has not answered yet; it is asked again (`Link.poll`) at this monotonic time."""

    until_mono_ns: int


class Link(Protocol):
    """A terminal with one account."""

    def trouble(self, now: Now) -> Trouble | None:
        """Why nothing can be asked now; None when everything can."""

    def send(self, request: PlaceOrder, symbol: str, now: Now) -> Sent | Waiting | None:
        """Have an order executed; `symbol` is the broker's name. None: the call came back without an answer."""

    def poll(self, now: Now) -> Sent | Waiting | None:
        """What became of the order that was `Waiting`."""

    def find(self, magic: int, now: Now) -> BookOrder | None:
        """The order that the broker shows under a magic."""

    def shows_all(self, now: Now) -> bool:
        """Whether what is not shown did not happen."""

    def orders_after(self, ticket: int, limit: int, now: Now) -> Sequence[BookOrder]:
        """The orders shown, by ticket."""

    def deals_after(self, deal: int, limit: int, now: Now) -> Sequence[VenueDeal]:
        """The deals shown, by number."""

    def deal_cursor(self, now: Now) -> int:
        """The number of the newest deal shown."""

    def step(self, now: Now) -> None:
        """Let happen what is due."""

    def next_due(self) -> int | None:
        """When `step` has something to do."""


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
        """Execute what rests: only a terminal with faults lets an order rest, and this one may have come after it."""
        for resting in self.venue.resting():
            self.venue.execute(resting)

    def next_due(self) -> int | None:
        """Never."""
        return None


def place(venue: SimulatedVenue, request: PlaceOrder, symbol: str, comment: str, *, rests: bool = False) -> BookOrder:
    """Hand an order to the broker under its magic."""
    return venue.place(
        magic=magic_of(request.order_id),
        comment=comment,
        symbol=symbol,
        side=request.side,
        volume=request.volume,
        rests=rests,
    )


def sent_of(placed: BookOrder) -> Sent:
    """The terminal's answer to an order that went through."""
    order = placed.order
    return Sent(order.retcode, order.ticket, order.deal)
