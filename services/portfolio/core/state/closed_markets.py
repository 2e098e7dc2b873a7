"""Symbols whose market the venue has reported as closed, although their sessions are open or unknown.

A terminal reports no sessions, and no venue reports every holiday. A request refused with MARKET_CLOSED is repeated
only after a pause. The reports are not stored: after a restart the venue refuses the next request, too.
"""

from __future__ import annotations

from collections.abc import Set
from typing import Final

from proto.gateway import ErrorCode
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import Event, OrderModifyAnswered, OrderUpdated, ProtectionAnswered

CLOSED_RETRY_NS: Final = 60_000_000_000
"""Pause in the requests for a symbol after the venue has reported its market as closed."""

_NONE: Final[frozenset[str]] = frozenset()


class ClosedMarkets:
    """Venue time at which each symbol's market was last reported as closed."""

    def __init__(self) -> None:
        """Start without a report."""
        self._refused_ns: dict[str, int] = {}

    def on_refusal(self, symbol: str, time_ns: int) -> None:
        """Record a refusal because of a closed market, at venue time `time_ns`."""
        self._refused_ns[symbol] = time_ns

    def on_event(self, event: Event, book: Book, time_ns: int) -> None:
        """Record the venue's answer to a request, at venue time `time_ns`, if the answer is MARKET_CLOSED."""
        match event:
            case OrderUpdated(order_id=order_id, code=ErrorCode.MARKET_CLOSED):
                self.on_refusal(book.orders[order_id].symbol, time_ns)
            case OrderModifyAnswered(order_id=order_id, error=error) if error.startswith(ErrorCode.MARKET_CLOSED):
                self.on_refusal(book.orders[order_id].symbol, time_ns)
            case ProtectionAnswered(key=key, error=error) if error.startswith(ErrorCode.MARKET_CLOSED):
                if (guard := book.protections.get(key)) is not None:
                    self.on_refusal(guard.symbol, time_ns)

    def symbols_at(self, time_ns: int) -> Set[str]:
        """Return the symbols whose pause is not over at venue time `time_ns`."""
        if not self._refused_ns:
            return _NONE
        return {symbol for symbol, at_ns in self._refused_ns.items() if time_ns < at_ns + CLOSED_RETRY_NS}
