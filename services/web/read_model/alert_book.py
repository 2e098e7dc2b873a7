"""Pages of alerts from the file of notify, which notify alone writes; a desk without notify has no file.

The connection stays open between reads. It is opened again when the file is another one, for example after the data
folder was restored from a backup.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any, Final, Literal, NamedTuple, TypeVar

import apsw
from msgspec import Struct, structs

from common.errors import StartError, error_text
from proto.alerts import unsent_text
from proto.control import Severity, severity_rank
from proto.notify import ALERTS_MAX, AlertLine
from services.notify.store import FILE_NAME, OPEN, find_alerts, open_notify
from services.web.api.alert_views import AlertsPage, AlertView
from services.web.read_model.paging import FilterError

NO_FILE: Final = "there are no alerts: the desk has had no process notify, which NOTIFY_FILE starts"


T = TypeVar("T")


class AlertFilter(Struct, frozen=True, kw_only=True):
    """Filter and page of the alerts, newest first; `cursor` is the value of `next` in the preceding page."""

    status: Literal["all", "open", "acknowledged"] = "all"
    severity: Severity | None = None
    code: str | None = None
    subject: str | None = None
    text: str | None = None
    limit: int = ALERTS_MAX
    cursor: str = ""


class OpenAlerts(NamedTuple):
    """Number of the open alerts, their worst severity, empty without one, and the newest of them."""

    number: int
    worst: str
    newest: AlertView | None


class AlertBook:
    """Reader of the file of notify. All methods may be called in any thread."""

    def __init__(self, data_dir: Path) -> None:
        """Prepare the reader; the file need not exist."""
        self._data_dir = data_dir
        self._path = data_dir / FILE_NAME
        self._lock = Lock()
        self._db: apsw.Connection | None = None
        self._identity: tuple[int, int] | None = None
        self._opened = 0

    @property
    def exists(self) -> bool:
        """Whether the desk has a file of notify."""
        return self._path.is_file()

    def revision(self) -> tuple[int, int]:
        """Return a value that differs after each change of the file: of its connection, and of its contents.

        Raises:
            StartError: the file does not exist or cannot be read.
        """
        return self._read(lambda db: (self._opened, _number(db, "PRAGMA data_version")))

    def page(self, wanted: AlertFilter) -> AlertsPage:
        """Return a page of alerts.

        Raises:
            FilterError: the cursor is not that of a page.
            StartError: the file does not exist or cannot be read.
        """
        where, values = _condition(wanted)
        before = _before(wanted.cursor)

        def read(db: apsw.Connection) -> AlertsPage:
            with db:  # one snapshot for the count and the rows
                total = _number(db, f"SELECT count(*) FROM alerts WHERE {where}", values)  # noqa: S608 - our own text
                found = find_alerts(db, f"{where} AND number < ?", (*values, before), limit=wanted.limit + 1)
            rows = [_view(one) for one in found[: wanted.limit]]
            return AlertsPage(total=total, next=str(rows[-1].number) if len(found) > len(rows) else "", rows=rows)

        return self._read(read)

    def alert(self, number: int) -> AlertView | None:
        """Return one alert; None if there is none with this number.

        Raises:
            StartError: the file does not exist or cannot be read.
        """

        def read(db: apsw.Connection) -> AlertView | None:
            with db:
                found = find_alerts(db, "number = ?", (number,), limit=1)
            return _view(found[0]) if found else None

        return self._read(read)

    def open_alerts(self) -> OpenAlerts:
        """Return the open alerts in short.

        Raises:
            StartError: the file does not exist or cannot be read.
        """

        def read(db: apsw.Connection) -> OpenAlerts:
            with db:
                newest = find_alerts(db, OPEN, (), limit=1)
                counts: Any = db.execute(f"SELECT severity, count(*) FROM alerts WHERE {OPEN} GROUP BY severity")  # noqa: S608 - our own text
                by_severity = dict(counts.fetchall())
            return OpenAlerts(
                number=sum(by_severity.values()),
                worst=max(by_severity, key=lambda one: severity_rank(Severity(one)), default=""),
                newest=_view(newest[0]) if newest else None,
            )

        return self._read(read)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._close()

    def _read(self, read: Callable[[apsw.Connection], T]) -> T:
        with self._lock:
            try:
                found = self._path.stat()
            except OSError:
                self._close()
                raise StartError(NO_FILE) from None
            if self._identity != (found.st_dev, found.st_ino):
                self._close()
            if self._db is None:
                self._db = open_notify(self._data_dir)
                self._identity = (found.st_dev, found.st_ino)
                self._opened += 1
            try:
                return read(self._db)
            except apsw.Error as error:
                self._close()
                raise StartError(f"{self._path} cannot be read: {error_text(error)}") from None
            except StartError:
                self._close()
                raise

    def _close(self) -> None:
        if self._db is not None:
            self._db.close()
        self._db = self._identity = None


def _condition(wanted: AlertFilter) -> tuple[str, tuple[str, ...]]:
    terms = {"all": "TRUE", "open": OPEN, "acknowledged": "acknowledged_ns > 0"}
    where, values = f"({terms[wanted.status]})", list[str]()
    for column, value in (("severity", wanted.severity), ("code", wanted.code), ("subject", wanted.subject)):
        if value is not None:
            where, values = f"{where} AND {column} = ?", [*values, str(value)]
    if wanted.text is not None:
        where, values = f"{where} AND instr(lower(text), lower(?)) > 0", [*values, wanted.text]
    return where, tuple(values)


def _before(cursor: str) -> int:
    if not cursor:
        return 2**63 - 1
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) <= 18):
        raise FilterError(f"cursor is {cursor[:40]!r}, expected `next` of a page")
    return int(cursor)


def _number(db: apsw.Connection, text: str, values: tuple[str, ...] = ()) -> int:
    row: Any = db.execute(text, values).fetchone()
    return int(row[0])


def _view(alert: AlertLine) -> AlertView:
    return AlertView(**structs.asdict(alert), unsent=unsent_text(alert))
