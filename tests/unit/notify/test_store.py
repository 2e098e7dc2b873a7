"""The file of notify: pages, old alerts, and a disk that cannot be written."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path

import pytest

from common.checksums import DamagedRowError
from common.errors import StartError
from proto.notify import AlertsQuery, MessageState, WaitReason
from services.notify import store as store_module
from services.notify.store import DESK_ID, FILE_NAME, NotifyStore, open_notify, read_alerts
from tests.support.notify_runs import NotifyRun, a_rule, an_event, begun
from tests.unit.notify.conftest import StartRun


def test_the_pages_together_have_every_alert_newest_first(start_run: StartRun, tmp_path: Path) -> None:
    run = start_run(a_rule())
    run.happen(*(an_event() for _ in range(7)))
    with closing(open_notify(tmp_path)) as db:
        first = read_alerts(db, AlertsQuery(limit=3))
        second = read_alerts(db, AlertsQuery(limit=3, before=first.next))
        third = read_alerts(db, AlertsQuery(limit=3, before=second.next))
    assert [[row.number for row in page.rows] for page in (first, second, third)] == [[7, 6, 5], [4, 3, 2], [1]]
    assert third.next == 0


def test_a_page_of_long_alerts_fits_into_a_frame(start_run: StartRun) -> None:
    run = start_run(a_rule(targets=["phone", "mail"], group_s=0))
    for _ in range(100):
        run.happen(an_event(text="ä" * 512))
        run.advance(0.1)
    page = run.store.read(AlertsQuery(limit=100))
    assert 10 < len(page.rows) < 100
    assert page.next == page.rows[-1].number


def test_open_alerts_are_counted_and_listed(start_run: StartRun) -> None:
    run = start_run(a_rule())
    run.happen(an_event(), begun(), begun("MARGIN_CALL"))
    run.acknowledge(3)
    page = run.store.read(AlertsQuery(open_only=True))
    assert ([row.number for row in page.rows], page.open) == ([2], 1)


def test_the_id_of_the_desk_is_made_once(tmp_path: Path) -> None:
    ids = []
    for _ in range(2):
        with closing(NotifyStore(tmp_path / FILE_NAME)) as found:
            ids.append(found.load(0).values[DESK_ID])
    assert ids[0] == ids[1]
    assert re.fullmatch(rb"[0-9a-f]{8}", ids[0])


def test_old_alerts_are_removed_with_their_messages(start_run: StartRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "ALERTS_KEPT", 20)
    monkeypatch.setattr(store_module, "PRUNE_BATCH", 5)
    run = start_run(a_rule(), a_rule(name="slow", targets=["mail"], events=["FEED_STALE"]))
    run.hanging = {"mail"}
    run.happen(begun())
    for _ in range(60):
        run.happen(an_event())
        run.advance(1)
    numbers = [row.number for row in run.alerts()]
    assert numbers[0] == 1, "an alert that lasts, and whose message is not sent, is kept"
    assert 20 <= len(numbers) - 1 <= 26
    assert numbers[-1] == 61
    with closing(open_notify(run.store.path.parent)) as db:
        messages = db.execute("SELECT number FROM messages").fetchall()
        orphans = db.execute("SELECT alert FROM carried WHERE alert NOT IN (SELECT number FROM alerts)").fetchall()
    assert len(messages) <= 29
    assert orphans == []


def test_an_old_alert_that_lasts_does_not_let_every_step_remove_alerts(
    start_run: StartRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "ALERTS_KEPT", 20)
    monkeypatch.setattr(store_module, "PRUNE_BATCH", 5)
    run = start_run(a_rule())
    statements: list[str] = []

    def trace(_cursor: object, sql: str, _bindings: object) -> bool:
        statements.append(sql)
        return True

    run.store._db.exec_trace = trace
    run.happen(begun())
    for _ in range(60):
        run.happen(an_event())
        run.advance(1)
    removals = sum(sql.startswith("DELETE FROM alerts") for sql in statements)
    assert 5 <= removals <= 8, "one for each batch"


def test_a_damaged_row_is_named(start_run: StartRun) -> None:
    run = start_run(a_rule())
    run.happen(an_event())
    run.store._db.execute("UPDATE alerts SET text = 'other'")
    with pytest.raises(DamagedRowError, match="row 1 of table alerts is damaged"):
        run.store.read(AlertsQuery())


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="does not exist"):
        open_notify(tmp_path)


def test_a_second_process_is_refused(start_run: StartRun, tmp_path: Path) -> None:
    start_run(a_rule())
    with pytest.raises(StartError, match="another process"):
        NotifyStore(tmp_path / FILE_NAME)


def fill_disk(run: NotifyRun) -> None:
    """Let SQLite refuse every new page, as on a full disk, and let events happen until it does."""
    db = run.store._db
    db.pragma("max_page_count", db.pragma("page_count"))
    while not run.writer.problem:
        run.happen(an_event(text="x" * 512))
        run.advance(1)


def free_disk(run: NotifyRun) -> None:
    run.store._db.pragma("max_page_count", 1_000_000)


def test_with_a_full_disk_messages_are_sent_from_memory_and_stored_later(start_run: StartRun) -> None:
    run = start_run(a_rule())
    fill_disk(run)
    known = len(run.alerts())
    run.happen(begun(text="the disk is full"), ledger=b"9")
    message = run.sent[-1]
    assert "the disk is full" in message.body
    assert "not stored: database or disk is full; after a restart it may come again with another key" in message.body
    assert message.body.endswith(f"key {message.key}-b007"), "its number may be used again after a restart"
    assert run.writer.waiting > 0
    assert len(run.alerts()) == known
    free_disk(run)
    run.writer.retry()
    assert (run.writer.waiting, run.writer.problem) == (0, "")
    assert [row.number for row in run.alerts()] == [*range(1, known + 3)], "those since the disk was full, too"
    assert all(row.deliveries[0].state is MessageState.SENT for row in run.alerts())
    assert run.store.load(0).values["ledger"] == b"9"
    run.happen(an_event(text="after"))
    assert run.sent[-1].body.endswith(f"key {run.sent[-1].key}")


def test_a_stored_message_has_the_same_key_and_text_when_the_disk_becomes_full_before_a_later_try(
    start_run: StartRun,
) -> None:
    run = start_run(a_rule(targets=["mail"]), a_rule(name="other", targets=["phone"], events=["FILL"]))
    run.down = {"mail"}
    run.happen(begun())
    first = run.bodies["1f3a9c2e-1", 1]
    fill_disk(run)
    run.advance(1_000)
    run.down = set()
    run.advance(1_000)
    assert [one.body for one in run.sent_to("mail") if one.key == "1f3a9c2e-1"] == [first]
    assert any(f"{one.key}-b007" in one.body for one in run.sent)


def test_after_a_kill_with_a_full_disk_the_events_are_read_and_sent_again(start_run: StartRun) -> None:
    run = start_run(a_rule())
    run.happen(an_event(), ledger=b"1")
    fill_disk(run)
    stored = len(run.alerts())
    run.happen(begun(), ledger=b"2")
    unstored = run.sent[-1]
    run.restart()
    assert run.store.load(0).values["ledger"] == b"1", "the place is that of the last stored step"
    run.happen(begun(), ledger=b"2")
    assert run.sent[-1].alerts == [stored + 1]
    assert run.sent[-1].body.splitlines()[-1] != unstored.body.splitlines()[-1], "another message has another key"


def test_a_message_that_was_sent_waits_for_nothing(start_run: StartRun) -> None:
    run = start_run(a_rule())
    run.down = {"phone"}
    run.happen(an_event())
    assert [one.waits_for for one in run.alerts()[0].deliveries] == [WaitReason.RETRY]
    run.down = set()
    run.advance(2)
    [delivery] = run.alerts()[0].deliveries
    assert (delivery.state, delivery.waits_for) == (MessageState.SENT, WaitReason.QUEUE)
