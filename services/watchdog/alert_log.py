"""The watchdog's alert log: a file of the data directory, written by the watchdog and read by notify.

Records that cannot be written, as on a full disk, wait in memory and are written as soon as the file can be written.
The alert itself does not wait for the file.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import apsw
import msgspec
from msgspec import Struct

from common.checksums import DamagedRowError, Row, checked_row, with_checksum
from common.errors import StartError, error_text
from common.file_identity import FileLostError
from common.logs import get_logger
from common.storage import WriterConnection, open_reader, open_writer, require_version, transaction
from proto.alert_record import AlertPhase, AlertRecord
from proto.control import Severity

FILE_NAME: Final = "alert_log.db"
APPLICATION_ID: Final = 0x7064616C
SCHEMA_VERSION: Final = 1

RECORDS_MAX: Final = 10_000
"""Records that the file keeps, about 3 MB; open conditions are kept beyond that."""

WAITING_MAX: Final = 1_000
"""Records that wait in memory while the file cannot be written; of more, the oldest are lost."""

_SCHEMA: Final = """
CREATE TABLE records (number INTEGER PRIMARY KEY, time_ns INTEGER NOT NULL, phase TEXT NOT NULL, code TEXT NOT NULL,
  subject TEXT NOT NULL, severity TEXT NOT NULL, effect TEXT NOT NULL, text TEXT NOT NULL, facts TEXT NOT NULL,
  checksum INTEGER NOT NULL) STRICT;
CREATE INDEX records_by_subject ON records (code, subject, number);
"""
_SELECT: Final = "SELECT number, time_ns, phase, code, subject, severity, effect, text, facts, checksum FROM records"
_LATEST: Final = "number = (SELECT max(number) FROM records b WHERE b.code = a.code AND b.subject = a.subject)"
_OPEN: Final = f"{_SELECT} a WHERE phase = 'BEGAN' AND {_LATEST} ORDER BY number"
_PRUNE: Final = f"DELETE FROM records AS a WHERE number <= ? AND NOT (phase = 'BEGAN' AND {_LATEST})"  # noqa: S608 - our names
_NEWEST: Final = f"{_SELECT} WHERE code = ? AND subject = ? ORDER BY number DESC LIMIT 1"
_CHECKSUM: Final = "SELECT checksum FROM records WHERE number = ?"

_log = get_logger()


class LogPlace(Struct, frozen=True):
    """A place in the alert log: the number of a record and its checksum, by which another log is recognized.

    The number is 0 before the first record. The checksum is None without a record of this number, such as one that was
    removed with the oldest ones.
    """

    number: int
    checksum: int | None = None


class _Records:
    """Converts rows to records; a damaged row is left out and reported once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._damaged: set[str] = set()

    def of(self, row: Row) -> AlertRecord | None:
        try:
            return _record(checked_row(self._path, "records", row))
        except DamagedRowError as error:
            if str(error) not in self._damaged:
                self._damaged.add(str(error))
                _log.error("a record of the alert log is left out", error=str(error))
            return None

    def of_all(self, rows: Iterable[Row]) -> list[AlertRecord]:
        return [record for row in rows if (record := self.of(row)) is not None]


