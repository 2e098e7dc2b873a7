"""Interface of the layouts of tick files: recognition of a layout, and parsing of lines to rows."""

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
"""Number of lines used to recognize a layout. Most of them must fit, so that a few bad lines are tolerated."""

TIME_OF_DAY: Final = r"([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?"
YEAR: Final = r"(19[7-9]\d|20\d\d|21\d\d)"
"""Years 1970 to 2199: nanoseconds since 1970 fit into Int64 until the year 2262."""

PAIR: Final = r"[A-Za-z]{3,}/?[A-Za-z]{3,}"
NUMBER: Final = r"\s*[-+]?(?:\d+(?:\.\d+)?|\.\d+)\s*"


class ZoneRule(Enum):
    """Source of the clock of a file's times."""

    FIXED = "each row has its offset"
    DEFAULT = "the layout or the file determines a clock, which may be overridden"
    REQUIRED = "neither the layout nor the file determines a clock, so it must be given"


class Parser(Protocol):
    """Converts lines of one file to rows, in the order of the file; may keep state between calls."""

    header_lines: int
    has_symbols: bool
    zone_rule: ZoneRule
    clock: SourceClock
    has_offsets: bool
    """Whether each row has an offset from UTC, which may be zero; meaningless if `zone_rule` is `REQUIRED`."""
    clock_source: str
    """Source of `clock`, as text; empty if the source is the layout itself, or if there is no clock."""
    clock_doubt: str
    """Remark for the user if `clock` is an assumption or missing; may be empty."""

    def parse(self, lines: Sequence[str]) -> pl.DataFrame:
        """Convert lines to a frame with one row per line, as `build_tick_frame` returns."""


class LayoutMismatch(str):
    """The reason why the first lines of a file do not fit a layout."""


class LayoutRefusal(str):
    """The reason why a file that fits a layout has no readable ticks."""


@dataclass(frozen=True)
class Layout:
    """A layout of tick files: its name, an example of a line, and its recognition."""

    name: str
    example: str

    def recognise(self, head: Sequence[str], member: ArchiveMember) -> Parser | LayoutMismatch | LayoutRefusal:
        """Recognize the file whose first non-empty lines are `head`.

        Returns:
            A parser for the file; or why the file does not have this layout; or why it has no readable ticks.
        """
        raise NotImplementedError


def separator_of(line: str) -> str:
    """The separator of a line's columns: a tab or a semicolon if the line has one, else a comma."""
    return next((sign for sign in ("\t", ";") if sign in line), ",")


def split_columns(lines: Sequence[str], separator: str, count: int) -> pl.DataFrame:
    """Split each line into fields: the columns `0` to `count - 1`, stripped of spaces and quotes.

    If a line does not have `count` fields, all of its fields are null.
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
    """Convert texts to numbers; null if a text is not a number."""
    return text.cast(pl.Float64, strict=False)


def parse_wall_times(text: pl.Series, pattern: str, form: str) -> pl.Series:
    """Convert texts that match the whole `pattern` to local times; null for other texts.

    `form` is the format of polars' `str.to_datetime`.
    """
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
    """Build the frame of rows from their columns; a row with a null becomes unreadable, unless `missing` is given.

    Args:
        ts_ns: UTC nanoseconds since 1970.
        bid: bid prices.
        ask: ask prices.
        volume: volumes; None for 0 in every row.
        symbol: symbols; None for a file without symbols.
        missing: a mask, in which only nulls matter. A null in the mask, the time or the volume makes a row unreadable;
            a null price alone becomes NaN.
    """
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
    """The number of header lines, 0 or 1, if most other lines match the pattern; else a mismatch.

    A first line without a digit is a header, because every row has digits. The text of the mismatch has the first line
    that does not match.
    """
    header = 1 if head and not any(character.isdigit() for character in head[0]) else 0
    body = head[header : header + HEAD_LINES]
    odd = [line for line in body if not pattern.fullmatch(line)]
    if body and 2 * len(odd) < len(body):
        return header
    return LayoutMismatch(
        f"{escaped(odd[0], 60)} is not like {expected}" if odd else f"there is no row like {expected}"
    )
