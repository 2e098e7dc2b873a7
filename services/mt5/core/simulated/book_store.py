"""Storage of the simulated book: the port that files implement, and a store in memory."""

from __future__ import annotations

from typing import Protocol

from services.mt5.core.simulated.book import Book, BookChange


class BookStore(Protocol):
    """Storage of the book; a change is stored as a whole or not at all when `commit` returns."""

    def load(self) -> Book:
        """The book as committed; an empty one before the first change."""

    def commit(self, change: BookChange) -> None:
        """Make a change durable."""


class MemoryBookStore:
    """A store in memory, for backtests, simulations and tests."""

    def __init__(self) -> None:
        self._changes: list[BookChange] = []

    def load(self) -> Book:
        """Apply all changes again."""
        book = Book()
        for change in self._changes:
            book.apply(change)
        return book

    def commit(self, change: BookChange) -> None:
        """Keep the change."""
        self._changes.append(change)
