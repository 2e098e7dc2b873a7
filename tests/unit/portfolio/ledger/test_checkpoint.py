"""A start verifies the chain from the last checkpoint; `verify` verifies the whole chain."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from common.errors import StartError
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import OrderDenied
from services.portfolio.core.account.tick_cursor import TickCursor
from services.portfolio.core.state.persisted import PersistedState
from services.portfolio.ledger import hash_chain, ledger
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, Ledger, verify_ledger
from services.portfolio.ledger.notes import CHECKPOINT
from tests.support.accounts import is_same_account

EVENTS = 50


def a_denial(number: int) -> OrderDenied:
    return OrderDenied(symbol="EURUSD", direction=1, ordinal=number, time_ns=number, code="X", limit="1", observed="2")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a ledger with some events that was opened again, so that its chain was verified to the end."""
    path = tmp_path / LEDGER_FILE_NAME
    first = Ledger(path)
    for number in range(1, EVENTS + 1):
        first.commit([a_denial(number)], Book(), PersistedState(TickCursor(ordinal=number)))
    first.close()
    Ledger(path).close()
    return path


@pytest.fixture
def db(path: Path) -> Iterator[apsw.Connection]:
    """Another connection to the file."""
    connection = apsw.Connection(str(path))
    yield connection
    connection.close()


def test_a_start_sets_a_checkpoint_at_the_end_of_the_verified_chain(db: apsw.Connection) -> None:
    assert hash_chain.checkpoint(db) == hash_chain.last_position(db)
    assert hash_chain.checkpoint(db).number == EVENTS


def test_a_changed_event_before_the_checkpoint_is_found_only_by_verify(path: Path, db: apsw.Connection) -> None:
    db.execute("UPDATE events SET payload = CAST('{}' AS BLOB) WHERE number = 7")
    Ledger(path).close()
    [found] = verify_ledger(path)
    assert found.startswith("event 7 does not fit the chain")


def test_a_changed_event_after_the_checkpoint_prevents_the_start(path: Path, db: apsw.Connection) -> None:
    late = Ledger(path)
    late.commit([a_denial(1), a_denial(2)], Book(), PersistedState())
    late.close()
    db.execute("UPDATE events SET payload = CAST('{}' AS BLOB) WHERE number = ?", (EVENTS + 1,))
    with pytest.raises(StartError, match=f"event {EVENTS + 1} does not fit the chain"):
        Ledger(path)


@pytest.mark.parametrize(
    "statement",
    [
        f"UPDATE events SET payload = CAST('{{}}' AS BLOB) WHERE number = {EVENTS}",
        f"UPDATE events SET hash = zeroblob(32) WHERE number = {EVENTS}",
    ],
)
def test_a_checkpoint_that_does_not_match_its_event_is_ignored(path: Path, db: apsw.Connection, statement: str) -> None:
    db.execute(statement)
    assert hash_chain.checkpoint(db) == hash_chain.BEGINNING
    with pytest.raises(StartError, match=f"event {EVENTS} does not fit the chain"):
        Ledger(path)


@pytest.mark.parametrize("note", ["", "7", "x y z", f"{EVENTS} 00 00", "99 00 00"])
def test_with_an_invalid_checkpoint_the_whole_chain_is_verified(path: Path, db: apsw.Connection, note: str) -> None:
    db.execute("UPDATE meta SET value = ? WHERE name = ?", (note, CHECKPOINT))
    assert hash_chain.checkpoint(db) == hash_chain.BEGINNING
    Ledger(path).close()
    assert hash_chain.checkpoint(db).number == EVENTS


def test_a_desk_that_writes_many_events_sets_checkpoints(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "CHECKPOINT_EVERY_EVENTS", 10)
    writer = Ledger(path)
    book = Book()
    for number in range(25):
        writer.commit([a_denial(number)], book, PersistedState())
    writer.close()
    reader = apsw.Connection(str(path))
    assert hash_chain.checkpoint(reader).number == EVENTS + 20
    reader.close()
    again = Ledger(path)
    assert is_same_account(again.load()[0], book)
    again.close()
    assert verify_ledger(path) == []
