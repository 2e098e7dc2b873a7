"""Signature of the ledger: `verify` and the start of a desk find changes that were made without the key."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import pytest

from common.errors import StartError
from orchestration.stopped_desk_audit import LedgerReport, verify
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import Event, IncarnationTaken, OrderCreated
from services.portfolio.core.account.tick_cursor import TickCursor
from services.portfolio.core.state.persisted import PersistedState
from services.portfolio.ledger.backup import back_up, restore
from services.portfolio.ledger.incarnation import ensure_incarnation
from services.portfolio.ledger.ledger import INCARNATION, LEDGER_FILE_NAME, Ledger
from services.portfolio.ledger.signing_key import ensure_key, existing_key, head_file, key_file
from tests.support.builders import a_deposit, an_instrument_learned, an_opened_stream, an_order, booked_deals
from tests.support.tampering import edit, edit_skilfully, replace_in

BEGINNING: tuple[Event, ...] = (an_opened_stream(), an_instrument_learned(), *booked_deals(a_deposit()))


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """Return the folder of a desk that signed some events, wrote more events, and was killed."""
    with closing(opened(tmp_path)) as ledger:
        ensure_incarnation(ledger, host_boot="boot")
        book = Book()
        write(ledger, book, *BEGINNING)
        ledger.sign()
        write(ledger, book, OrderCreated(order=an_order(1)))
    return tmp_path


def opened(desk: Path) -> Ledger:
    return Ledger(desk / LEDGER_FILE_NAME, ensure_key(key_file(desk)))


def write(ledger: Ledger, book: Book, *events: Event) -> None:
    for event in events:
        book.apply(event)
        ledger.commit([event], book, PersistedState(TickCursor(stream_id="s", ordinal=len(book.orders))))


def problem(desk: Path) -> str:
    """Return the single problem that `verify` finds."""
    [found] = verify(desk).problems
    return found


def test_an_unchanged_ledger_is_verified_with_the_name_of_its_key(desk: Path) -> None:
    report = verify(desk)
    key = existing_key(key_file(desk))
    assert key is not None
    assert report.problems == []
    assert report.signature == (
        f"signed up to event 3 with key {key.public[:16]}; 1 later events and the tick cursor have "
        "an authentication code of this key"
    )
    assert report.head.startswith("4:")
    with closing(opened(desk)) as again:
        assert again.rollback == ""


def test_the_key_is_readable_by_its_owner_alone(desk: Path) -> None:
    path = key_file(desk)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    path.chmod(0o640)
    with pytest.raises(StartError, match=r"ledger\.key has mode 0640, expected 0600"):
        opened(desk)


EDITS = {
    "a signed event, with the chain recomputed": (
        [
            replace_in("events", '"leverage":100', '"leverage":900', "number = 1"),
            replace_in("account", '"leverage":100', '"leverage":900'),
        ],
        "event 3 differs from the signed one",
    ),
    "an event after the signature, with the chain recomputed": (
        [replace_in("events", "0.01", "0.09", "number = 4"), replace_in("orders", "0.01", "0.09")],
        "the end of the chain, differs from what the desk wrote",
    ),
    "the tick cursor": ([replace_in("cursor", '"ordinal":1', '"ordinal":9')], "the tick cursor with the risk state"),
    "the risk state": (
        [replace_in("cursor", '"orders_of_day":0', '"orders_of_day":7')],
        "the tick cursor with the risk state",
    ),
    "the incarnation": (
        ["UPDATE meta SET value = 'ffffffff' WHERE name = 'incarnation'"],
        "the notes, which include the incarnation, differ from the signed ones",
    ),
    "the signature removed": (["DELETE FROM meta WHERE name = 'seal'"], "the signature was removed"),
    "the signature and every authentication code removed": (
        ["DELETE FROM meta WHERE name = 'seal'", "UPDATE cursor SET code = x''"],
        "the ledger is not signed, but its key has signed event 3",
    ),
    "the signature changed": (
        ["UPDATE meta SET value = replace(value, '\"event\":3', '\"event\":2') WHERE name = 'seal'"],
        "the signature of the ledger does not match",
    ),
}


@pytest.mark.parametrize("what", EDITS)
def test_an_edit_without_the_key_is_found_by_verify_and_at_the_start(what: str, desk: Path) -> None:
    statements, expected = EDITS[what]
    edit_skilfully(desk / LEDGER_FILE_NAME, *statements, is_chained=True)
    assert any(expected in found for found in verify(desk).problems), verify(desk).problems
    with pytest.raises(StartError, match=expected):
        opened(desk)


def test_without_a_signature_an_edited_event_is_not_found(desk: Path) -> None:
    """The other checks do not find this edit, so the test above depends on the signature."""
    statements, _ = EDITS["a signed event, with the chain recomputed"]
    edit_skilfully(
        desk / LEDGER_FILE_NAME, *statements, "DELETE FROM meta", "UPDATE cursor SET code = x''", is_chained=True
    )
    shutil.rmtree(key_file(desk).parent)
    report = verify(desk)
    assert (report.problems, report.signature) == ([], "not signed: no process with a key has written to it")


@pytest.fixture
def rolled_back(desk: Path) -> Path:
    """Return the folder of a desk whose ledger was replaced by an older copy, after later events had been signed."""
    older = Path(shutil.copy(desk / LEDGER_FILE_NAME, desk / "older.db"))
    with closing(opened(desk)) as ledger:
        book, _ = ledger.load()
        write(ledger, book, OrderCreated(order=an_order(2)))
        ledger.sign()
    older.replace(desk / LEDGER_FILE_NAME)
    return desk


def test_an_older_ledger_is_a_rollback_and_changes_the_incarnation(rolled_back: Path) -> None:
    message = "the ledger ends at event 4, but event 5 was signed: its tail is missing"
    assert problem(rolled_back) == message
    for _ in range(2):  # each start finds the rollback until the ledger is signed again
        with closing(opened(rolled_back)) as ledger:
            before = ledger.meta("incarnation")
            assert ledger.rollback == message
            incarnation, why = ensure_incarnation(ledger, host_boot="boot")
            assert (incarnation != before, why) == (True, message)
    with closing(opened(rolled_back)) as ledger:
        ledger.rollback = ""
        ledger.sign()
    assert verify(rolled_back).problems == []


def test_a_ledger_with_a_different_continuation_does_not_match_its_signature(rolled_back: Path) -> None:
    """The ledger is longer than the newest head and signed with the same key, but does not contain that head."""
    head = head_file(key_file(rolled_back))
    newest = head.read_text()
    head.unlink()
    with closing(opened(rolled_back)) as ledger:
        book, _ = ledger.load()
        write(ledger, book, *(OrderCreated(order=an_order(number, volume="0.07")) for number in (2, 3)))
        ledger.sign()
    head.write_text(newest)
    expected = "event 5 differs from the signed one: another ledger, or an edited one"
    assert problem(rolled_back) == expected
    with pytest.raises(StartError, match=expected):
        opened(rolled_back)


def test_a_head_signed_with_another_key_is_refused(desk: Path, tmp_path: Path) -> None:
    with closing(opened(tmp_path / "other")):
        other = head_file(key_file(tmp_path / "other"))
    shutil.copy(other, head_file(key_file(desk)))
    assert "the head beside the key is signed with key" in problem(desk)
    with pytest.raises(StartError, match="the head beside the key is signed with key"):
        opened(desk)


def test_a_new_incarnation_is_signed_with_its_commit(desk: Path) -> None:
    with closing(opened(desk)) as ledger:
        book, _ = ledger.load()
        write(ledger, book, IncarnationTaken(incarnation="0000bbbb", why="ids are missing", time_ns=1))
    assert verify(desk).problems == []
    with closing(opened(desk)) as again:
        assert again.meta(INCARNATION) == "0000bbbb"


def test_a_tail_removed_with_its_signature_is_found(desk: Path) -> None:
    """The last events are removed, and tick cursor and signature are replaced by earlier copies that fit."""
    copy = Path(shutil.copy(desk / LEDGER_FILE_NAME, desk / "copy.db"))
    with closing(opened(desk)) as ledger:
        book, _ = ledger.load()
        write(ledger, book, OrderCreated(order=an_order(2)))
        ledger.sign()
    edit(
        desk / LEDGER_FILE_NAME,
        f"ATTACH '{copy}' AS older",
        *(f"DELETE FROM {table}" for table in TABLES),
        *(f"INSERT INTO {table} SELECT * FROM older.{table}" for table in TABLES),
    )
    assert "its tail is missing" in problem(desk)


TABLES = ("events", "orders", "deals", "lots", "account", "cursor", "meta")


def test_a_deleted_ledger_is_found_by_its_key(desk: Path) -> None:
    for path in desk.glob("ledger.db*"):
        path.unlink()
    with closing(opened(desk)) as ledger:
        assert ledger.rollback == "the ledger ends at event 0, but event 3 was signed: its tail is missing"


def test_the_ledger_of_another_desk_is_refused(desk: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    with closing(opened(other)) as ledger:
        write(ledger, Book(), *BEGINNING)
        ledger.sign()
    shutil.copy(other / LEDGER_FILE_NAME, desk / LEDGER_FILE_NAME)
    assert "the ledger is signed with key" in problem(desk)
    with pytest.raises(StartError, match="restore a backup, which signs the ledger with this key"):
        opened(desk)


def test_without_the_key_the_result_says_that_later_events_are_not_proven(desk: Path) -> None:
    shutil.rmtree(key_file(desk).parent)
    report = verify(desk)
    assert report.problems == []
    assert "which was not found: compare with a head kept elsewhere; 1 later events are not proven" in report.signature
    with pytest.raises(StartError, match="which is needed to write to it"):
        Ledger(desk / LEDGER_FILE_NAME)
    with pytest.raises(StartError, match="the ledger is signed with key"):
        opened(desk)  # with a new key


@pytest.mark.parametrize("name", ["key", "head"])
def test_a_damaged_file_beside_the_ledger_is_refused_with_its_name(desk: Path, name: str) -> None:
    path = key_file(desk) if name == "key" else head_file(key_file(desk))
    raw = path.read_bytes()
    for place in range(0, len(raw) - 1, 7):
        path.write_bytes(raw[:place] + bytes([raw[place] ^ 2]) + raw[place + 1 :])
        with pytest.raises(StartError, match=path.name):
            opened(desk)


def test_a_printed_head_is_found_in_the_ledger_and_not_after_an_edit(desk: Path) -> None:
    head = verify(desk).head
    with closing(opened(desk)) as ledger:
        book, _ = ledger.load()
        write(ledger, book, OrderCreated(order=an_order(2)))
    assert verify(desk, expected_head=head) == verify(desk)
    shutil.rmtree(key_file(desk).parent)
    statements, _ = EDITS["an event after the signature, with the chain recomputed"]
    edit_skilfully(desk / LEDGER_FILE_NAME, *statements, is_chained=True)
    found: LedgerReport = verify(desk, expected_head=head)
    assert any("does not contain the expected head: event 4 is " in line for line in found.problems)
    with pytest.raises(StartError, match="expected NUMBER:HASH"):
        verify(desk, expected_head=f"\u0664:{head.partition(':')[2]}")
    with pytest.raises(StartError, match="expected NUMBER:HASH"):
        verify(desk, expected_head="4")


def test_a_backup_restored_under_the_key_of_the_desk_is_no_rollback(desk: Path, tmp_path: Path) -> None:
    back_up(desk, tmp_path / "copy")
    with closing(opened(desk)) as ledger:
        book, _ = ledger.load()
        write(ledger, book, OrderCreated(order=an_order(2)))
        ledger.sign()
    assert restore(tmp_path / "copy", desk).signature.startswith("signed up to event 3")
    with closing(opened(desk)) as ledger:
        assert ledger.rollback == ""
    assert verify(desk).problems == []
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert "which was not found" in restore(tmp_path / "copy", elsewhere).signature
    assert verify(elsewhere).problems == []
    opened(elsewhere).close()


def test_an_edited_backup_is_refused(desk: Path, tmp_path: Path) -> None:
    back_up(desk, tmp_path / "copy")
    statements, expected = EDITS["a signed event, with the chain recomputed"]
    edit_skilfully(tmp_path / "copy", *statements, is_chained=True)
    with pytest.raises(StartError, match=f"copy is damaged, nothing was changed: {expected}"):
        restore(tmp_path / "copy", desk)


def test_a_damaged_write_ahead_log_is_refused_only_in_the_boot_that_wrote_it(desk: Path) -> None:
    """A power cut can damage a log in this way. The ledger then gets a new incarnation, so its start is allowed."""
    with closing(Ledger(desk / LEDGER_FILE_NAME, existing_key(key_file(desk)), host_boot="boot")) as ledger:
        book, _ = ledger.load()
        for number in range(2, 9):
            write(ledger, book, OrderCreated(order=an_order(number)))
        killed = Path(shutil.copytree(desk, desk / "killed"))
    log = killed / f"{LEDGER_FILE_NAME}-wal"
    content = bytearray(log.read_bytes())
    content[len(content) // 2] ^= 1
    log.write_bytes(content)
    with pytest.raises(StartError, match=r"ledger\.db-wal is damaged after frame"):
        Ledger(killed / LEDGER_FILE_NAME, existing_key(key_file(killed)), host_boot="boot")
    Ledger(killed / LEDGER_FILE_NAME, existing_key(key_file(killed)), host_boot="another").close()
