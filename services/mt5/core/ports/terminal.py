"""The port of a terminal: it sends orders, and shows orders and deals, as a MetaTrader terminal does.

A terminal may give no answer, a wrong one or a late one, and what it shows may lag behind what happened. So an answer
is never a proof; the proof is what the broker shows under the order's magic. `simulated.direct_terminal` has no such
faults, `simulated.faulty_terminal` has all of them on command.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from proto.gateway import ErrorCode, Modify, PlaceOrder, Simulate, VenueDeal
from proto.time import Now
from services.mt5.core.ports.book_records import BookOrder, Modification


class Unavailable(NamedTuple):
    """Why the terminal cannot be used."""

    code: ErrorCode
    message: str


class TradeResult(NamedTuple):
    """The terminal's answer to a request: MetaTrader's retcode, and the tickets of order and deal, 0 where it has none.

    `error_code` and `message` give the reason of a refused cancellation or modification, where more than the retcode is
    known.
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
    """A terminal with one account."""

    def unavailable(self, now: Now) -> Unavailable | None:
        """Why the terminal cannot be used now; None where it can."""

    def send(self, request: PlaceOrder, symbol: str, now: Now) -> TradeResult | CallInProgress | None:
        """Send an order; `symbol` is the broker's name. None: the call returned without an answer."""

    def poll(self, now: Now) -> TradeResult | CallInProgress | None:
        """The answer to the request that was `CallInProgress`."""

    def cancel(self, order: BookOrder, now: Now, *, why: str) -> TradeResult | CallInProgress | None:
        """Cancel a resting order; `why` is its reason for people. None: the call returned without an answer."""

    def modify(self, request: Modify, now: Now) -> TradeResult | CallInProgress | None:
        """Modify an order or a position; the request has the broker's symbol. None: the call returned without an answer."""

    def previous_modification(self, request: Modify, now: Now) -> Modification | None:
        """The outcome of the same modification made before; None for a new one, and where that is not kept."""

    def resting(self, now: Now) -> Sequence[BookOrder]:
        """The open orders shown."""

    def find(self, magic: int, now: Now) -> BookOrder | None:
        """The order that the broker shows under a magic; None where it shows none."""

    def is_history_complete(self, now: Now) -> bool:
        """Whether everything that happened is shown."""

    def orders_after(self, ticket: int, limit: int, now: Now) -> Sequence[BookOrder]:
        """At most `limit` of the orders shown, of higher tickets than `ticket`, by ticket."""

    def deals_after(self, deal: int, limit: int, now: Now) -> Sequence[VenueDeal]:
        """At most `limit` of the deals shown, of higher numbers than `deal`, by number."""

    def deal_cursor(self, now: Now) -> int:
        """The number of the newest deal shown; 0 before the first."""

    def inject_fault(self, command: Simulate, now: Now) -> dict[str, int] | None:
        """Begin a fault, or end all; returns the rest of each in calls or milliseconds, None without fault support."""

    def next_timer(self) -> int | None:
        """Monotonic time at which `on_timer` is due; None when only a call can change that."""

    def on_timer(self, now: Now) -> None:
        """Do what is due; its effect shows in the other methods."""
