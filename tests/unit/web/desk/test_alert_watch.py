"""The cell of the open alerts: set up or not, changes of the file, and a notify that does not run or hangs."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path

from common.heartbeat import Heartbeat, Progress
from proto.control import Severity
from proto.time import SECOND_NS
from services.notify.core.rows import Changes
from services.notify.store import FILE_NAME
from services.web.api.alert_views import AlertsCell
from services.web.desk.alert_watch import NOT_RUNNING, PROGRAM, AlertWatch
from services.web.live.cells import Cells
from services.web.read_model.alert_book import AlertBook
from tests.support.alerts import a_notify_file, an_alert


class Watched:
    """A watch whose clock the test moves; `look` returns the cell after a look."""

    def __init__(self, folder: Path) -> None:
        """Watch the file of notify and its heartbeat in one folder."""
        self.now_ns = 0
        self.cells = Cells("boot")
        self.book = AlertBook(folder)
        self._watch = AlertWatch(self.cells, self.book, folder, mono_ns=lambda: self.now_ns)

    def look(self) -> AlertsCell:
        """The cell after a look."""
        asyncio.run(self._watch.refresh())
        cell = self.cells.get("alerts")
        assert isinstance(cell, AlertsCell)
        return cell

    def close(self) -> None:
        """Close the file."""
        self.book.close()


def test_a_desk_without_notify(tmp_path: Path) -> None:
    with closing(Watched(tmp_path)) as watched:
        assert watched.look() == AlertsCell(set_up=False)


def test_a_new_alert_and_an_acknowledgement_change_the_cell(tmp_path: Path) -> None:
    Heartbeat(tmp_path, PROGRAM).beat(Progress(1, False))
    with a_notify_file(tmp_path, [an_alert(1)]) as store, closing(Watched(tmp_path)) as watched:
        first = watched.look()
        assert (first.set_up, first.open, first.worst, first.problem) == (True, 1, "WARNING", "")
        assert watched.look().revision == first.revision
        store.save(Changes(alerts=[an_alert(2, severity=Severity.CRITICAL)]))
        second = watched.look()
        assert second.revision > first.revision
        assert (second.open, second.worst) == (2, "CRITICAL")
        assert second.newest is not None
        assert second.newest.number == 2
        done = {"acknowledged_ns": 7, "acknowledged_by": "alice"}
        store.save(Changes(alerts=[an_alert(1, **done), an_alert(2, **done)]))
        last = watched.look()
        assert (last.open, last.worst, last.newest) == (0, "", None)


def test_a_notify_that_does_not_run_or_hangs_is_named(tmp_path: Path) -> None:
    with a_notify_file(tmp_path, [an_alert(1)]), closing(Watched(tmp_path)) as watched:
        assert watched.look().problem == NOT_RUNNING
        beating = Heartbeat(tmp_path, PROGRAM)
        beating.beat(Progress(1, False))
        assert watched.look().problem == ""
        watched.now_ns = 4 * SECOND_NS
        beating.beat(Progress(2, False))
        assert watched.look().problem == ""
        watched.now_ns = 10 * SECOND_NS
        silent = watched.look()
        assert (silent.open, silent.problem) == (1, "notify gives no sign of life, so alerts may be late or missing")
        beating.end()
        assert watched.look().problem == NOT_RUNNING


def test_a_file_that_cannot_be_read_keeps_the_last_alerts(tmp_path: Path) -> None:
    with closing(Watched(tmp_path)) as watched:
        with a_notify_file(tmp_path, [an_alert(1)]):
            assert watched.look().open == 1
        watched.book.close()
        for name in (f"{FILE_NAME}-wal", f"{FILE_NAME}-shm"):  # its pages would hide the damage
            (tmp_path / name).unlink()
        (tmp_path / "other").write_bytes(b"not a database" * 100)
        (tmp_path / "other").replace(tmp_path / FILE_NAME)
        broken = watched.look()
        assert broken.open == 1
        assert "notify.db cannot be read" in broken.problem
