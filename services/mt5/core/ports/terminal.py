"""The port of a terminal, which sends orders and shows orders and deals as a MetaTrader terminal does.

A terminal's answer may be missing, wrong or late, and new orders and deals may appear late. So the only proof is the
order that the broker shows under the order's magic. `simulated.direct_terminal` has none of these faults;
`simulated.faulty_terminal` has them on command.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from proto.gateway import ErrorCode, Modify, PlaceOrder, Simulate, VenueDeal
from proto.time import Now
from services.mt5.core.ports.book_records import BookOrder, Modification


class Unavailable(NamedTuple):
    """The reason why the terminal cannot be used: an error code and a text."""

    code: ErrorCode
    message: str


class TradeResult(NamedTuple):
    """The terminal's answer to a request: MetaTrader's retcode, and the numbers of order and deal (0 for none).

    `error_code` and `message` explain a refused cancellation or modification, if more than the retcode is known.
    """

    retcode: int
    ticket: int
    deal: int
    error_code: ErrorCode | None = None
    message: str = ""


class CallInProgress(NamedTuple):
    """The terminal has not answered yet; `Terminal.poll` is called again at this monotonic time."""

    until_mono_ns: int


class Terminal(Protocol):
    """A terminal with one account; None from `send`, `poll`, `cancel` or `modify` means a call without an answer."""

    def unavailable(self, now: Now) -> Unavailable | None:
        """Why the terminal cannot be used now; None if it can."""

    def send(self, request: PlaceOrder, symbol: str, now: Now) -> TradeResult | CallInProgress | None:
        """Send an order; `symbol` is the broker's name."""

    def poll(self, now: Now) -> TradeResult | CallInProgress | None:
        """The answer to the call in progress; `CallInProgress` if the terminal still has not answered."""

    def cancel(self, order: BookOrder, now: Now, *, why: str) -> TradeResult | CallInProgress | None:
        """Cancel a resting order; `why` is the reason, for people."""

    def modify(self, request: Modify, now: Now) -> TradeResult | CallInProgress | None:
        """Modify an order or a position; the request has the broker's symbol."""

    def previous_modification(self, request: Modify, now: Now) -> Modification | None:
        """The outcome of an earlier request for the same modification; None for a new one, or if none was stored."""

    def resting(self, now: Now) -> Sequence[BookOrder]:
        """The open orders that the terminal shows."""

    def find(self, magic: int, now: Now) -> BookOrder | None:
        """The order that the terminal shows under a `magic`; None if it shows none."""

    def is_history_complete(self, now: Now) -> bool:
        """Whether the terminal certainly shows all orders and deals."""

    def orders_after(self, ticket: int, limit: int, now: Now) -> Sequence[BookOrder]:
        """At most `limit` of the shown orders whose tickets are above `ticket`, by ticket."""

    def deals_after(self, deal: int, limit: int, now: Now) -> Sequence[VenueDeal]:
        """At most `limit` of the shown deals whose numbers are above `deal`, by number."""

    def deal_cursor(self, now: Now) -> int:
        """The number of the newest deal that the terminal shows; 0 before the first."""

    def inject_fault(self, command: Simulate, now: Now) -> dict[str, int] | None:
        """Begin a fault, or end all faults.

        Returns:
            The calls or milliseconds left of each active fault; None for a terminal without faults.
        """

    def next_timer(self) -> int | None:
        """Monotonic time at which `on_timer` is due; None if nothing is scheduled."""

    def on_timer(self, now: Now) -> None:
        """Do the work that is due now, such as passing on an order that was held back."""
