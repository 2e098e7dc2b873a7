"""Layouts of text files without column names: TrueFX, HistData and LEAN."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath
from typing import Final

import numpy as np
import polars as pl

from marketdata.files.layout import (
    NUMBER,
    PAIR,
    TIME_OF_DAY,
    YEAR,
    Layout,
    LayoutMismatch,
    Parser,
    ZoneRule,
    build_tick_frame,
    count_header_lines,
    parse_numbers,
    parse_wall_times,
    split_columns,
)
from marketdata.files.lean_clocks import lean_clock
from marketdata.files.text import ArchiveMember
from marketdata.files.time_zones import EASTERN, SourceClock


@dataclass(frozen=True)
class _PatternLayout(Layout):
    """A layout without column names: most lines match `pattern`. A first line without digits is skipped."""

    pattern: re.Pattern[str]
    parser: type[_RowParser]

    def recognise(self, head: Sequence[str], member: ArchiveMember) -> Parser | LayoutMismatch:
        found = count_header_lines(head, self.pattern, self.example)
        return found if isinstance(found, LayoutMismatch) else self.parser(found, member)


class _RowParser:
    """A parser of lines that all have the same form."""

    has_symbols = False
    zone_rule = ZoneRule.DEFAULT
    zone = "UTC"
    has_offsets = False
    clock_source = ""
    clock_doubt = ""

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
        wall = parse_wall_times(fields["1"], rf"{YEAR}\d{{4}} {TIME_OF_DAY}", "%Y%m%d %H:%M:%S%.f")
        symbol = fields["0"].str.extract(f"^({PAIR})$").str.replace("/", "", literal=True)
        return build_tick_frame(
            self.clock.to_utc(wall), parse_numbers(fields["2"]), parse_numbers(fields["3"]), symbol=symbol
        )


class _HistData(_RowParser):
    zone = EASTERN

    def parse(self, lines: Sequence[str]) -> pl.DataFrame:
        fields = split_columns(lines, ",", 4)
        pattern = rf"{YEAR}\d{{4}} ([01]\d|2[0-3])([0-5]\d){{2}}\d{{3}}"
        wall = parse_wall_times(fields["0"], pattern, "%Y%m%d %H%M%S%3f")
        return build_tick_frame(self.clock.to_utc(wall), *(parse_numbers(fields[name]) for name in "123"))


class _Lean(_RowParser):
    """Parser of LEAN's daily quotes, whose rows have no date: the day is that of `lean_day`."""

    clock_doubt = "LEAN's clock depends on security type and market, given by folders such as forex/fxcm/eurusd"
    _DAY_MS: Final = 86_400_000

    def __init__(self, header_lines: int, member: ArchiveMember) -> None:
        super().__init__(header_lines, member)
        self.day = lean_day(member)
        known = lean_clock(member.path)
        if known is None:
            self.zone_rule = ZoneRule.REQUIRED
        else:
            self.clock, self.clock_source = SourceClock(known.zone), known.source

    def parse(self, lines: Sequence[str]) -> pl.DataFrame:
        assert self.day is not None
        fields = split_columns(lines, ",", 3)
        since_ms = parse_numbers(fields["0"])
        since_ns = (since_ms * 1e6).round().cast(pl.Int64, strict=False)
        since_ns = since_ns.set((since_ms < 0) | (since_ms >= self._DAY_MS), None)
        wall = (since_ns + int(np.datetime64(self.day, "ns").astype(np.int64))).cast(pl.Datetime("ns"))
        return build_tick_frame(self.clock.to_utc(wall), parse_numbers(fields["1"]), parse_numbers(fields["2"]))


@dataclass(frozen=True)
class _LeanLayout(_PatternLayout):
    def recognise(self, head: Sequence[str], member: ArchiveMember) -> Parser | LayoutMismatch:
        found = super().recognise(head, member)
        if not isinstance(found, LayoutMismatch) and lean_day(member) is None:
            return LayoutMismatch(
                "the rows fit, but the file's name does not begin with the day, as in 20140501_quote.zip"
            )
        return found


def lean_day(member: ArchiveMember) -> datetime | None:
    """Find the day, eight digits, at the start of a file's name or, if missing there, of its archive member's name.

    Returns:
        The day; None if neither name begins with such digits, or if they are not a date.
    """
    for name in (member.path.name, PurePath(member.inner or "").name):
        found = re.match(rf"({YEAR}\d{{4}})(?!\d)", name)
        if found:
            try:
                return datetime.strptime(found[1], "%Y%m%d")  # noqa: DTZ007 - the caller applies the clock
            except ValueError:
                return None
    return None


TRUEFX: Final = _PatternLayout(
    name="TrueFX",
    example="EUR/USD,20140501 00:00:01.787,1.38727,1.38729",
    pattern=re.compile(rf"{PAIR},\d{{8}} \d\d:\d\d:\d\d(\.\d+)?,{NUMBER},{NUMBER}"),
    parser=_TrueFx,
)


HISTDATA: Final = _PatternLayout(
    name="HistData ASCII ticks",
    example="20200101 170000065,1.121200,1.121720,0",
    pattern=re.compile(rf"\d{{8}} \d{{9}},{NUMBER},{NUMBER},{NUMBER}"),
    parser=_HistData,
)


LEAN: Final = _LeanLayout(
    name="LEAN daily quotes",
    example="1787,1.38727,1.38729",
    pattern=re.compile(rf"\d{{1,8}}(\.\d+)?,{NUMBER},{NUMBER}"),
    parser=_Lean,
)
