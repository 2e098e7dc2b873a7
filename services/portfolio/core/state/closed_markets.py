"""Symbols whose market the venue has reported closed, in addition to their known sessions.

A terminal reports no sessions, and no venue every holiday. A request refused with MARKET_CLOSED is repeated after a
pause, not with each tick. Nothing is kept over a restart: the venue will report it again.
"""

from __future__ import annotations

from collections.abc import Set
from typing import Final

from proto.gateway import ErrorCode
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import Event, OrderModifyAnswered, OrderUpdated, ProtectionAnswered

CLOSED_RETRY_NS: Final = 60_000_000_000
"""Pause in requests for a symbol after the venue has reported its market closed."""

_NONE: Final[frozenset[str]] = frozenset()


class ClosedMarkets:
    """Times at which the venue last reported the market of each symbol closed."""

    def __init__(self) -> None:
        """Start with none."""
        self._refused_ns: dict[str, int] = {}

    def on_refusal(self, symbol: str, time_ns: int) -> None:
        """Record a refusal because of a closed market, at a venue time."""
        self._refused_ns[symbol] = time_ns

    def on_event(self, event: Event, book: Book, time_ns: int) -> None:
        """Record the venue's answer to a request if it is MARKET_CLOSED."""
        match event:
            case OrderUpdated(order_id=order_id, code=ErrorCode.MARKET_CLOSED):
                self.on_refusal(book.orders[order_id].symbol, time_ns)
            case OrderModifyAnswered(order_id=order_id, error=error) if error.startswith(ErrorCode.MARKET_CLOSED):
                self.on_refusal(book.orders[order_id].symbol, time_ns)
            case ProtectionAnswered(key=key, error=error) if error.startswith(ErrorCode.MARKET_CLOSED):
                if (guard := book.protections.get(key)) is not None:
                    self.on_refusal(guard.symbol, time_ns)

    def symbols_at(self, time_ns: int) -> Set[str]:
        """Symbols in their pause at a venue time."""
        if not self._refused_ns:
            return _NONE
        return {symbol for symbol, at_ns in self._refused_ns.items() if time_ns < at_ns + CLOSED_RETRY_NS}
