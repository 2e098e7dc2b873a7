"""What the gateway has of its broker: a terminal that sends orders and shows orders and deals, as MetaTrader's does.

A terminal may give no answer, an answer that is wrong, or an answer later; and what it shows may lag behind what happened.
So an answer is never the proof: the proof is what the broker shows under the order's magic. `simulated.direct_terminal` has none of that,
`simulated.faulty_terminal` all of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from proto.gateway import ErrorCode, Modify, PlaceOrder, Simulate, VenueDeal
from proto.time import Now
from services.mt5.core.ports.book_records import BookOrder, Modification


class Unavailable(NamedTuple):
    """Why the terminal cannot be asked at all."""

    code: ErrorCode
    message: str


class TradeResult(NamedTuple):
    """What the terminal answered to a request: MetaTrader's retcode and numbers, 0 where it told none.

    `error_code` and `message` say why a cancellation or a modification was refused, where more is known than the retcode.
    """

    retcode: int
    ticket: int
    deal: int
    error_code: ErrorCode | None = None
    message: str = ""


class CallInProgress(NamedTuple):
    """The terminal has not answered yet; it is asked again (`Terminal.poll`) at this monotonic time."""

    until_mono_ns: int


class Terminal(Protocol):
    """A terminal with one account."""

    def unavailable(self, now: Now) -> Unavailable | None:
        """Why nothing can be asked now; None when everything can."""

    def send(self, request: PlaceOrder, symbol: str, now: Now) -> TradeResult | CallInProgress | None:
        """Have an order executed; `symbol` is the broker's name. None: the call came back without an answer."""

    def poll(self, now: Now) -> TradeResult | CallInProgress | None:
        """What became of the request that was `CallInProgress`."""

    def cancel(self, order: BookOrder, now: Now, *, why: str) -> TradeResult | CallInProgress | None:
        """Have an order ended that rests. None: the call came back without an answer."""

    def modify(self, request: Modify, now: Now) -> TradeResult | CallInProgress | None:
        """Have an order or a position changed; `symbol` is the broker's name. None: no answer."""

    def previous_modification(self, request: Modify, now: Now) -> Modification | None:
        """What the same modification came to that was made before; None for a new one, and where that is not kept."""

    def resting(self, now: Now) -> Sequence[BookOrder]:
        """The orders shown of which something may still become."""

    def find(self, magic: int, now: Now) -> BookOrder | None:
        """The order that the broker shows under a magic."""

    def is_history_complete(self, now: Now) -> bool:
        """Whether what is not shown did not happen."""

    def orders_after(self, ticket: int, limit: int, now: Now) -> Sequence[BookOrder]:
        """The orders shown, by ticket."""

    def deals_after(self, deal: int, limit: int, now: Now) -> Sequence[VenueDeal]:
        """The deals shown, by number."""

    def deal_cursor(self, now: Now) -> int:
        """The number of the newest deal shown."""

    def inject_fault(self, command: Simulate, now: Now) -> dict[str, int] | None:
        """Begin a fault, or end them all: what is left of each fault, in calls or milliseconds; None where there are none."""

    def next_timer(self) -> int | None:
        """Monotonic time at which `on_timer` is due; None when only a call can change that."""

    def on_timer(self, now: Now) -> None:
        """Do what is due; what comes of it shows in the other methods."""
