"""Alerts from the watchdog's alert log: conditions that began or ended, and problems of processes."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import apsw

from common.errors import StartError
from common.logs import get_logger
from proto.alert_record import AlertRecord
from proto.time import HOUR_NS
from services.notify.core.codes import CAUSES
from services.notify.core.inputs import EventsRead, SourceEvent
from services.watchdog.alert_log import AlertLogReader

VALUE: Final = "watchdog"
"""Name of the stored value with the number of the last record."""

RECORDS_PER_STEP: Final = 500

OLD_NS: Final = HOUR_NS
"""Age from which records of a log that replaced another one are not sent."""

_log = get_logger()


class AlertLogSource:
    """Reads new records of the alert log."""

    def __init__(self, data_dir: Path, value: bytes | None) -> None:
        """Continue after the stored number; None for a new file, which begins at the end of the log.

        Raises:
            StartError: another program wrote the value.
        """
        self._reader = AlertLogReader(data_dir)
        self._number: int | None = None
        self._oldest_ns = 0
        self._problem = ""
        if value is not None:
            if not value.isdigit():
                raise StartError("the place in the alert log cannot be read; remove notify.db")
            self._number = int(value)

    def read(self, wall_ns: int) -> EventsRead | None:
        """The next records; None if there are none, or the log cannot be read now, which is logged."""
        try:
            return self._read(wall_ns)
        except (StartError, apsw.Error) as error:
            text = " ".join(str(error).split())
            if text != self._problem:
                _log.warning("the alert log cannot be read", error=text)
            self._problem = text
            return None

    def _read(self, wall_ns: int) -> EventsRead | None:
        last = self._reader.last_number()
        self._problem = ""
        if self._number is None:
            self._number = last
            return EventsRead(events=[], values={VALUE: b"%d" % last})
        if last < self._number:
            _log.warning("the alert log was replaced, reading it from its beginning", record=self._number, last=last)
            self._number, self._oldest_ns = 0, wall_ns - OLD_NS
        if last == self._number:
            return None
        records = self._reader.read_after(self._number, RECORDS_PER_STEP)
        self._number = records[-1].number if records else last
        events = [_event(one) for one in records if one.code not in CAUSES and one.time_ns >= self._oldest_ns]
        return EventsRead(events=events, values={VALUE: b"%d" % self._number})


def _event(record: AlertRecord) -> SourceEvent:
    return SourceEvent(
        phase=record.phase,
        code=record.code,
        subject=record.subject,
        severity=record.severity,
        text=record.text,
        origin=f"watchdog:{record.number}",
        time_ns=record.time_ns,
    )
