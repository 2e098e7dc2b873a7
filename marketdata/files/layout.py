"""Layouts of tick files: how content is recognised, and how lines become rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

import numpy as np
import polars as pl

from marketdata.files.text import ArchiveMember, escaped
from marketdata.files.time_zones import SourceClock
from marketdata.tick_validation import UNREADABLE_TIME_NS

HEAD_LINES: Final = 20
"""Number of lines used to recognise a layout; most of them must fit it, so that a bad line does no harm."""

TIME_OF_DAY: Final = r"([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?"
YEAR: Final = r"(19[7-9]\d|20\d\d|21\d\d)"
"""Nanoseconds since 1970 reach into the year 2262."""

PAIR: Final = r"[A-Za-z]{3,}/?[A-Za-z]{3,}"
NUMBER: Final = r"\s*[-+]?\d*\.?\d+\s*"


class ZoneRule(Enum):
    """Source of the clock of a layout's times."""

    FIXED = "each row has its offset"
    DEFAULT = "layout or file has a clock, which may be overridden"
    REQUIRED = "neither layout nor file has a clock"


class Parser(Protocol):
    """Converts lines of one file to rows; keeps state between calls where the layout needs it."""

    header_lines: int
    has_symbols: bool
    zone_rule: ZoneRule
    clock: SourceClock
    has_offsets: bool
    """Whether each row has its offset from UTC, also if that is zero."""
    clock_source: str
    """Source of `clock`; empty where that is the layout itself, or there is no clock."""
    clock_doubt: str
    """Remark when `clock` is assumed or missing; may be empty."""

    def parse(self, lines: Sequence[str]) -> pl.DataFrame:
        """Convert lines to a frame with one row per line, as `build_tick_frame` returns."""


class LayoutMismatch(str):
    """Why the first lines do not fit a layout."""


class LayoutRefusal(str):
    """Why a file of a known layout has no readable ticks."""


@dataclass(frozen=True)
class Layout:
    """A layout: name, example, and recognition."""

    name: str
    example: str

    def recognise(self, head: Sequence[str], member: ArchiveMember) -> Parser | LayoutMismatch | LayoutRefusal:
        """A parser for the file that begins with these non-empty lines, or why it is not of this layout."""
        raise NotImplementedError


def separator_of(line: str) -> str:
    """The separator of a line's columns: a tab, a semicolon or a comma."""
    return next((sign for sign in ("\t", ";") if sign in line), ",")


def split_columns(lines: Sequence[str], separator: str, count: int) -> pl.DataFrame:
    """Fields of each line as columns `0` to `count - 1`, stripped of spaces and quotes.

    Null in lines with more or fewer.
    """
    names = [str(number) for number in range(count)]
    line = pl.col("line")
    fields = line.str.split_exact(separator, count - 1).struct.rename_fields(names)
    is_whole = line.str.count_matches(separator, literal=True) == count - 1
    return (
        pl.DataFrame({"line": pl.Series(lines, dtype=pl.String)})
        .select(pl.when(is_whole).then(fields).alias("fields"))
        .unnest("fields")
        .select(pl.col(names).str.strip_chars(' "\t'))
    )


def parse_numbers(text: pl.Series) -> pl.Series:
    """Numbers; null where the text is not a number."""
    return text.cast(pl.Float64, strict=False)


def parse_wall_times(text: pl.Series, pattern: str, form: str) -> pl.Series:
    """Local times of texts that match the whole pattern; null for others."""
    fits = text.str.contains(f"^{pattern}$")
    kept = text.to_frame("t").select(pl.when(fits).then(pl.col("t")))["t"]
    return kept.str.to_datetime(form, time_unit="ns", strict=False)


def build_tick_frame(
    ts_ns: pl.Series,
    bid: pl.Series,
    ask: pl.Series,
    volume: pl.Series | None = None,
    symbol: pl.Series | None = None,
    *,
    missing: pl.Series | None = None,
) -> pl.DataFrame:
    """The frame of rows; a null makes its row unreadable, except in prices where `missing` is true."""
    columns = {"ts_ns": ts_ns, "bid": bid, "ask": ask, "volume": volume if volume is not None else ts_ns * 0.0}
    if symbol is not None:
        columns["symbol"] = symbol
    frame = pl.DataFrame(columns)
    bad = pl.any_horizontal(pl.col(list(columns)).is_null())
    if missing is not None:
        frame = frame.with_columns(missing.alias("missing"))
        bad = pl.col("ts_ns").is_null() | (pl.col("missing").is_null()) | pl.col("volume").is_null()
    frame = frame.with_columns(bad.alias("bad"))
    return frame.select(
        pl.when("bad").then(pl.lit(UNREADABLE_TIME_NS)).otherwise("ts_ns").alias("ts_ns"),
        *(
            pl.when("bad").then(pl.lit(np.nan)).otherwise(pl.col(name).fill_null(np.nan)).alias(name)
            for name in ("bid", "ask", "volume")
        ),
        *([pl.when("bad").then(None).otherwise("symbol").alias("symbol")] if symbol is not None else []),
    )


def count_header_lines(head: Sequence[str], pattern: re.Pattern[str], expected: str) -> int | LayoutMismatch:
    """The number of header lines, 0 or 1, if most lines fit the pattern; otherwise the first line that does not.

    A first line without a digit is a header: every row has digits.
    """
    header = 1 if head and not any(character.isdigit() for character in head[0]) else 0
    body = head[header : header + HEAD_LINES]
    odd = [line for line in body if not pattern.fullmatch(line)]
    if body and 2 * len(odd) < len(body):
        return header
    return LayoutMismatch(f"{escaped(odd[0], 60) if odd else 'no row'} is not like {expected}")
