"""Comparing accounts: two books are the same when nothing that can be asked of them differs."""

from __future__ import annotations

from typing import Any

from services.portfolio.core.book import Book


def state_of(book: Book) -> dict[str, Any]:
    """Everything that a book remembers, as plain values; a flat position is as good as none."""
    return {
        "stream": book.stream,
        "ended": book.ended,
        "reconciled": book.reconciled,
        "instruments": list(book.instruments.items()),
        "orders": list(book.orders.items()),
        "open_orders": book.open_orders,
        "deals": book.deals,
        "deal_cursor": book.deal_cursor,
        "position_changes": book.position_changes,
        "amounts": book.amounts(),
        "cash": book.cash,
        "order_of_deal": book.order_of_deal,
        "filled_of_order": book.filled_of_order,
        "filled_of_symbol": book.filled_of_symbol,
        "trading": book.trading,
        "acknowledged": book.acknowledged,
        "foreign_positions": book.foreign_positions,
        "cleared": book.cleared,
        "epoch": book.epoch,
        "journal_id": book.journal_id,
        "positions": {
            symbol: (position.lots, position.legs, position.net_volume, position.label, position.contract_size)
            for symbol, position in sorted(book.positions.items())
            if not position.is_flat
        },
    }


def same(one: Book, other: Book) -> bool:
    """True when both remember the same."""
    return state_of(one) == state_of(other)
