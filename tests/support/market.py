"""Constant quotes, and times from text."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from proto.trading.money import Quote


class FixedQuotes:
    """Quotes that never change."""

    def __init__(self, **quotes: tuple[str, str]) -> None:
        self._quotes = {symbol: Quote(Decimal(bid), Decimal(ask)) for symbol, (bid, ask) in quotes.items()}

    def quote(self, symbol: str) -> Quote | None:
        return self._quotes.get(symbol)


def utc_ns(text: str) -> int:
    """UTC nanoseconds of a text such as 2026-01-05 22:00."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000_000
