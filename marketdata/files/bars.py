"""Detection of bar files, which are refused: by their columns or the shape of their rows, with their interval."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final

import polars as pl

from marketdata.files import epoch_times

_SEPARATORS: Final = ("\t", ";", ",")
_PRICES: Final = ("open", "high", "low", "close")
_YEAR_FIRST: Final = re.compile(r"(\d{4})[.\-/]?(\d\d)[.\-/]?(\d\d)(?:[T ]+(\d\d):?(\d\d)(?::?(\d\d))?)?")
_DAY_FIRST: Final = re.compile(r"(\d\d)[.\-/](\d\d)[.\-/](\d{4})(?:[T ]+(\d\d):?(\d\d)(?::?(\d\d))?)?")
_DATE: Final = re.compile(r"\d{4}[.\-/]?\d\d[.\-/]?\d\d|\d\d[.\-/]\d\d[.\-/]\d{4}")
_OF_DAY_MS: Final = re.compile(r"\d{1,8}")
_UNITS: Final = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


def bar_interval(head: Sequence[str]) -> str | None:
    """The interval of the bars that a file begins with, such as "1 minute"; None where it holds no bars.

    Args:
        head: its first lines that are not empty.
    """
    if not head:
        return None
    separator = next((sign for sign in _SEPARATORS if sign in head[0]), ",")
    rows = [[field.strip(' "<>') for field in line.split(separator)] for line in head]
    has_header = not any(character.isdigit() for character in head[0])
    if has_header:
        names = [name.lower() for name in rows[0]]
        if {"bid", "ask"} <= set(names) or not all(any(price in name for name in names) for price in _PRICES):
            return None
        body = [row[names[0] == "" :] for row in rows[1:]]
        return _interval([time for row in body if (time := _time_of(row)[0]) is not None])
    found = [_time_of(row) for row in rows]
    times = [time for (time, width), row in zip(found, rows, strict=True) if _is_bar(row[width:])]
    return _interval([time for time in times if time is not None]) if len(times) == len(rows) else None


def _time_of(row: Sequence[str]) -> tuple[float | None, int]:
    """Begin of a row in seconds, and the number of fields that hold it."""
    width = 2 if len(row) > 1 and _DATE.fullmatch(row[0]) and re.match(r"\d\d:?\d\d", row[1]) else 1
    text = " ".join(row[:width])
    [ns] = epoch_times.epoch_ns(pl.Series([text], dtype=pl.String))
    if ns is not None:
        return ns / 1e9, width
    if found := _YEAR_FIRST.match(text):
        year, month, day, hour, minute, second = map(int, found.groups(default="0"))
    elif found := _DAY_FIRST.match(text):
        day, month, year, hour, minute, second = map(int, found.groups(default="0"))
    else:
        return (int(text) / 1e3 if _OF_DAY_MS.fullmatch(text) else None), width
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp(), width
    except ValueError:
        return None, width


def _is_bar(fields: Sequence[str]) -> bool:
    """Whether the first four are open, high, low and close, all within a factor of two."""
    try:
        first, high, low, last = map(float, fields[:4])
    except ValueError:
        return False
    return 0 < low <= min(first, last) <= max(first, last) <= high <= 2 * low


def _interval(times: Sequence[float]) -> str:
    steps = Counter(round(later - time) for time, later in pairwise(times) if later - time >= 1)
    if not steps:
        return "an interval that its first rows do not tell"
    [(step, _)] = steps.most_common(1)
    unit, seconds = next((unit, seconds) for unit, seconds in _UNITS if step % seconds == 0)
    count = step // seconds
    return f"{count} {unit}" + ("s" if count > 1 else "")
