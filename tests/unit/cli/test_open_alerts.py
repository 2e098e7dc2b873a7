"""Alerts are read from the file of notify; a desk without the file, and one that cannot be read, say so."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from cli.open_alerts import alert_text, read_desk_alerts
from services.notify.core.rows import Changes
from services.notify.store import FILE_NAME, NotifyStore
from tests.support.alerts import an_alert


def test_open_alerts_are_those_that_need_a_person_the_newest_first(tmp_path: Path) -> None:
    with closing(NotifyStore(tmp_path / FILE_NAME)) as store:
        seen = an_alert(3, acknowledged_ns=1, acknowledged_by="ann")
        store.save(Changes(alerts=[an_alert(1), an_alert(2, ended_ns=1), seen, an_alert(4)]))
    found = read_desk_alerts(tmp_path, open_only=True)
    assert [one.number for one in found.rows] == [4, 1]
    assert (found.open_count, found.problem) == (2, "")
    assert alert_text(found.rows[0]) == "4 WARNING FEED_STALE EURUSD: no tick for 12 s"
    assert [one.number for one in read_desk_alerts(tmp_path, open_only=False).rows] == [4, 3, 2, 1]


def test_a_code_at_the_beginning_of_the_text_is_not_shown_twice(tmp_path: Path) -> None:
    with closing(NotifyStore(tmp_path / FILE_NAME)) as store:
        text = "NOTIFY_FAILS: target phone: refused"
        store.save(Changes(alerts=[an_alert(9, subject="", code="NOTIFY_FAILS", text=text)]))
    [alert] = read_desk_alerts(tmp_path, open_only=True).rows
    assert alert_text(alert) == "9 WARNING NOTIFY_FAILS: target phone: refused"


def test_a_desk_without_alerts_a_damaged_file_and_an_unknown_folder_are_named(tmp_path: Path) -> None:
    assert "notify does not run for this desk" in read_desk_alerts(tmp_path, open_only=True).problem
    assert read_desk_alerts(None, open_only=True).problem.startswith("unknown, the data directory")
    (tmp_path / FILE_NAME).write_bytes(b"no database" * 1_000)
    assert FILE_NAME in read_desk_alerts(tmp_path, open_only=True).problem
