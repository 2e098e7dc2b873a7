"""Alerts from the watchdog's alert log: conditions that began or ended, and problems of processes."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import apsw
import msgspec

from common.errors import StartError, error_text
from common.logs import get_logger
from proto.alert_record import AlertRecord
from proto.time import HOUR_NS
from services.notify.core.codes import CAUSES
from services.notify.core.inputs import EventsRead, SourceEvent
from services.watchdog.alert_log import AlertLogReader, LogPlace

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
        self._place: LogPlace | None = None
        self._oldest_ns = 0
        self.problem = ""
        """Why the log cannot be read; empty if it can."""
        if value is not None:
            try:
                self._place = msgspec.json.decode(value, type=LogPlace)
            except msgspec.MsgspecError as error:
                raise StartError(f"the place in the alert log cannot be read: {error}; remove notify.db") from None

    def read(self, wall_ns: int) -> EventsRead | None:
        """The next records; None if there are none, or the log cannot be read now: see `problem`."""
        try:
            return self._read(wall_ns)
        except (StartError, apsw.Error) as error:
            self._set_problem(error_text(error))
            return None

    def _read(self, wall_ns: int) -> EventsRead | None:
        last = self._reader.last_number()
        if last is None:
            return self._without_a_file()
        place = self._place
        if place is None:
            self._set_problem("")
            return self._at(self._reader.place(last), [])
        if last < place.number or self._is_other(place):
            _log.warning("the alert log was replaced, reading it from its beginning", record=place.number, last=last)
            place, self._oldest_ns = LogPlace(0), wall_ns - OLD_NS
        self._set_problem("")
        self._place = place
        if last == place.number:
            return None
        records = self._reader.read_after(place.number, RECORDS_PER_STEP)
        new = self._reader.place(records[-1].number if records else last)
        return self._at(
            new, [_event(one) for one in records if one.code not in CAUSES and one.time_ns >= self._oldest_ns]
        )

    def _without_a_file(self) -> EventsRead | None:
        if self._place is None:  # the desk is new, so all its records are
            return self._at(LogPlace(0), [])
        if self._place.number:
            self._set_problem(f"{self._reader.path} is missing, expected the file with record {self._place.number}")
        return None

    def _is_other(self, place: LogPlace) -> bool:
        """Whether the log has another record at a place; one without it is the same log if its oldest are removed."""
        found = self._reader.place(place.number).checksum
        return found is not None and place.checksum is not None and found != place.checksum

    def _at(self, place: LogPlace, events: list[SourceEvent]) -> EventsRead:
        self._place = place
        return EventsRead(events=events, values={VALUE: msgspec.json.encode(place)})

    def _set_problem(self, text: str) -> None:
        if text and text != self.problem:
            _log.warning("the alert log cannot be read", error=text)
        self.problem = text


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
