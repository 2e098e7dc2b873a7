"""Where the simulated book survives: the port that files implement, and a store in memory."""

from __future__ import annotations

from typing import Protocol

from services.mt5.core.simulated.book import Book, BookChange


class BookStore(Protocol):
    """Where the book survives; a change is there whole or not at all once `commit` has returned."""

    def load(self) -> Book:
        """The book as committed; an empty one when nothing was."""

    def commit(self, change: BookChange) -> None:
        """Make a change durable."""


class MemoryBookStore:
    """A store that lives as long as its process: for backtests, simulations and tests."""

    def __init__(self) -> None:
        self._changes: list[BookChange] = []

    def load(self) -> Book:
        """Fold all the changes again."""
        book = Book()
        for change in self._changes:
            book.apply(change)
        return book

    def commit(self, change: BookChange) -> None:
        """Keep the change."""
        self._changes.append(change)
