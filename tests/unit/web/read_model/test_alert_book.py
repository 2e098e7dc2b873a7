"""Pages of alerts from the file of notify: filters, cursors, and a file that comes, goes or is replaced."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from common.errors import StartError
from proto.control import Severity
from proto.notify import AlertPhase, MessageState, WaitReason
from services.notify.core.rows import Changes
from services.notify.store import FILE_NAME
from services.web.read_model.alert_book import AlertBook, AlertFilter
from services.web.read_model.paging import FilterError
from tests.support.alerts import a_message, a_notify_file, an_alert

ALERTS = [
    an_alert(1, code="FILL", severity=Severity.INFO, phase=AlertPhase.MOMENT, text="BUY 0.10 EURUSD at 1.1", rules=[]),
    an_alert(2, acknowledged_ns=5, acknowledged_by="alice", subject="USDJPY"),
    an_alert(3, code="TRADING_STATE", severity=Severity.CRITICAL, subject="", text="trading is HALTED, by risk: 100 %"),
    an_alert(4, ended_ns=6),
    an_alert(5, repeats=3),
]


@pytest.fixture
def book(tmp_path: Path) -> Iterator[AlertBook]:
    """The alerts in a file that its writer has closed."""
    waiting = {"state": MessageState.WAITING, "waits_for": WaitReason.QUIET_HOURS, "tries": 0, "started_ns": 0}
    failed = {"state": MessageState.SENDING, "target": "mail", "tries": 4, "last_error": "HTTP 500", "sent_ns": 0}
    messages = [a_message(1, [3, 4]), a_message(2, [3], **failed), a_message(3, [5], due_ns=99, **waiting)]
    with a_notify_file(tmp_path, ALERTS, messages):
        pass
    with closing(AlertBook(tmp_path)) as book:
        yield book


def numbers(book: AlertBook, **wanted: Any) -> list[int]:
    """The numbers of a page, whose total is that of its rows."""
    page = book.page(AlertFilter(**wanted))
    assert page.total == len(page.rows)
    return [row.number for row in page.rows]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, [5, 4, 3, 2, 1]),
        ({"status": "open"}, [5, 3]),
        ({"status": "acknowledged"}, [2]),
        ({"severity": Severity.CRITICAL}, [3]),
        ({"code": "FEED_STALE"}, [5, 4, 2]),
        ({"subject": "USDJPY"}, [2]),
        ({"text": "halted"}, [3]),
        ({"text": "%"}, [3]),
        ({"text": "nothing like it"}, []),
        ({"status": "open", "code": "FEED_STALE", "text": "TICK"}, [5]),
    ],
)
def test_a_filter_selects_the_newest_first(book: AlertBook, wanted: dict[str, Any], expected: list[int]) -> None:
    assert numbers(book, **wanted) == expected


def test_each_alert_is_on_one_page(book: AlertBook) -> None:
    found, cursor = list[int](), ""
    while True:
        page = book.page(AlertFilter(limit=2, cursor=cursor))
        assert page.total == 5
        found += [row.number for row in page.rows]
        if not (cursor := page.next):
            break
    assert found == [5, 4, 3, 2, 1]


@pytest.mark.parametrize("cursor", ["x", "-1", "1.0", "9" * 40, "٣"])
def test_another_cursor_is_refused(book: AlertBook, cursor: str) -> None:
    with pytest.raises(FilterError, match=r"cursor is .* expected `next` of a page"):
        book.page(AlertFilter(cursor=cursor))


def test_an_alert_has_its_messages_or_the_reason_without_one(book: AlertBook) -> None:
    halted, unmatched, waiting = book.alert(3), book.alert(1), book.alert(5)
    assert halted is not None
    assert [(one.target, one.state, one.waits_for, one.error) for one in halted.deliveries] == [
        ("phone", MessageState.SENT, WaitReason.QUEUE, ""),
        ("mail", MessageState.SENDING, WaitReason.RETRY, "HTTP 500"),
    ]
    assert halted.unsent == ""
    assert unmatched is not None
    assert unmatched.unsent == "no rule matches, sent to nobody"
    assert waiting is not None
    [message] = waiting.deliveries
    assert (message.state, message.waits_for, message.due_ns) == ("WAITING", "QUIET_HOURS", 99)
    assert book.alert(6) is None


def test_the_open_alerts_in_short(book: AlertBook) -> None:
    found = book.open_alerts()
    assert (found.number, found.worst, found.newest) == (2, "CRITICAL", book.alert(5))


def test_the_revision_changes_with_each_commit_of_notify(tmp_path: Path) -> None:
    with a_notify_file(tmp_path, ALERTS[:1]) as store, closing(AlertBook(tmp_path)) as book:
        first = book.revision()
        assert book.revision() == first
        store.save(Changes(alerts=[structs.replace(ALERTS[2])]))
        second = book.revision()
        assert second != first
        assert book.open_alerts().number == 1
        assert book.revision() == second


def test_another_file_in_its_place_is_opened(tmp_path: Path) -> None:
    for name, count in (("first", 2), ("second", 5)):
        with a_notify_file(tmp_path / name, ALERTS[:count]):
            pass
    with closing(AlertBook(tmp_path / "first")) as book:
        assert numbers(book) == [2, 1]
        before = book.revision()
        shutil.move(tmp_path / "second" / FILE_NAME, tmp_path / "first" / FILE_NAME)
        assert numbers(book) == [5, 4, 3, 2, 1]
        assert book.revision() != before


def test_a_desk_without_notify_says_so(tmp_path: Path) -> None:
    with closing(AlertBook(tmp_path)) as book:
        assert not book.exists
        with pytest.raises(StartError, match="the desk has had no process notify, which NOTIFY_FILE starts"):
            book.page(AlertFilter())


def test_a_file_of_another_kind_is_one_line(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"not a database" * 100)
    with closing(AlertBook(tmp_path)) as book, pytest.raises(StartError, match=r"notify\.db cannot be read") as found:
        book.page(AlertFilter())
    assert "\n" not in str(found.value)
