"""Storage of the simulated broker's book: the port, a store in memory, and none."""

from __future__ import annotations

from typing import Protocol

from services.mt5.core.simulated.book import Book, BookChange


class BookStore(Protocol):
    """Storage of the book; each change is stored as a whole or not at all."""

    def load(self) -> Book:
        """The book with all committed changes; an empty book before the first change."""

    def commit(self, change: BookChange) -> None:
        """Store a change; it is durable on return, unless the change has `is_synced` False."""


class MemoryBookStore:
    """A store in memory, for backtests, simulations and tests."""

    def __init__(self) -> None:
        self._changes: list[BookChange] = []

    def load(self) -> Book:
        """Rebuild the book from all changes."""
        book = Book()
        for change in self._changes:
            book.apply(change)
        return book

    def commit(self, change: BookChange) -> None:
        """Append the change to the list in memory."""
        self._changes.append(change)


class UnstoredBook:
    """The store of a new account that is neither restarted nor continued: it keeps nothing."""

    def load(self) -> Book:
        """The empty book."""
        return Book()

    def commit(self, change: BookChange) -> None:
        """Drop the change: the account has applied it."""
