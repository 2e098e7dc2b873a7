"""The layouts of text that ticks come in: how each is told by its content, and how its lines become rows.

A layout looks at the first lines of a file and gives a parser or says why they do not fit. A parser takes lines and gives
a frame of `ts_ns`, `bid`, `ask`, `volume` and, where the lines name it, `symbol`. Every line is one row: one that cannot be
read has `UNREADABLE_TIME_NS` for its time, so that it is counted and never guessed at.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import PurePath
from typing import Final, Protocol

import numpy as np
import polars as pl

from marketdata.files.text import ArchiveMember, escaped
from marketdata.files.time_zones import SourceClock
from marketdata.tick_validation import UNREADABLE_TIME_NS

HEAD_LINES: Final = 20
"""Lines that a layout is told by; most of them must fit it, so that a bad one among them does no harm."""

TIME_OF_DAY: Final = r"([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?"
YEAR: Final = r"(19[7-9]\d|20\d\d|21\d\d)"
"""Nanoseconds since 1970 reach into the year 2262."""

PAIR: Final = r"[A-Za-z]{3,}/?[A-Za-z]{3,}"
NUMBER: Final = r"\s*[-+]?\d*\.?\d+\s*"


class ZoneRule(Enum):
    """Whose clock a layout's times are."""

    FIXED = "the file says UTC or an offset"
    DEFAULT = "the layout has one that may be overruled"
    REQUIRED = "neither layout nor file says"


class Parser(Protocol):
    """Lines of one file into rows; carries from line to line what the layout asks for."""

    header_lines: int
    has_symbols: bool
    zone_rule: ZoneRule
    clock: SourceClock

    def parse(self, lines: Sequence[str]) -> pl.DataFrame:
        """A row per line."""


class LayoutMismatch(str):
    """Why the first lines are not of a layout."""


@dataclass(frozen=True)
class Layout:
    """A layout by name, with an example, and what tells it."""

    name: str
    example: str

    def recognise(self, head: Sequence[str], member: ArchiveMember) -> Parser | LayoutMismatch:
        """A parser of the file that begins with these lines, none of them empty, or why it is not of this layout."""
        raise NotImplementedError


def split_columns(lines: Sequence[str], separator: str, count: int) -> pl.DataFrame:
    """Columns `0` to `count - 1` of the lines, without spaces and quotes around; null in lines with more or fewer."""
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
    """Numbers, null where the text is none."""
    return text.cast(pl.Float64, strict=False)


def wall_times(text: pl.Series, pattern: str, form: str) -> pl.Series:
    """Clock readings of texts that match the pattern wholly, null for others."""
    fits = text.str.contains(f"^{pattern}$")
    kept = text.to_frame("t").select(pl.when(fits).then(pl.col("t")))["t"]
    return kept.str.to_datetime(form, time_unit="ns", strict=False)


def tick_frame(
    ts_ns: pl.Series,
    bid: pl.Series,
    ask: pl.Series,
    volume: pl.Series | None = None,
    symbol: pl.Series | None = None,
    *,
    missing: pl.Series | None = None,
) -> pl.DataFrame:
    """The frame of rows: what is null makes its row unreadable, except prices where `missing` says that there is none."""
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
    """How many header lines stand before the rows, 0 or 1, when most lines fit a pattern; or which line does not.

    A first line without a digit is a header: no row has none.
    """
    header = 1 if head and not any(character.isdigit() for character in head[0]) else 0
    body = head[header : header + HEAD_LINES]
    odd = [line for line in body if not pattern.fullmatch(line)]
    if body and 2 * len(odd) < len(body):
        return header
    return LayoutMismatch(f"{escaped(odd[0], 60) if odd else 'no row'} is not like {expected}")


@dataclass(frozen=True)
class _Rows(Layout):
    """A layout whose every line has the same fields and no header of its own."""

    pattern: re.Pattern[str]
    parser: type[_RowParser]

    def recognise(self, head: Sequence[str], member: ArchiveMember) -> Parser | LayoutMismatch:
        found = count_header_lines(head, self.pattern, self.example)
        return found if isinstance(found, LayoutMismatch) else self.parser(found, member)


