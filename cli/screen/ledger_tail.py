"""The latest events of a ledger as lines, read step by step while portfolio writes."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Final

from cli.screen.details import EventLine
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import InstrumentLearned
from services.portfolio.core.queries.event_text import event_text, event_time_ns
from services.portfolio.ledger.hash_chain import ChainPosition
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME
from services.portfolio.ledger.ledger_follower import LedgerFollower, OtherLedgerError

LINES_MAX: Final = 200
"""Events that are kept, and read at the start."""

STEP_EVENTS: Final = 2_000
"""Largest number of events that one step reads."""


class LedgerTail:
    """The last events of the ledger in a data directory."""

    def __init__(self, data_dir: Path) -> None:
        """Start without events; the ledger need not exist yet."""
        self._follower = LedgerFollower(data_dir / LEDGER_FILE_NAME)
        self._at: ChainPosition | None = None
        self._book = Book()
        """Has only the terms of the symbols, and the orders of the events of a step."""
        self._lines: deque[EventLine] = deque(maxlen=LINES_MAX)

    def read(self) -> list[EventLine]:
        """The last events, the newest first.

        Raises:
            StartError: the ledger does not exist or cannot be read.
        """
        at = self._at if self._at is not None else self._begin()
        try:
            found = self._follower.read_events(at, STEP_EVENTS)
            if found.ledger_event > found.end.number:  # too much was written since the last step to read all of it
                found = self._follower.read_events(self._begin(), STEP_EVENTS)
        except OtherLedgerError:  # a backup was restored, or another desk runs in the folder
            self._at = None
            self._lines.clear()
            return []
        self._at = found.end
        self._book.orders = found.orders
        for number, event in found.events:
            if isinstance(event, InstrumentLearned):
                self._book.apply(event)
            told = event_text(event, self._book)
            self._lines.append(
                EventLine(number=number, time_ns=event_time_ns(event), symbol=told.symbol, text=told.text)
            )
        return list(reversed(self._lines))

    def _begin(self) -> ChainPosition:
        """Begin LINES_MAX events before the end of the ledger, without any lines."""
        self._lines.clear()
        self._book.instruments = self._follower.read_end().instruments
        return self._follower.position_before_end(LINES_MAX)
