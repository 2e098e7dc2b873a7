"""Calendar of economic news: a CSV file with the columns time, currency, impact and title, in any order."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Final, NoReturn

import msgspec

from common.errors import StartError
from common.struct_files import FieldError, read_struct
from common.text_files import EncodingError, read_text
from proto.time import EPOCH
from proto.trading.units import TimeNs
from services.portfolio.core.risk.news import NEWS_EVENTS_MAX, NewsEvent

COLUMNS: Final = ("time", "currency", "impact", "title")

_TIME_EXPECTED: Final = "ISO 8601 with its zone, such as 2026-01-09T13:30:00Z"


def read_calendar(path: Path) -> tuple[NewsEvent, ...]:
    """Read the events of a file, sorted by time.

    Equal rows are one event, so that files with the same events give equal calendars. The impact may be in upper
    or lower case. Spaces around a value are ignored.

    Raises:
        StartError: the file is missing or a row is invalid. The text names file, line, value and expected value.
    """
    try:
        events = tuple(sorted(set(_events(path, StringIO(read_text(path), newline="")))))
    except OSError as error:
        raise StartError(f"RISK: news_calendar {path}: {error.strerror}; expected a CSV file") from None
    except (EncodingError, csv.Error) as error:
        raise StartError(f"RISK: news_calendar {path}: {error}; expected CSV") from None
    if not events:
        raise StartError(f"RISK: news_calendar {path}: has no event, expected at least one row under its header")
    return events


def _events(path: Path, lines: Iterator[str]) -> Iterator[NewsEvent]:
    rows = csv.reader(lines, strict=True)
    names = [name.strip().lower() for name in next(rows, [])]
    if sorted(names) != sorted(COLUMNS):
        _refuse(path, 1, "header", ",".join(names), f"the columns {','.join(COLUMNS)}")
    for count, cells in enumerate(row for row in rows if row):
        if len(cells) != len(names):
            _refuse(path, rows.line_num, "row", ",".join(cells), f"{len(names)} values")
        if count >= NEWS_EVENTS_MAX:
            _refuse(path, rows.line_num, "row", ",".join(cells), f"at most {NEWS_EVENTS_MAX} events")
        try:
            yield _event(path, rows.line_num, dict(zip(names, (cell.strip() for cell in cells), strict=True)))
        except FieldError as error:
            raise StartError(f"RISK: news_calendar {path}, line {rows.line_num}: {error}") from None


def _event(path: Path, line: int, cells: dict[str, str]) -> NewsEvent:
    values: dict[str, object] = {
        **cells,
        "impact": cells["impact"].lower(),
        "time_ns": _time_ns(path, line, cells["time"]),
    }
    del values["time"]
    try:
        return msgspec.convert(values, NewsEvent)
    except msgspec.ValidationError:
        # `read_struct` is twenty times slower than `msgspec.convert`, but its error names the field.
        return read_struct(values, NewsEvent)


def _time_ns(path: Path, line: int, text: str) -> int:
    try:
        since_epoch = datetime.fromisoformat(text) - EPOCH
        return msgspec.convert(since_epoch // timedelta(microseconds=1) * 1_000, TimeNs)
    except (ValueError, TypeError):  # not a time, out of range, or without a zone
        _refuse(path, line, "time", text, _TIME_EXPECTED)


def _refuse(path: Path, line: int, name: str, value: str, expected: str) -> NoReturn:
    raise StartError(f"RISK: news_calendar {path}, line {line}: {name} is {value[:200]!r}, expected {expected}")
