"""A ledger of an earlier schema version continues after its migration."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.checksums import DamagedRowError
from common.migration import migrate_file
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import DealBooked, Event
from services.portfolio.core.state.persisted import PersistedState
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, Ledger, read_ledger, verify_ledger
from services.portfolio.ledger.migrations import LEDGER
from tests.support.accounts import is_same_account
from tests.support.builders import a_deposit, an_instrument_learned, an_opened_stream
from tests.support.tampering import edit, edit_skilfully

EVENTS: list[Event] = [
    an_opened_stream(),
    an_instrument_learned(),
    DealBooked(deal=a_deposit(), order_id="", closings=[]),
]
WITHOUT_STATES = "UPDATE account SET payload = CAST(json_remove(CAST(payload AS TEXT), '$.states_by_key') AS BLOB)"


@pytest.fixture
def version_2(tmp_path: Path) -> Path:
    """A ledger as version 2 wrote it: without commands on the trading state and without equity points."""
    path, book = tmp_path / LEDGER_FILE_NAME, Book()
    ledger = Ledger(path)
    for event in EVENTS:
        book.apply(event)
    ledger.commit(EVENTS, book, PersistedState())
    ledger.close()
    edit(path, "DROP TABLE equity_points")
    edit_skilfully(path, WITHOUT_STATES)
    edit(path, "PRAGMA user_version = 2")
    return path


def test_a_ledger_of_version_2_has_the_same_account_after_its_migration(version_2: Path) -> None:
    assert (migrate_file(version_2, LEDGER).before, migrate_file(version_2, LEDGER).before) == (2, 3)
    assert verify_ledger(version_2) == []
    expected = Book()
    for event in EVENTS:
        expected.apply(event)
    assert is_same_account(read_ledger(version_2)[0], expected)
    ledger = Ledger(version_2)
    assert ledger.event_count == len(EVENTS)
    ledger.close()


def test_a_damaged_account_row_is_not_migrated(version_2: Path) -> None:
    edit(version_2, "UPDATE account SET checksum = checksum + 1")
    before = version_2.read_bytes()
    with pytest.raises(DamagedRowError, match="row account of table account is damaged"):
        migrate_file(version_2, LEDGER)
    assert version_2.read_bytes() == before
