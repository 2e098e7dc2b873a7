"""Detection of files that have bars instead of ticks, and of the interval of the bars; such files are refused.

A bar file is detected by its column names or by the form of its rows.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final

import polars as pl

from marketdata.files import epoch_times
from marketdata.files.header_layouts import COLUMN_NAMES
from marketdata.files.layout import separator_of

_PRICES: Final = ("open", "high", "low", "close")
_WORD: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
_TIME_NAME: Final = re.compile(r"date|time(?!frame)|^dt|^utc$|^ts")
_DATE_NAME: Final = re.compile(r"date|^dt")
_YEAR_FIRST: Final = re.compile(r"(\d{4})[.\-/]?(\d\d)[.\-/]?(\d\d)(?:[T ]+(\d\d):?(\d\d)(?::?(\d\d))?)?")
_DAY_FIRST: Final = re.compile(r"(\d\d)[.\-/](\d\d)[.\-/](\d{4})(?:[T ]+(\d\d):?(\d\d)(?::?(\d\d))?)?")
_DATE: Final = re.compile(r"\d{4}[.\-/]?\d\d[.\-/]?\d\d|\d\d[.\-/]\d\d[.\-/]\d{4}")
_TIME_OF_DAY: Final = re.compile(r"(\d\d):?(\d\d)(?::?(\d\d)(?:\.\d+)?)?(?: ?[AP]M)?", re.IGNORECASE)
_MILLISECOND_OF_DAY: Final = re.compile(r"\d{1,8}")
_FIELDS_BEFORE_TIME: Final = 2
"""Largest number of fields before the time of a row: a ticker and the interval of the bars."""

_UNITS: Final = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


def bar_interval(head: Sequence[str]) -> str | None:
    """The interval of a bar file, such as "1 minute"; None for a file without bars.

    Rows that have a bid and an ask in addition to a bar count as bars if the steps between their times are multiples of
    one interval.

    Args:
        head: the first non-empty lines of the file.
    """
    if not head:
        return None
    separator = separator_of(head[0])
    rows = [[field.strip(' "<>') for field in line.split(separator)] for line in head]
    has_digit = any(character.isdigit() for character in head[0])
    if _names_bars(rows[0]):
        names = [name.lower() for name in rows[0]]
        times = _named_times(names, rows[1:])
        # Most headers have no digit. A line with a digit, as in `ma20`, is a header only if the rows below have times.
        if has_digit and _usual_step(times) is None:
            return None
        if not all(set(names) & set(COLUMN_NAMES[side]) for side in ("bid", "ask")):
            return _interval(times)
        return f"{_interval(times)}, each with a bid and an ask" if _are_whole_intervals(times) else None
    if not has_digit:
        return None
    rows = [row[_fields_before_time(row) :] for row in rows]
    found = [_time_of(row) for row in rows]
    bars = [time for (time, width), row in zip(found, rows, strict=True) if _is_bar(row[width:])]
    return _interval([time for time in bars if time is not None]) if len(bars) == len(rows) else None


def _names_bars(names: Sequence[str]) -> bool:
    """Whether columns are named open, high, low and close, in full or by their first letter, as in `bid_o`."""
    parts = {part.lower() for name in names for part in _WORD.findall(name)}
    return all(price[0] in parts or any(price in name.lower() for name in names) for price in _PRICES)


def _named_times(names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[float]:
    """Times of the rows, in seconds, from the columns whose name means a time, or else from the first two columns."""
    named = [place for place, name in enumerate(names) if _TIME_NAME.search(name)]
    # The date column first, as `_time_of` expects.
    places = sorted(named, key=lambda place: _DATE_NAME.search(names[place]) is None) or [0, 1]
    found = [_time_of([row[place] for place in places if place < len(row)]) for row in rows]
    return [time for time, _ in found if time is not None]


def _fields_before_time(row: Sequence[str]) -> int:
    """Number of fields before the date in a row that begins with a ticker; 0 for any other row."""
    if not row[0][:1].isalpha():
        return 0
    places = range(1, min(_FIELDS_BEFORE_TIME + 1, len(row)))
    return next((place for place in places if _YEAR_FIRST.match(row[place]) or _DAY_FIRST.match(row[place])), 0)


def _time_of(row: Sequence[str]) -> tuple[float | None, int]:
    """Time of a row in seconds, None if the row has no time, and the number of fields that the time takes."""
    width = 2 if len(row) > 1 and _DATE.fullmatch(row[0]) and _TIME_OF_DAY.fullmatch(row[1]) else 1
    text = " ".join(row[:width])
    [ns] = epoch_times.epoch_ns(pl.Series([text], dtype=pl.String))
    if ns is not None:
        return ns / 1e9, width
    if found := _YEAR_FIRST.match(text):
        year, month, day, hour, minute, second = map(int, found.groups(default="0"))
    elif found := _DAY_FIRST.match(text):
        day, month, year, hour, minute, second = map(int, found.groups(default="0"))
    else:
        return (int(text) / 1e3 if _MILLISECOND_OF_DAY.fullmatch(text) else None), width
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp(), width
    except ValueError:
        return None, width


def _is_bar(fields: Sequence[str]) -> bool:
    """Whether the first four fields can be open, high, low and close, with a high of at most twice the low."""
    try:
        first, high, low, last = map(float, fields[:4])
    except ValueError:
        return False
    return 0 < low <= min(first, last) <= max(first, last) <= high <= 2 * low


def _are_whole_intervals(times: Sequence[float]) -> bool:
    """Whether all steps between times are positive multiples of the most common step, as in bars but not in quotes."""
    steps = [later - time for time, later in pairwise(times)]
    usual = _usual_step(times)
    return usual is not None and all(step >= 1 and step % usual == 0 for step in steps)


def _usual_step(times: Sequence[float]) -> int | None:
    steps = Counter(round(later - time) for time, later in pairwise(times) if later - time >= 1)
    return steps.most_common(1)[0][0] if steps else None


def _interval(times: Sequence[float]) -> str:
    step = _usual_step(times)
    if step is None:
        return "an interval that its first rows do not show"
    unit, seconds = next((unit, seconds) for unit, seconds in _UNITS if step % seconds == 0)
    count = step // seconds
    return f"{count} {unit}" + ("s" if count > 1 else "")
