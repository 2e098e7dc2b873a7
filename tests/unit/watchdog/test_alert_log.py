"""The alert log: a full disk, a kill, a replaced file and damage cost no alert that could be kept."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from common.storage import WriterConnection
from proto.alert_record import AlertPhase, AlertRecord
from proto.control import Severity
from services.watchdog import alert_log
from services.watchdog.alert_log import FILE_NAME, AlertLog, AlertLogReader
from tests.support.waits import wait_for

WRITER = """
import sys
from pathlib import Path
from services.watchdog.alert_log import AlertLog
from tests.unit.watchdog.test_alert_log import a_moment
log = AlertLog(Path(sys.argv[1]))
log.open()
for number in range(1, 100_000):
    log.write([a_moment(str(number))])
    print(number, flush=True)
"""


def a_record(phase: AlertPhase, code: str = "FEED_STALE", subject: str = "", text: str = "no ticks") -> AlertRecord:
    return AlertRecord(
        time_ns=1_700_000_000_000_000_000,
        phase=phase,
        code=code,
        subject=subject,
        severity=Severity.CRITICAL,
        effect="HALTED",
        text=text,
        facts={"by": "portfolio"},
    )


def a_moment(text: str) -> AlertRecord:
    return a_record(AlertPhase.MOMENT, "PROCESS_LOST", "signal", text)


@pytest.fixture
def log(tmp_path: Path) -> AlertLog:
    log = AlertLog(tmp_path)
    assert log.open() == []
    return log


def texts(folder: Path, after: int = 0, limit: int = 100) -> list[str]:
    return [record.text for record in AlertLogReader(folder).read_after(after, limit)]


def connection(log: AlertLog) -> WriterConnection:
    assert log._db is not None
    return log._db


def damage(folder: Path, number: int) -> None:
    db = apsw.Connection(str(folder / FILE_NAME))
    db.execute("UPDATE records SET text = 'changed' WHERE number = ?", (number,))
    db.close()


def test_records_are_read_in_order_with_all_their_fields(log: AlertLog, tmp_path: Path) -> None:
    log.write([a_moment("one"), a_record(AlertPhase.BEGAN)])
    log.write([a_moment("three")])
    first, second = AlertLogReader(tmp_path).read_after(0, 2)
    assert (first.number, first.text, first.subject) == (1, "one", "signal")
    assert second == AlertRecord(
        number=2,
        time_ns=1_700_000_000_000_000_000,
        phase=AlertPhase.BEGAN,
        code="FEED_STALE",
        subject="",
        severity=Severity.CRITICAL,
        effect="HALTED",
        text="no ticks",
        facts={"by": "portfolio"},
    )
    assert texts(tmp_path, after=2) == ["three"]
    assert AlertLogReader(tmp_path).last_number() == 3


def test_a_missing_file_has_no_records(tmp_path: Path) -> None:
    reader = AlertLogReader(tmp_path / "none")
    assert reader.read_after(0, 10) == []
    assert reader.last_number() is None


def test_the_open_conditions_are_known_to_the_next_watchdog(log: AlertLog, tmp_path: Path) -> None:
    log.write([a_record(AlertPhase.BEGAN), a_record(AlertPhase.BEGAN, "NO_TICKS", "EURUSD")])
    log.write([a_record(AlertPhase.ENDED), a_moment("lost")])
    log.close()
    found = AlertLog(tmp_path).open()
    assert [(record.code, record.subject) for record in found] == [("NO_TICKS", "EURUSD")]


def test_a_condition_that_is_open_in_the_file_does_not_begin_twice(log: AlertLog, tmp_path: Path) -> None:
    log.write([a_record(AlertPhase.BEGAN, text="first")])
    log.write([a_record(AlertPhase.BEGAN, text="again"), a_record(AlertPhase.ENDED, text="over")])
    log.write([a_record(AlertPhase.ENDED, text="over again")])
    assert texts(tmp_path) == ["first", "over"]


def test_records_of_a_full_disk_wait_and_are_written_later(log: AlertLog, tmp_path: Path) -> None:
    log.write([a_moment("before")])
    [(pages,)] = connection(log).execute("PRAGMA page_count").fetchall()
    connection(log).pragma("max_page_count", pages)
    log.write([a_moment("x" * 20_000)])
    assert log.problem
    assert log.waiting == 1
    log.write([a_moment("during")])
    assert log.waiting == 2
    log.open()
    log.write()
    assert (log.waiting, log.problem) == (0, "")
    assert texts(tmp_path) == ["before", "x" * 20_000, "during"]


def test_records_wait_for_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("not a folder", encoding="utf-8")
    log = AlertLog(tmp_path / "data")
    log.open()
    log.write([a_moment("early")])
    assert "data" in log.problem
    (tmp_path / "data").unlink()
    log.open()
    log.write()
    assert texts(tmp_path / "data") == ["early"]


def test_the_oldest_waiting_records_are_lost_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alert_log, "WAITING_MAX", 3)
    log = AlertLog(tmp_path)
    log.write(map(a_moment, "abcde"))
    assert (log.waiting, log.lost) == (3, 2)
    log.open()
    log.write()
    assert texts(tmp_path) == ["c", "d", "e"]


def test_a_removed_file_is_replaced_by_one_with_the_records_since(log: AlertLog, tmp_path: Path) -> None:
    log.write([a_moment("gone")])
    for path in tmp_path.glob(f"{FILE_NAME}*"):
        path.unlink()
    log.write([a_moment("kept")])
    assert "removed or replaced" in log.problem
    log.open()
    log.write()
    assert texts(tmp_path) == ["kept"]
    assert AlertLogReader(tmp_path).last_number() == 1


def test_only_the_newest_records_and_open_conditions_are_kept(
    log: AlertLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert_log, "RECORDS_MAX", 5)
    log.write([a_record(AlertPhase.BEGAN, text="open"), a_record(AlertPhase.BEGAN, "NO_TICKS", text="closed")])
    log.write([a_record(AlertPhase.ENDED, "NO_TICKS", text="end")])
    for number in range(10):
        log.write([a_moment(str(number))])
    assert texts(tmp_path) == ["open", "5", "6", "7", "8", "9"]
    assert AlertLogReader(tmp_path).last_number() == 13


def test_a_damaged_record_does_not_hide_the_others(log: AlertLog, tmp_path: Path) -> None:
    log.write(map(a_moment, "abc"))
    log.close()
    damage(tmp_path, 2)
    assert texts(tmp_path) == ["a", "c"]


def test_a_damaged_open_condition_keeps_no_other_record_out(log: AlertLog, tmp_path: Path) -> None:
    log.write([a_record(AlertPhase.BEGAN), a_record(AlertPhase.BEGAN, "NO_TICKS", "EURUSD")])
    log.close()
    damage(tmp_path, 1)
    again = AlertLog(tmp_path)
    assert [record.code for record in again.open()] == ["NO_TICKS"]
    again.write([a_moment("after")])
    assert (again.problem, again.waiting) == ("", 0)
    again.write([a_record(AlertPhase.BEGAN, text="it lasts")] * 2)
    assert texts(tmp_path) == ["no ticks", "after", "it lasts"]


def test_the_end_of_a_damaged_condition_is_written(log: AlertLog, tmp_path: Path) -> None:
    log.write([a_record(AlertPhase.BEGAN)])
    damage(tmp_path, 1)
    log.write([a_record(AlertPhase.ENDED, text="over")] * 2)
    assert texts(tmp_path) == ["over"]


def test_a_killed_writer_loses_no_record_that_it_wrote(tmp_path: Path) -> None:
    reader = AlertLogReader(tmp_path)
    with subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        wait_for(lambda: (reader.last_number() or 0) >= 50, "50 records", seconds=30)
        process.send_signal(signal.SIGKILL)
        printed = [int(line) for line in process.stdout.read().split()]
    found = reader.read_after(0, 100_000)
    assert [record.number for record in found] == list(range(1, len(found) + 1))
    assert len(found) >= printed[-1] >= 49
    log = AlertLog(tmp_path)
    log.open()
    log.write([a_moment("after the kill")])
    assert reader.last_number() == len(found) + 1
