"""A ledger without a file, for runs of which only the report is needed."""

from __future__ import annotations

from typing import Protocol

from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import Event
from services.portfolio.core.accounting.modifications import ModificationCounts
from services.portfolio.core.state.persisted import PersistedState


class RunLedger(Protocol):
    """What a run needs of its ledger; see `services/portfolio/ledger/ledger.py`."""

    def load(self) -> tuple[Book, PersistedState]:
        """Return the account with which the run begins."""

    def commit(self, events: list[Event], book: Book, state: PersistedState) -> None:
        """Keep the events, the rows that they changed, and `state`."""


class UnstoredLedger:
    """The ledger of a new account that keeps nothing: the account is in memory, and its events are only counted."""

    def __init__(self) -> None:
        """Begin with an empty account."""
        self.modifications = ModificationCounts()

    def load(self) -> tuple[Book, PersistedState]:
        """Return the new account."""
        return Book(), PersistedState()

    def commit(self, events: list[Event], book: Book, state: PersistedState) -> None:
        """Count the events, and drop them as if they were stored."""
        for event in events:
            self.modifications.add(event)
        book.changed_rows.clear()
        state.equity_curve.mark_stored()
