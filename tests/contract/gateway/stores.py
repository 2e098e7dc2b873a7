"""Implementations of journal and book store under one contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services.mt5.core.gateway.journal import Journal, MemoryJournal
from services.mt5.core.simulated.book_store import BookStore, MemoryBookStore
from services.mt5.stores.book_store import DurableBookStore
from services.mt5.stores.journal_store import DurableJournal


class Reopened:
    """A journal and a book store that can be closed and opened again, as by a restart of the gateway."""

    def __init__(self, folder: Path | None) -> None:
        """Use `folder`, or memory if it is None."""
        self._folder = folder
        self._memory = (MemoryJournal("journal-1"), MemoryBookStore())
        self._open: list[DurableJournal | DurableBookStore] = []

    def __call__(self) -> tuple[Journal, BookStore]:
        """Open both, after closing the open ones."""
        self.close()
        if self._folder is None:
            return self._memory
        journal = DurableJournal(self._folder / "journal.db", new_id="journal-1", account="paper-USD")
        book_store = DurableBookStore(self._folder / "book.db")
        self._open = [journal, book_store]
        return journal, book_store

    def close(self) -> None:
        """Close the open ones."""
        for store in self._open:
            store.close()
        self._open = []


Reopen = Callable[[], tuple[Journal, BookStore]]


@pytest.fixture(params=["memory", "durable"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Reopened]:
    """Both kinds, one after the other."""
    stores = Reopened(tmp_path if request.param == "durable" else None)
    yield stores
    stores.close()
