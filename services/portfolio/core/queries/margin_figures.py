"""The margin of the account's positions, what is free of it, and the margin level."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from proto.trading.margin import free_margin, margin_level_pct
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.tick_cursor import TickCursor
from services.portfolio.core.accounting.valuation import account_margin


class MarginFigures(NamedTuple):
    """Margin and free margin in account currency, and equity / margin in percent; None if unknown or without margin."""

    margin: Decimal | None
    free: Decimal | None
    level_pct: Decimal | None


def margin_figures(book: Book, cursor: TickCursor, equity: Decimal | None) -> MarginFigures:
    """Return the figures at the marks of the last decided tick; `equity` is None while it is not known."""
    stream = book.stream
    margin = None if stream is None else account_margin(book, cursor.marks, leverage=stream.leverage)
    if margin is None or equity is None:
        return MarginFigures(margin, None, None)
    return MarginFigures(
        margin, free_margin(equity=equity, margin=margin), margin_level_pct(equity=equity, margin=margin)
    )
