"""The file of notify: alerts, messages, and the values that a step needs from earlier ones.

notify alone writes to the file. Web and commands read pages of alerts from it with `open_notify` and `read_alerts`.
Each step is one synced transaction, so that neither a kill nor a power cut loses a message or a place in a source.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import apsw
import msgspec

from common.checksums import DamagedRowError, checked_row, checked_rows, with_checksum
from common.errors import StartError
from common.storage import open_reader, open_writer, transaction, unreadable_file_error
from proto.control import Severity
from proto.notify import (
    AlertLine,
    AlertPhase,
    AlertsQuery,
    AlertsReply,
    DeliveryLine,
    MessageKind,
    MessageState,
    WaitReason,
)
from services.notify import NOTIFY_FILE_NAME
from services.notify.core.rows import UNFINISHED, AlertRow, Changes, MessageRow, Stored

FILE_NAME: Final = NOTIFY_FILE_NAME
APPLICATION_ID: Final = 0x70644E31
SCHEMA_VERSION: Final = 1

ALERTS_KEPT: Final = 20_000
"""Newest alerts that are kept, some 10 MB; older ones are removed with the messages that carry only them."""

PRUNE_BATCH: Final = 500
"""Alerts beyond `ALERTS_KEPT` after which the oldest are removed, so that not every step removes one."""

PAGE_BYTES_MAX: Final = 60_000
"""Bytes of the rows of one page, so that a reply fits into a frame."""

_ALERT: Final = tuple(AlertRow.__struct_fields__)
_MESSAGE: Final = tuple(MessageRow.__struct_fields__)

_SCHEMA: Final = """
CREATE TABLE alerts (
    number INTEGER PRIMARY KEY,
    time_ns INTEGER NOT NULL,
    phase TEXT NOT NULL,
    code TEXT NOT NULL,
    severity TEXT NOT NULL,
    title TEXT NOT NULL,
    text TEXT NOT NULL,
    mode TEXT NOT NULL,
    origin TEXT NOT NULL,
    subject TEXT NOT NULL,
    ended_ns INTEGER NOT NULL,
    acknowledged_ns INTEGER NOT NULL,
    acknowledged_by TEXT NOT NULL,
    escalated_ns INTEGER NOT NULL,
    repeats INTEGER NOT NULL,
    rules TEXT NOT NULL,
    checksum INTEGER NOT NULL
) STRICT;
CREATE INDEX open_alerts ON alerts (number) WHERE severity <> 'INFO' AND ended_ns = 0 AND acknowledged_ns = 0;
CREATE INDEX lasting_alerts ON alerts (number) WHERE phase = 'BEGAN' AND ended_ns = 0;
CREATE TABLE messages (
    number INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    target TEXT NOT NULL,
    rule TEXT NOT NULL,
    kind TEXT NOT NULL,
    alerts TEXT NOT NULL,
    created_ns INTEGER NOT NULL,
    due_ns INTEGER NOT NULL,
    is_urgent INTEGER NOT NULL,
    state TEXT NOT NULL,
    waits_for TEXT NOT NULL,
    title TEXT NOT NULL,
    body TEXT NOT NULL,
    started_ns INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    last_error TEXT NOT NULL,
    sent_ns INTEGER NOT NULL,
    checksum INTEGER NOT NULL
) STRICT;
CREATE INDEX unfinished_messages ON messages (number) WHERE state IN ('WAITING', 'SENDING');
CREATE INDEX started_messages ON messages (started_ns);
CREATE TABLE carried (
    alert INTEGER NOT NULL, message INTEGER NOT NULL, PRIMARY KEY (alert, message)
) STRICT, WITHOUT ROWID;
CREATE INDEX carried_by_message ON carried (message);
CREATE TABLE kept (name TEXT PRIMARY KEY, value BLOB NOT NULL, checksum INTEGER NOT NULL) STRICT, WITHOUT ROWID;
"""

OPEN: Final = "severity <> 'INFO' AND ended_ns = 0 AND acknowledged_ns = 0"
"""Condition of an alert that needs a person, as `AlertRow.is_open`."""

_LASTING: Final = "phase = 'BEGAN' AND ended_ns = 0"
DESK_ID: Final = "desk_id"
"""Name of the value with the random part of the keys of messages, made once."""

_encode = msgspec.json.Encoder().encode


class NotifyStore:
    """The only connection that writes to the file of notify."""

    def __init__(self, path: Path) -> None:
        """Open or create the file.

        Raises:
            StartError: another process writes to the file, or it is damaged or of another kind or version, or the disk
                cannot be written.
        """
        self.path = path
        self._db = open_writer(
            path,
            application_id=APPLICATION_ID,
            schema=_SCHEMA,
            schema_version=SCHEMA_VERSION,
            synchronous="FULL",
        )
        try:
            if not self._db.execute("SELECT 1 FROM kept WHERE name = ?", (DESK_ID,)).fetchone():
                self.save(Changes(values={DESK_ID: secrets.token_hex(4).encode()}))
        except BaseException:  # after any error the lock must be released; raised again
            self._db.close()
            raise

    def load(self, started_after_ns: int) -> Stored:
        """Read what a new process needs; `started_after_ns` is the earliest first try that still counts for a rate.

        Raises:
            StartError: a row is damaged.
        """
        db = self._db
        try:
            messages = {one.number: one for one in self._messages(f"state IN {_texts(UNFINISHED)}")}
            alerts = {one.number: one for one in self._alerts(f"({OPEN}) OR ({_LASTING})")}
            carried = sorted({number for one in messages.values() for number in one.alerts} - alerts.keys())
            alerts |= {one.number: one for one in self.alerts(carried)}
            lasting = [one.number for one in alerts.values() if one.lasts]
            for number in lasting:
                found = self._messages("number IN (SELECT message FROM carried WHERE alert = ?)", number)
                messages |= {one.number: one for one in found}
            started: Any = db.execute(
                "SELECT rule, target, started_ns FROM messages WHERE started_ns > ?", (started_after_ns,)
            ).fetchall()
            next_alert, next_message = _next_number(db, "alerts"), _next_number(db, "messages")
            values = {}
            for row in db.execute("SELECT * FROM kept"):
                name, value = checked_row(self.path, "kept", row)
                values[str(name)] = bytes(value)  # type: ignore[arg-type]
        except (apsw.Error, msgspec.MsgspecError, ValueError) as error:
            raise unreadable_file_error(self.path, error, "remove it; notify then begins at the ledger's end") from None
        return Stored(
            alerts=[alerts[number] for number in sorted(alerts)],
            messages=[messages[number] for number in sorted(messages)],
            started=started,
            values=values,
            next_alert=next_alert,
            next_message=next_message,
        )

    def save(self, changes: Changes) -> None:
        """Store the changes of a step in one synced transaction; a failed one changes nothing and may be repeated.

        Raises:
            apsw.Error: one of `common.storage.DISK_FAULTS`.
            FileLostError: the file was removed or replaced.
        """
        db = self._db
        with transaction(db):
            for alert in changes.alerts:
                values = [getattr(alert, name) for name in _ALERT]
                values[-1] = _encode(alert.rules).decode()
                _put(db, "alerts", len(_ALERT), values)
            for message in changes.messages:
                fields = {name: getattr(message, name) for name in _MESSAGE}
                fields |= {"alerts": _encode(message.alerts).decode(), "is_urgent": int(message.is_urgent)}
                _put(db, "messages", len(_MESSAGE), list(fields.values()))
                db.executemany(
                    "INSERT OR IGNORE INTO carried VALUES (?, ?)", [(one, message.number) for one in message.alerts]
                )
                db.execute(  # an alert may leave a message that waits
                    "DELETE FROM carried WHERE message = ? AND alert NOT IN (SELECT value FROM json_each(?))",
                    (message.number, fields["alerts"]),
                )
            for number in changes.removed:
                db.execute("DELETE FROM messages WHERE number = ?", (number,))
                db.execute("DELETE FROM carried WHERE message = ?", (number,))
            for name, value in changes.values.items():
                db.execute("INSERT OR REPLACE INTO kept VALUES (?, ?, ?)", with_checksum("kept", name, value))
            if changes.alerts:
                self._prune(changes.alerts[-1].number)

    def alerts(self, numbers: Iterable[int]) -> list[AlertRow]:
        """Read the alerts with these numbers that exist.

        Raises:
            DamagedRowError: a row is damaged.
        """
        return self._alerts("number IN (SELECT value FROM json_each(?))", _encode(list(numbers)).decode())

    def read(self, query: AlertsQuery) -> AlertsReply:
        """Read a page of alerts.

        Raises:
            StartError: the file cannot be read.
        """
        return read_alerts(self._db, query)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _alerts(self, where: str, *bindings: Any) -> list[AlertRow]:
        return _read_alerts(self._db, f"WHERE {where} ORDER BY number", bindings)

    def _messages(self, where: str, *bindings: Any) -> list[MessageRow]:
        return _read_messages(self._db, f"WHERE {where} ORDER BY number", bindings)

    def _prune(self, last: int) -> None:
        oldest = last - ALERTS_KEPT
        db = self._db
        # An unfinished message keeps its alerts, and a lasting alert is kept until it has ended.
        removable = (
            f"number < ? AND NOT ({_LASTING}) AND NOT EXISTS (SELECT 1 FROM carried "  # noqa: S608 - our own text
            f"JOIN messages ON messages.number = message WHERE alert = alerts.number AND state IN {_texts(UNFINISHED)})"
        )
        query = f"SELECT number FROM alerts WHERE {removable} ORDER BY number LIMIT 1"  # noqa: S608 - our own text
        if not db.execute(query, (oldest - PRUNE_BATCH + 1,)).fetchall():
            return
        db.execute(f"DELETE FROM alerts WHERE {removable}", (oldest,))  # noqa: S608 - our own text
        db.execute("DELETE FROM carried WHERE alert NOT IN (SELECT number FROM alerts)")
        db.execute(
            f"DELETE FROM messages WHERE state NOT IN {_texts(UNFINISHED)} "  # noqa: S608 - our own text
            "AND number NOT IN (SELECT message FROM carried) "
            "AND number < (SELECT max(number) FROM messages)"
        )


def open_notify(data_dir: Path) -> apsw.Connection:
    """Open the file of notify in a data directory for reading; notify may be writing to it.

    Raises:
        StartError: the file is missing, or of another kind or version.
    """
    return open_reader(data_dir / FILE_NAME, application_id=APPLICATION_ID, schema_version=SCHEMA_VERSION)


def read_alerts(db: apsw.Connection, query: AlertsQuery) -> AlertsReply:
    """Read a page of alerts with their deliveries, newest first.

    Raises:
        StartError: the file cannot be read, or a row is damaged.
    """
    with _named_errors(db):
        return _read_page(db, query)


def _read_page(db: apsw.Connection, query: AlertsQuery) -> AlertsReply:
    before = query.before or 2**53
    where = f"number < ? AND {OPEN}" if query.open_only else "number < ?"
    with db:  # one snapshot for alerts and messages
        found = _read_alerts(db, f"WHERE {where} ORDER BY number DESC LIMIT ?", (before, query.limit + 1))
        count = _number(db, f"SELECT count(*) FROM alerts WHERE {OPEN}")  # noqa: S608 - our own text
        rows: list[AlertLine] = []
        bytes_used = 0
        for alert in found[: query.limit]:
            line = _line(db, alert)
            bytes_used += len(msgspec.msgpack.encode(line))
            if rows and bytes_used > PAGE_BYTES_MAX:
                break
            rows.append(line)
    has_more = len(found) > len(rows)
    return AlertsReply(rows=rows, next=rows[-1].number if has_more and rows else 0, open=count)


def find_alerts(db: apsw.Connection, where: str, bindings: Sequence[Any], *, limit: int) -> list[AlertLine]:
    """Read alerts with their deliveries, newest first; the caller holds a read transaction.

    Args:
        db: a connection from `open_notify`.
        where: a condition on the columns of the table of alerts.
        bindings: the values of its parameters.
        limit: largest number of alerts.

    Raises:
        StartError: the file cannot be read, or a row is damaged.
    """
    with _named_errors(db):
        found = _read_alerts(db, f"WHERE {where} ORDER BY number DESC LIMIT ?", (*bindings, limit))
        return [_line(db, one) for one in found]


@contextmanager
def _named_errors(db: apsw.Connection) -> Iterator[None]:
    try:
        yield
    except DamagedRowError:
        raise
    except (apsw.Error, msgspec.MsgspecError, ValueError) as error:
        raise StartError(f"{db.filename} cannot be read: {' '.join(str(error).split())}") from None


def _line(db: apsw.Connection, alert: AlertRow) -> AlertLine:
    messages = _read_messages(
        db, "WHERE number IN (SELECT message FROM carried WHERE alert = ?) ORDER BY number", (alert.number,)
    )
    fields = {name: getattr(alert, name) for name in _ALERT}
    return AlertLine(
        **fields,
        is_open=alert.is_open,
        deliveries=[
            DeliveryLine(
                message=one.number,
                target=one.target,
                rule=one.rule,
                kind=one.kind,
                state=one.state,
                waits_for=_waits_for(one),
                due_ns=one.due_ns,
                tries=one.tries,
                sent_ns=one.sent_ns,
                error=one.last_error,
            )
            for one in messages
        ],
    )


def _read_alerts(db: apsw.Connection, clause: str, bindings: Sequence[Any]) -> list[AlertRow]:
    rows: Any = db.execute(f"SELECT * FROM alerts {clause}", bindings).fetchall()  # noqa: S608 - our own text
    alerts = []
    for row in checked_rows(db.filename, "alerts", rows):
        fields: dict[str, Any] = dict(zip(_ALERT, row, strict=True))
        fields["rules"] = msgspec.json.decode(fields["rules"])
        fields |= {"phase": AlertPhase(fields["phase"]), "severity": Severity(fields["severity"])}
        alerts.append(AlertRow(**fields))
    return alerts


def _waits_for(message: MessageRow) -> WaitReason:
    """What a message waits for; QUEUE, as for no particular reason, for one that waits no more."""
    if message.state not in UNFINISHED:
        return WaitReason.QUEUE
    return WaitReason.RETRY if message.tries else message.waits_for


def _read_messages(db: apsw.Connection, clause: str, bindings: Sequence[Any]) -> list[MessageRow]:
    rows: Any = db.execute(f"SELECT * FROM messages {clause}", bindings).fetchall()  # noqa: S608 - our own text
    messages = []
    for row in checked_rows(db.filename, "messages", rows):
        fields: dict[str, Any] = dict(zip(_MESSAGE, row, strict=True))
        fields["alerts"] = msgspec.json.decode(fields["alerts"])
        fields |= {"kind": MessageKind(fields["kind"]), "state": MessageState(fields["state"])}
        fields |= {"waits_for": WaitReason(fields["waits_for"]), "is_urgent": bool(fields["is_urgent"])}
        messages.append(MessageRow(**fields))
    return messages


def _number(db: apsw.Connection, query: str) -> int:
    [(value,)] = db.execute(query).fetchall()
    assert isinstance(value, int), value
    return value


def _next_number(db: apsw.Connection, table: str) -> int:
    return _number(db, f"SELECT coalesce(max(number), 0) + 1 FROM {table}")  # noqa: S608 - a table of our own


def _put(db: apsw.Connection, table: str, columns: int, values: list[Any]) -> None:
    plain = [value if isinstance(value, int) else str(value) for value in values]
    marks = ", ".join("?" * (columns + 1))
    db.execute(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", with_checksum(table, *plain))  # noqa: S608 - ours


def _texts(states: Iterable[MessageState]) -> str:
    return "(" + ", ".join(f"'{state.value}'" for state in states) + ")"
