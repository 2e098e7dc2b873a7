"""A fixture with each implementation of journal and book store."""

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
        """Close the open stores, then open both again."""
        self.close()
        if self._folder is None:
            return self._memory
        journal = DurableJournal(self._folder / "journal.db", new_id="journal-1", account="paper-USD")
        book_store = DurableBookStore(self._folder / "book.db")
        self._open = [journal, book_store]
        return journal, book_store

    def close(self) -> None:
        """Close the open stores."""
        for store in self._open:
            store.close()
        self._open = []


Reopen = Callable[[], tuple[Journal, BookStore]]


@pytest.fixture(params=["memory", "durable"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Reopened]:
    """Stores in memory for the parameter `memory`, in files for `durable`."""
    stores = Reopened(tmp_path if request.param == "durable" else None)
    yield stores
    stores.close()