class AlertLog:
    """The write side. No method raises an error of the disk or the file; `problem` has its text."""

    def __init__(self, data_dir: Path) -> None:
        """Begin without an open file; `write` opens or creates it in `data_dir`."""
        self._path = data_dir / FILE_NAME
        self._records = _Records(self._path)
        self._db: WriterConnection | None = None
        self._waiting: deque[AlertRecord] = deque()
        self.problem = ""
        """Why the last attempt to write failed; empty if it succeeded."""
        self.lost = 0
        """Records that were lost because more than `WAITING_MAX` waited."""

    @property
    def waiting(self) -> int:
        """Number of records that wait in memory."""
        return len(self._waiting)

    def open(self) -> list[AlertRecord]:
        """Open the file, unless it is open, and return the conditions that are open in it.

        The list is empty if the file was already open, or cannot be opened now. A damaged record is left out and
        reported in the log.
        """
        if self._db is not None:
            return []
        try:
            self._db = open_writer(
                self._path,
                application_id=APPLICATION_ID,
                schema=_SCHEMA,
                schema_version=SCHEMA_VERSION,
                synchronous="FULL",
            )
            return self._records.of_all(self._db.execute(_OPEN))
        except (StartError, apsw.Error) as error:
            self._fail(error)
            return []

    def write(self, records: Iterable[AlertRecord] = ()) -> None:
        """Add records to those that wait, and write all of them if the file can be written."""
        self._waiting.extend(records)
        self._forget_oldest()
        if self._db is None or not self._waiting:
            return
        try:
            with transaction(self._db):
                for record in self._waiting:
                    self._insert(self._db, record)
                [(newest,)] = self._db.execute("SELECT max(number) FROM records").fetchall()
                if isinstance(newest, int) and newest > RECORDS_MAX:
                    self._db.execute(_PRUNE, (newest - RECORDS_MAX,))
        except (FileLostError, apsw.Error) as error:
            self._fail(error)
            return
        self._waiting.clear()
        if self.problem:
            _log.info("the alert log can be written again", file=str(self._path))
            self.problem = ""

    def close(self) -> None:
        """Close the file; records that still wait are lost."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def _insert(self, db: apsw.Connection, record: AlertRecord) -> None:
        """Write a record, unless it repeats that a condition began, or ends one that did not begin.

        A damaged record is none: what it reported may have reached nobody.
        """
        if record.phase is not AlertPhase.MOMENT:
            row = db.execute(_NEWEST, (record.code, record.subject)).fetchone()
            before = None if row is None else self._records.of(row)
            has_begun = before is not None and before.phase is AlertPhase.BEGAN
            is_damaged = row is not None and before is None
            if has_begun == (record.phase is AlertPhase.BEGAN) and not is_damaged:
                return
        [(newest,)] = db.execute("SELECT coalesce(max(number), 0) FROM records").fetchall()
        assert isinstance(newest, int), newest
        row = with_checksum(
            "records",
            newest + 1,
            record.time_ns,
            record.phase.value,
            record.code,
            record.subject,
            record.severity.value,
            record.effect,
            record.text,
            msgspec.json.encode(record.facts).decode(),
        )
        db.execute("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

    def _fail(self, error: Exception) -> None:
        text = error_text(error)
        if text != self.problem:
            _log.warning("the alert log cannot be written, its records wait in memory", error=text)
        self.problem = text
        # A new connection at the next attempt: this one may belong to a file that was removed.
        try:
            self.close()
        except apsw.Error:
            self._db = None

    def _forget_oldest(self) -> None:
        while len(self._waiting) > WAITING_MAX:
            self._waiting.popleft()
            self.lost += 1
            if self.lost == 1:
                _log.error("records of alerts are lost, too many wait for the alert log", waiting_max=WAITING_MAX)


class AlertLogReader:
    """The read side. The file may not exist yet, and may be replaced at any time."""

    def __init__(self, data_dir: Path) -> None:
        """Read the alert log of a data directory."""
        self._path = data_dir / FILE_NAME
        self._records = _Records(self._path)

    @property
    def path(self) -> Path:
        """Path of the file."""
        return self._path

    def read_after(self, number: int, limit: int) -> list[AlertRecord]:
        """The first `limit` records with a number above `number`, in order; none without a file.

        A damaged record is left out and reported in the log.

        Raises:
            StartError: the file is no alert log, or is of another version.
            apsw.Error: the file cannot be read now.
        """
        return self._records.of_all(
            self._rows(f"{_SELECT} WHERE number > ? ORDER BY number LIMIT ?", (number, limit)) or []
        )

    def last_number(self) -> int | None:
        """The number of the newest record; 0 without any, None without a file.

        It is below a number that was read earlier if the file was replaced since.

        Raises:
            StartError: the file is no alert log, or is of another version.
            apsw.Error: the file cannot be read now.
        """
        rows = self._rows("SELECT coalesce(max(number), 0) FROM records", ())
        if rows is None:
            return None
        number = rows[0][0]
        assert isinstance(number, int), number
        return number

    def place(self, number: int) -> LogPlace:
        """The place of the record `number`.

        Raises:
            StartError: the file is no alert log, or is of another version.
            apsw.Error: the file cannot be read now.
        """
        rows = self._rows(_CHECKSUM, (number,))
        checksum = rows[0][0] if rows else None
        assert checksum is None or isinstance(checksum, int), checksum
        return LogPlace(number, checksum)

    def _rows(self, query: str, values: tuple[int, ...]) -> Sequence[Row] | None:
        """The rows of a query; None without a file, or while the writer creates its tables."""
        if not self._path.is_file():
            return None
        db = open_reader(self._path)
        try:
            if not db.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchall():
                return None
            require_version(db, self._path, APPLICATION_ID, SCHEMA_VERSION)
            return db.execute(query, values).fetchall()
        finally:
            db.close()


def _record(row: Row) -> AlertRecord:
    number, time_ns, phase, code, subject, severity, effect, text, facts = row
    assert isinstance(number, int), number
    assert isinstance(time_ns, int), time_ns
    return AlertRecord(
        number=number,
        time_ns=time_ns,
        phase=AlertPhase(str(phase)),
        code=str(code),
        subject=str(subject),
        severity=Severity(str(severity)),
        effect=str(effect),
        text=str(text),
        facts=msgspec.json.decode(str(facts), type=dict[str, str]),
    )
