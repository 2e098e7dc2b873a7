"""Comparison of two books of an account by all their attributes."""

from __future__ import annotations

from typing import Any, Final

from services.portfolio.core.account.book import Book

NOT_REMEMBERED: Final = frozenset({"changed_rows"})
"""Attributes that serve to store a book and are not part of the account."""

ORDERED: Final = frozenset(
    {"instruments", "orders", "open_orders", "changes_by_key", "denials_by_key", "resets_by_key", "states_by_key"}
)
"""Maps whose order is compared too; the oldest entry is first."""


def account_state(book: Book) -> dict[str, Any]:
    """The attributes of a book as plain values, by name; a flat position is omitted."""
    state = {
        name: list(value.items()) if name in ORDERED else value
        for name, value in vars(book).items()
        if name not in NOT_REMEMBERED
    }
    state["positions"] = {
        symbol: (position.lots, position.legs, position.net_volume, position.label, position.multiplier)
        for symbol, position in sorted(book.positions.items())
        if not position.is_flat
    }
    return state


def is_same_account(one: Book, other: Book) -> bool:
    """Whether two books have the same state."""
    return account_state(one) == account_state(other)