class _RowParser:
    """A parser of lines that are all alike."""

    has_symbols = False
    zone_rule = ZoneRule.FIXED
    zone = "UTC"

    def __init__(self, header_lines: int, member: ArchiveMember) -> None:
        self.header_lines = header_lines
        self.clock = SourceClock(self.zone)
        self.member = member

    def parse(self, lines: Sequence[str]) -> pl.DataFrame:
        raise NotImplementedError


class _TrueFx(_RowParser):
    has_symbols = True

    def parse(self, lines: Sequence[str]) -> pl.DataFrame:
        fields = split_columns(lines, ",", 4)
        wall = wall_times(fields["1"], rf"{YEAR}\d{{4}} {TIME_OF_DAY}", "%Y%m%d %H:%M:%S%.f")
        symbol = fields["0"].str.extract(f"^({PAIR})$").str.replace("/", "", literal=True)
        return tick_frame(
            self.clock.to_utc(wall), parse_numbers(fields["2"]), parse_numbers(fields["3"]), symbol=symbol
        )


class _HistData(_RowParser):
    zone_rule = ZoneRule.DEFAULT
    zone = "-05:00"

    def parse(self, lines: Sequence[str]) -> pl.DataFrame:
        fields = split_columns(lines, ",", 4)
        pattern = rf"{YEAR}\d{{4}} ([01]\d|2[0-3])([0-5]\d){{2}}\d{{3}}"
        wall = wall_times(fields["0"], pattern, "%Y%m%d %H%M%S%3f")
        return tick_frame(self.clock.to_utc(wall), *(parse_numbers(fields[name]) for name in "123"))


class _Lean(_RowParser):
    """The day of the rows stands in the name of the file, and nowhere in it."""

    zone_rule = ZoneRule.DEFAULT
    _DAY_MS: Final = 86_400_000

    def __init__(self, header_lines: int, member: ArchiveMember) -> None:
        super().__init__(header_lines, member)
        self.day = lean_day(member)

    def parse(self, lines: Sequence[str]) -> pl.DataFrame:
        assert self.day is not None
        fields = split_columns(lines, ",", 3)
        since_ms = parse_numbers(fields["0"])
        since_ns = (since_ms * 1e6).round().cast(pl.Int64, strict=False)
        since_ns = since_ns.set((since_ms < 0) | (since_ms >= self._DAY_MS), None)
        wall = (since_ns + int(np.datetime64(self.day, "ns").astype(np.int64))).cast(pl.Datetime("ns"))
        return tick_frame(self.clock.to_utc(wall), parse_numbers(fields["1"]), parse_numbers(fields["2"]))


@dataclass(frozen=True)
class _LeanRows(_Rows):
    def recognise(self, head: Sequence[str], member: ArchiveMember) -> Parser | LayoutMismatch:
        found = super().recognise(head, member)
        if not isinstance(found, LayoutMismatch) and lean_day(member) is None:
            return LayoutMismatch(
                "the rows fit, but the file's name does not begin with the day, as in 20140501_quote.zip"
            )
        return found


def lean_day(member: ArchiveMember) -> datetime | None:
    """The day that the name of a LEAN file, or else of the text in it, begins with."""
    for name in (member.path.name, PurePath(member.inner or "").name):
        found = re.match(rf"({YEAR}\d{{4}})(?!\d)", name)
        if found:
            try:
                return datetime.strptime(found[1], "%Y%m%d")  # noqa: DTZ007 - the zone is the clock's business
            except ValueError:
                return None
    return None


TRUEFX: Final = _Rows(
    name="TrueFX",
    example="EUR/USD,20140501 00:00:01.787,1.38727,1.38729",
    pattern=re.compile(rf"{PAIR},\d{{8}} \d\d:\d\d:\d\d(\.\d+)?,{NUMBER},{NUMBER}"),
    parser=_TrueFx,
)
HISTDATA: Final = _Rows(
    name="HistData ASCII ticks",
    example="20200101 170000065,1.121200,1.121720,0",
    pattern=re.compile(rf"\d{{8}} \d{{9}},{NUMBER},{NUMBER},{NUMBER}"),
    parser=_HistData,
)
LEAN: Final = _LeanRows(
    name="LEAN daily quotes",
    example="1787,1.38727,1.38729",
    pattern=re.compile(rf"\d{{1,8}}(\.\d+)?,{NUMBER},{NUMBER}"),
    parser=_Lean,
)
