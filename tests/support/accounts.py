"""Compares two books of an account by everything that they remember."""

from __future__ import annotations

from typing import Any, Final

from services.portfolio.core.account.book import Book

NOT_REMEMBERED: Final = frozenset({"changed_rows"})
"""Attributes that belong to writing a book and are no part of the account."""

ORDERED: Final = frozenset(
    {"instruments", "orders", "open_orders", "changes_by_key", "denials_by_key", "resets_by_key"}
)
"""Maps whose order is guaranteed, the oldest first."""


def account_state(book: Book) -> dict[str, Any]:
    """Everything that a book remembers, as plain values by the names of its attributes; a flat position is left out."""
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
    """Whether both remember the same."""
    return account_state(one) == account_state(other)
