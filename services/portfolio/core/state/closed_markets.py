"""Symbols whose market the venue itself has called closed, whatever is known of their sessions.

A terminal tells no sessions, and no venue tells every holiday. What was answered with MARKET_CLOSED is not asked for again with each
tick, but after a pause. Nothing is kept over a restart: the venue says it again.
"""

from __future__ import annotations

from collections.abc import Set
from typing import Final

from proto.gateway import ErrorCode
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import Event, OrderModifyAnswered, OrderUpdated, ProtectionAnswered

CLOSED_RETRY_NS: Final = 60_000_000_000
"""How long nothing more is sent for the symbol after the venue has called its market closed."""

_NONE: Final[frozenset[str]] = frozenset()


class ClosedMarkets:
    """When the venue last called the market of each symbol closed."""

    def __init__(self) -> None:
        """It has called none so yet."""
        self._refused_ns: dict[str, int] = {}

    def on_refusal(self, symbol: str, time_ns: int) -> None:
        """The venue would not execute, change or end something for this reason."""
        self._refused_ns[symbol] = time_ns

    def on_event(self, event: Event, book: Book, time_ns: int) -> None:
        """Take note of an answer of the venue, if it is one of this kind."""
        match event:
            case OrderUpdated(order_id=order_id, code=ErrorCode.MARKET_CLOSED):
                self.on_refusal(book.orders[order_id].symbol, time_ns)
            case OrderModifyAnswered(order_id=order_id, error=error) if error.startswith(ErrorCode.MARKET_CLOSED):
                self.on_refusal(book.orders[order_id].symbol, time_ns)
            case ProtectionAnswered(key=key, error=error) if error.startswith(ErrorCode.MARKET_CLOSED):
                if (guard := book.protections.get(key)) is not None:
                    self.on_refusal(guard.symbol, time_ns)

    def symbols_at(self, time_ns: int) -> Set[str]:
        """Those for which nothing is to be sent at a venue time."""
        if not self._refused_ns:
            return _NONE
        return {symbol for symbol, at_ns in self._refused_ns.items() if time_ns < at_ns + CLOSED_RETRY_NS}
