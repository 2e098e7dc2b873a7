"""The terminal of the simulated broker without faults: calls take effect at once, and everything is shown."""

from __future__ import annotations

from collections.abc import Sequence

from proto.gateway import ErrorCode, Modify, PlaceOrder, Simulate, VenueDeal
from proto.time import Now
from services.mt5.core.ports import retcodes
from services.mt5.core.ports.book_records import BookOrder, Modification
from services.mt5.core.ports.order_request import VenueOrderRequest
from services.mt5.core.ports.terminal import CallInProgress, TradeResult, Unavailable
from services.mt5.core.simulated.venue import SimulatedVenue


class DirectTerminal:
    """The simulated broker's terminal without faults."""

    def __init__(self, venue: SimulatedVenue) -> None:
        """Trade at `venue`."""
        self.venue = venue

    def unavailable(self, now: Now) -> Unavailable | None:  # noqa: ARG002 - a terminal without faults needs no clock
        """None: it is always available."""
        return None

    def send(self, request: PlaceOrder, symbol: str, now: Now) -> TradeResult | CallInProgress | None:  # noqa: ARG002 - as above
        """Execute an order at once."""
        return order_result(self.venue.place(VenueOrderRequest.of(request, symbol=symbol)))

    def poll(self, now: Now) -> TradeResult | CallInProgress | None:
        """Must not be called: no call is ever in progress."""
        raise AssertionError(f"nothing waits at {now}")

    def cancel(self, order: BookOrder, now: Now, *, why: str) -> TradeResult | CallInProgress | None:  # noqa: ARG002 - as above
        """Cancel an order at once, unless it is within the freeze level."""
        if self.venue.is_frozen(order):
            return TradeResult(
                retcodes.FROZEN, order.order.ticket, 0, ErrorCode.FROZEN, "it is too near to its execution"
            )
        return order_result(self.venue.cancel(order, why))

    def modify(self, request: Modify, now: Now) -> TradeResult | CallInProgress | None:  # noqa: ARG002 - as above
        """Modify at once, or refuse."""
        outcome = self.venue.modify(request)
        return TradeResult(outcome.retcode, 0, 0, outcome.error_code, outcome.reason)

    def previous_modification(self, request: Modify, now: Now) -> Modification | None:  # noqa: ARG002 - as above
        """The entry of the book."""
        return self.venue.previous_modification(request)

    def resting(self, now: Now) -> Sequence[BookOrder]:  # noqa: ARG002 - as above
        """The entries of the book."""
        return self.venue.resting()

    def find(self, magic: int, now: Now) -> BookOrder | None:  # noqa: ARG002 - as above
        """The entry of the book."""
        return self.venue.find(magic)

    def is_history_complete(self, now: Now) -> bool:  # noqa: ARG002 - as above
        """True: the book is complete."""
        return True

    def orders_after(self, ticket: int, limit: int, now: Now) -> Sequence[BookOrder]:  # noqa: ARG002 - as above
        """The entries of the book."""
        return self.venue.orders_after(ticket, limit)

    def deals_after(self, deal: int, limit: int, now: Now) -> Sequence[VenueDeal]:  # noqa: ARG002 - as above
        """The entries of the book."""
        return self.venue.deals_after(deal, limit)

    def deal_cursor(self, now: Now) -> int:  # noqa: ARG002 - as above
        """Number of deals in the book."""
        return self.venue.deal_count

    def on_timer(self, now: Now) -> None:  # noqa: ARG002 - as above
        """Release held orders, which an earlier process with a faulty terminal may have left."""
        for record in self.venue.held_orders():
            self.venue.release(record)

    def inject_fault(self, command: Simulate, now: Now) -> dict[str, int] | None:  # noqa: ARG002 - as above
        """None: this terminal has no faults."""
        return None

    def next_timer(self) -> int | None:
        """None: it needs no timer."""
        return None


def order_result(placed: BookOrder) -> TradeResult:
    """The terminal's answer to an order that the broker has processed."""
    order = placed.order
    return TradeResult(order.retcode, order.ticket, order.deal)
