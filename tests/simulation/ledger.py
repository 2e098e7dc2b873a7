"""A ledger in memory: a list of commits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import Event
from services.portfolio.core.state.persisted import PersistedState
from services.portfolio.ledger.ledger import Ledger, verify_ledger


class Commit(NamedTuple):
    """One transaction: encoded events and the stored state; a synced transaction survives a power cut."""

    events: list[bytes]
    persisted: bytes
    is_synced: bool


def fold(commits: Sequence[Commit]) -> tuple[Book, PersistedState]:
    """The account computed from the events of the commits, and the state that the last commit stored."""
    book, persisted = Book(), PersistedState()
    for commit in commits:
        for payload in commit.events:
            book.apply(msgspec.msgpack.decode(payload, type=Event))
        persisted = msgspec.msgpack.decode(commit.persisted, type=PersistedState)
    persisted.equity_curve.mark_stored()
    return book, persisted


def kept(commits: Sequence[Commit], path: Path) -> Book:
    """The account that a real ledger file gives after the same commits; a fault found by `verify` fails the test."""
    ledger, book = Ledger(path), Book()
    try:
        for commit in commits:
            events = [msgspec.msgpack.decode(payload, type=Event) for payload in commit.events]
            for event in events:
                book.apply(event)
            ledger.commit(events, book, msgspec.msgpack.decode(commit.persisted, type=PersistedState))
        found, _ = ledger.load()
    finally:
        ledger.close()
    faults = verify_ledger(path)
    assert not faults, faults
    return found
