"""A backup of a ledger in use, and the result of a restore."""

from __future__ import annotations

import json
from pathlib import Path

import apsw
import pytest

from cli.main import run
from common.errors import StartError
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import DealBooked, Event, IncarnationTaken, OrderCreated
from services.portfolio.core.account.tick_cursor import TickCursor
from services.portfolio.core.state.persisted import PersistedState
from services.portfolio.ledger.backup import back_up, restore
from services.portfolio.ledger.incarnation import ensure_incarnation
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, Ledger, read_ledger, verify_ledger
from services.portfolio.ledger.signing_key import existing_key, key_file
from tests.support.builders import a_deposit, an_instrument_learned, an_opened_stream, an_order

BEGINNING: list[Event] = [
    an_opened_stream(),
    an_instrument_learned(),
    DealBooked(deal=a_deposit(), order_id="", closings=[]),
]


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    folder = tmp_path / "desk"
    folder.mkdir()
    return folder


def write(ledger: Ledger, book: Book, *events: Event) -> None:
    for event in events:
        book.apply(event)
    ledger.commit(list(events), book, PersistedState(TickCursor(stream_id="s", ordinal=len(book.orders))))


def test_a_backup_of_a_ledger_in_use_is_complete_and_does_not_change_later(desk: Path, tmp_path: Path) -> None:
    ledger, book = Ledger(desk / LEDGER_FILE_NAME), Book()
    write(ledger, book, *BEGINNING)
    assert back_up(desk, tmp_path / "monday.db") == len(BEGINNING)
    write(ledger, book, OrderCreated(order=an_order(1)))
    ledger.close()
    assert verify_ledger(tmp_path / "monday.db") == []
    assert read_ledger(tmp_path / "monday.db")[0].orders == {}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["desk", "monday.db"]


def test_order_ids_after_a_restore_have_another_incarnation(desk: Path, tmp_path: Path) -> None:
    ledger, book = Ledger(desk / LEDGER_FILE_NAME), Book()
    before, why_before = ensure_incarnation(ledger, host_boot="boot")
    assert why_before == "a new ledger"
    write(ledger, book, *BEGINNING)
    back_up(desk, tmp_path / "monday.db")
    write(ledger, book, OrderCreated(order=an_order(1)))
    ledger.close()
    done = restore(tmp_path / "monday.db", desk)
    assert done.events == len(BEGINNING)
    assert done.replaced is not None
    assert list(read_ledger(done.replaced)[0].orders) == [an_order(1).order_id], "the replaced ledger is kept"
    again = Ledger(desk / LEDGER_FILE_NAME, existing_key(key_file(desk)))
    after, why = ensure_incarnation(again, host_boot="boot")
    assert after != before
    assert why == f"restored from monday.db at event {len(BEGINNING)}"
    assert ensure_incarnation(again, host_boot="boot") == (after, why), "the new incarnation is kept at the next start"
    restored, _ = again.load()
    write(again, restored, IncarnationTaken(incarnation=after, why=why, time_ns=1))
    again.close()
    kept = read_ledger(desk / LEDGER_FILE_NAME)[0]
    assert kept.stream is not None
    assert kept.stream.incarnation == after
    assert verify_ledger(desk / LEDGER_FILE_NAME) == []


def test_after_a_reboot_of_the_host_the_ledger_has_a_new_incarnation(desk: Path) -> None:
    ledger = Ledger(desk / LEDGER_FILE_NAME)
    first, _ = ensure_incarnation(ledger, host_boot="boot 1")
    second, why = ensure_incarnation(ledger, host_boot="boot 2")
    assert first != second
    assert why == "the host was restarted"
    ledger.close()


def test_a_restore_over_a_running_desk_is_refused(desk: Path, tmp_path: Path) -> None:
    ledger = Ledger(desk / LEDGER_FILE_NAME)
    write(ledger, Book(), *BEGINNING)
    back_up(desk, tmp_path / "monday.db")
    with pytest.raises(StartError, match="in use by another process"):
        restore(tmp_path / "monday.db", desk)
    ledger.close()
    assert verify_ledger(desk / LEDGER_FILE_NAME) == []


def test_a_damaged_backup_is_refused_and_changes_nothing(desk: Path, tmp_path: Path) -> None:
    ledger = Ledger(desk / LEDGER_FILE_NAME)
    write(ledger, Book(), *BEGINNING)
    back_up(desk, tmp_path / "monday.db")
    ledger.close()
    before = (desk / LEDGER_FILE_NAME).read_bytes()
    db = apsw.Connection(str(tmp_path / "monday.db"))
    db.execute("UPDATE events SET payload = CAST('{}' AS BLOB) WHERE number = 2")
    db.close()
    with pytest.raises(StartError, match=r"monday\.db is damaged, nothing was changed: event 2 does not fit"):
        restore(tmp_path / "monday.db", desk)
    assert (desk / LEDGER_FILE_NAME).read_bytes() == before


def test_the_commands_print_their_result(desk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ledger = Ledger(desk / LEDGER_FILE_NAME)
    write(ledger, Book(), *BEGINNING)
    ledger.close()
    out = str(tmp_path / "monday.db")
    assert run(["backup", "--data-dir", str(desk), out, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["events"] == len(BEGINNING)
    assert run(["backup", "--data-dir", str(desk), out]) == 2
    assert "already exists" in capsys.readouterr().err
    assert run(["restore", out, "--data-dir", str(desk)]) == 0
    assert capsys.readouterr().out.startswith(f"restored: {len(BEGINNING)} events")
