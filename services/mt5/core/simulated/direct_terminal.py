"""The simulated broker's terminal without faults: calls take effect at once, and all orders and deals are shown."""

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
        """Use the simulated broker `venue`."""
        self.venue = venue

    def unavailable(self, now: Now) -> Unavailable | None:  # noqa: ARG002 - of the port
        """None, because this terminal is always available."""
        return None

    def send(
        self,
        request: PlaceOrder,
        symbol: str,
        now: Now,  # noqa: ARG002 - of the port
    ) -> TradeResult | CallInProgress | None:
        """Place an order at the simulated broker at once."""
        return order_result(self.venue.place(VenueOrderRequest.of(request, symbol=symbol)))

    def poll(self, now: Now) -> TradeResult | CallInProgress | None:
        """Must not be called, because no call is ever in progress."""
        raise AssertionError(f"no call is in progress at {now}")

    def cancel(
        self,
        order: BookOrder,
        now: Now,  # noqa: ARG002 - of the port
        *,
        why: str,
    ) -> TradeResult | CallInProgress | None:
        """Cancel an order at once, unless the market is within the freeze level of the order's price."""
        if self.venue.is_frozen(order):
            text = "the market is within the freeze level of the order's price"
            return TradeResult(retcodes.FROZEN, order.order.ticket, 0, ErrorCode.FROZEN, text)
        return order_result(self.venue.cancel(order, why))

    def modify(self, request: Modify, now: Now) -> TradeResult | CallInProgress | None:  # noqa: ARG002 - of the port
        """Modify an order or a position at once, or refuse."""
        outcome = self.venue.modify(request)
        return TradeResult(outcome.retcode, 0, 0, outcome.error_code, outcome.reason)

    def previous_modification(self, request: Modify, now: Now) -> Modification | None:  # noqa: ARG002 - of the port
        """The stored outcome of the same modification; None for a new one."""
        return self.venue.previous_modification(request)

    def resting(self, now: Now) -> Sequence[BookOrder]:  # noqa: ARG002 - of the port
        """The open orders of the book."""
        return self.venue.resting()

    def find(self, magic: int, now: Now) -> BookOrder | None:  # noqa: ARG002 - of the port
        """The first order of the book under a `magic`; None if there is none."""
        return self.venue.find(magic)

    def is_history_complete(self, now: Now) -> bool:  # noqa: ARG002 - of the port
        """True, because the book is always complete."""
        return True

    def orders_after(self, ticket: int, limit: int, now: Now) -> Sequence[BookOrder]:  # noqa: ARG002 - of the port
        """At most `limit` orders of the book with tickets above `ticket`."""
        return self.venue.orders_after(ticket, limit)

    def deals_after(self, deal: int, limit: int, now: Now) -> Sequence[VenueDeal]:  # noqa: ARG002 - of the port
        """At most `limit` deals of the book with numbers above `deal`."""
        return self.venue.deals_after(deal, limit)

    def deal_cursor(self, now: Now) -> int:  # noqa: ARG002 - of the port
        """The number of the newest deal in the book; 0 before the first."""
        return self.venue.deal_count

    def on_timer(self, now: Now) -> None:  # noqa: ARG002 - of the port
        """Release held orders; an earlier process with a faulty terminal may have left them."""
        for record in self.venue.held_orders():
            self.venue.release(record)

    def inject_fault(self, command: Simulate, now: Now) -> dict[str, int] | None:  # noqa: ARG002 - of the port
        """None, because this terminal has no faults."""
        return None

    def next_timer(self) -> int | None:
        """None, because nothing is scheduled: held orders are released whenever `on_timer` is called."""
        return None


def order_result(placed: BookOrder) -> TradeResult:
    """The terminal's answer for an order that the broker has processed."""
    order = placed.order
    return TradeResult(order.retcode, order.ticket, order.deal)
