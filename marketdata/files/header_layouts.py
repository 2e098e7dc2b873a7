"""Layouts whose first line names the columns: MetaTrader 5, Dukascopy, and any table with an ISO time, bid and ask."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from marketdata.files.layout import (
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
from marketdata.files.text import ArchiveMember, escaped
from marketdata.files.time_zones import UTC, SourceClock

_MT5_COLUMNS: Final = ("DATE", "TIME", "BID", "ASK", "LAST", "VOLUME", "FLAGS")
_MT5_ROW: Final = re.compile(r"\d{4}\.\d\d\.\d\d\t\d\d:\d\d:\d\d(\.\d+)?(\t[^\t]*){5}")
_MINUTE_NS: Final = 60_000_000_000

_SEPARATORS: Final = ("\t", ";", ",")
_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "time": ("ts_ns", "timestamp", "time", "datetime", "date_time", "date", "utc"),
    "bid": ("bid", "bid_price", "bidprice"),
    "ask": ("ask", "ask_price", "askprice", "offer"),
    "volume": ("volume", "vol"),
    "symbol": ("symbol", "instrument", "pair"),
}
_SAYS: Final = re.compile(r".*:\d\d(\.\d+)? ?(Z|[+-]\d\d(:?\d\d)?)|\d+")
_EPOCH_NS: Final = {10: 1_000_000_000, 13: 1_000_000, 16: 1_000, 19: 1}
"""Nanoseconds of a unit, by the digits that a time since 1970 has in it from 2001 to 2286."""


class MetaTrader(Layout):
    """The tick export of a MetaTrader 5 terminal. A side that did not change is blank: its last value still stands."""

    def recognise(self, head: Sequence[str], member: ArchiveMember) -> Parser | LayoutMismatch:
        """Told by the names in angle brackets, or without them by the shape of the rows."""
        del member
        names = [name.strip().upper() for name in head[0].split("\t")] if head else []
        if names and all(re.fullmatch(r"<\w+>", name) for name in names):
            bare = [name.strip("<>") for name in names]
            lacking = [f"<{name}>" for name in _MT5_COLUMNS[:4] if name not in bare]
            if lacking:
                bars = "; these are bars, no ticks" if "OPEN" in bare else ""
                return LayoutMismatch(f"the header has no column {', '.join(lacking)}{bars}")
            return _MetaTraderRows(bare, header_lines=1)
        found = count_header_lines(
            head, _MT5_ROW, "2014.05.01<tab>00:00:01.787<tab>1.38727<tab>1.38729<tab><tab><tab>6"
        )
        return found if isinstance(found, LayoutMismatch) else _MetaTraderRows(_MT5_COLUMNS, header_lines=found)


class _MetaTraderRows:
    has_symbols = False
    zone_rule = ZoneRule.REQUIRED
    clock = UTC
    clock_source = ""
    clock_doubt = ""

    def __init__(self, names: Sequence[str], *, header_lines: int) -> None:
        self.header_lines = header_lines
        self._names = list(names)
        self._last: dict[str, float | None] = {"BID": None, "ASK": None}

    def parse(self, lines: Sequence[str]) -> pl.DataFrame:
        fields = split_columns(lines, "\t", len(self._names)).rename(
            {str(n): name for n, name in enumerate(self._names)}
        )
        joined = fields["DATE"] + " " + fields["TIME"]
        pattern = rf"{YEAR}\.\d\d\.\d\d {TIME_OF_DAY}"
        ts_ns = self.clock.to_utc(parse_wall_times(joined, pattern, "%Y.%m.%d %H:%M:%S%.f"))
        volume = fields["VOLUME"] if "VOLUME" in fields.columns else pl.Series([""] * len(lines))
        volume = parse_numbers(volume).set(volume == "", 0.0)
        sides = {name: parse_numbers(fields[name]) for name in ("BID", "ASK")}
        bad = ts_ns.is_null() | volume.is_null()
        for name, side in sides.items():
            bad = bad | (side.is_null() & (fields[name] != "").fill_null(True))
        # A line that cannot be read changes no side.
        known = {name: self._carried(name, side.set(bad, None)) for name, side in sides.items()}
        return build_tick_frame(ts_ns, known["BID"], known["ASK"], volume, missing=bad.set(bad, None))

    def _carried(self, name: str, side: pl.Series) -> pl.Series:
        side = side.fill_null(strategy="forward")
        if self._last[name] is not None:
            side = side.fill_null(self._last[name])
        if len(side):
            self._last[name] = side[-1]
        return side


class Dukascopy(Layout):
    """Dukascopy's tick export; the sum of both sides' volumes is the volume."""

    _TIMES: Final = ("gmt time", "utc time", "time (gmt)", "time (utc)", "local time", "time (eet)", "time (est)")

    def recognise(self, head: Sequence[str], member: ArchiveMember) -> Parser | LayoutMismatch:
        """Told by the header."""
        del member
        names = [name.strip(' "').lower() for name in head[0].split(",")] if head else []
        if not names or names[0] not in self._TIMES:
            begin = escaped(names[0], 40) if names else "nothing"
            return LayoutMismatch(f"the header begins with {begin} and not with 'Gmt time'")
        lacking = [name for name in ("ask", "bid") if names.count(name) != 1]
        if lacking:
            bars = "; these are bars, no ticks" if "open" in names else ""
            return LayoutMismatch(f"the header has no column {', '.join(lacking)}{bars}")
        return _DukascopyRows(names)


class _DukascopyRows:
    header_lines = 1
    has_symbols = False
    clock = UTC
    clock_source = ""
    clock_doubt = ""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = list(names)
        self._has_offset = names[0] == "local time"
        is_utc = "gmt" in names[0] or "utc" in names[0]
        self.zone_rule = ZoneRule.FIXED if self._has_offset else ZoneRule.DEFAULT if is_utc else ZoneRule.REQUIRED

    def parse(self, lines: Sequence[str]) -> pl.DataFrame:
        fields = split_columns(lines, ",", len(self._names))
        text = fields["0"]
        offset_ns: pl.Series | None = None
        if self._has_offset:
            text, offset_ns = _without_offset(text, r"^(.*\S) (?:GMT|UTC)([+-]\d\d:?\d\d)$")
        dotted = parse_wall_times(text, rf"\d\d\.\d\d\.{YEAR} {TIME_OF_DAY}", "%d.%m.%Y %H:%M:%S%.f")
        other = parse_wall_times(text, rf"{YEAR}\.\d\d\.\d\d {TIME_OF_DAY}", "%Y.%m.%d %H:%M:%S%.f")
        ts_ns = self.clock.to_utc(dotted.zip_with(dotted.is_not_null(), other))
        if offset_ns is not None:
            ts_ns = ts_ns - offset_ns
        place = {name: str(number) for number, name in enumerate(self._names)}
        volume = pl.Series([0.0]).new_from_index(0, len(lines))
        for name in ("askvolume", "bidvolume", "ask volume", "bid volume"):
            if name in place:
                volume = volume + parse_numbers(fields[place[name]])
        return build_tick_frame(ts_ns, parse_numbers(fields[place["bid"]]), parse_numbers(fields[place["ask"]]), volume)


class Table(Layout):
    """Any table whose header names a time, a bid and an ask."""

    def recognise(self, head: Sequence[str], member: ArchiveMember) -> Parser | LayoutMismatch:
        """Told by the header."""
        del member
        if not head:
            return LayoutMismatch("there is no line")
        separator = next((sign for sign in _SEPARATORS if sign in head[0]), ",")
        names = [name.strip(' "').lower() for name in head[0].split(separator)]
        place: dict[str, int] = {}
        for meaning, words in _NAMES.items():
            found = [number for number, name in enumerate(names) if name in words]
            if len(found) > 1:
                return LayoutMismatch(f"the header names {meaning} {len(found)} times")
            if found:
                place[meaning] = found[0]
        lacking = [meaning for meaning in ("time", "bid", "ask") if meaning not in place]
        if lacking:
            return LayoutMismatch(f"the first line names no {', '.join(lacking)}")
        # Whether the times say their offset is told by the rows, as most of them have it.
        times = [fields[place["time"]] for line in head[1:] if len(fields := line.split(separator)) == len(names)]
        naive = [text for text in times if not _SAYS.fullmatch(text.strip(' "'))]
        rule = ZoneRule.REQUIRED if 2 * len(naive) > len(times) else ZoneRule.FIXED
        return _TableRows(place, len(names), separator, rule, has_symbols="symbol" in place)


@dataclass
class _TableRows:
    place: dict[str, int]
    count: int
    separator: str
    zone_rule: ZoneRule
    has_symbols: bool
    header_lines: int = 1
    clock: SourceClock = UTC
    clock_source: str = ""
    clock_doubt: str = ""

    def parse(self, lines: Sequence[str]) -> pl.DataFrame:
        fields = split_columns(lines, self.separator, self.count)
        column = {meaning: fields[str(number)] for meaning, number in self.place.items()}
        volume = parse_numbers(column["volume"]) if "volume" in column else None
        symbol = column["symbol"].str.replace("/", "", literal=True) if self.has_symbols else None
        return build_tick_frame(
            self._time(column["time"]), parse_numbers(column["bid"]), parse_numbers(column["ask"]), volume, symbol
        )

    def _time(self, text: pl.Series) -> pl.Series:
        offset_ns: pl.Series | None = None
        wall = text
        if self.zone_rule is ZoneRule.FIXED:
            wall, offset_ns = _without_offset(text, r"^(.*\S?) ?(Z|[+-]\d\d(?::?\d\d)?)$")
        wall = wall.str.replace("T", " ", literal=True)
        dashed = parse_wall_times(wall, rf"{YEAR}-\d\d-\d\d {TIME_OF_DAY}", "%Y-%m-%d %H:%M:%S%.f")
        ts_ns = self.clock.to_utc(dashed)
        if offset_ns is None:
            return ts_ns
        return (ts_ns - offset_ns).zip_with(ts_ns.is_not_null() & offset_ns.is_not_null(), _epoch_ns(text))


def _epoch_ns(text: pl.Series) -> pl.Series:
    """Nanoseconds of whole numbers since 1970, whose digits tell their unit."""
    kept = text.to_frame("t").select(pl.when(pl.col("t").str.contains(r"^\d+$")).then(pl.col("t")))["t"]
    digits = kept.str.len_chars()
    value = kept.cast(pl.Int64, strict=False)
    unit = digits.replace_strict(_EPOCH_NS, default=None, return_dtype=pl.Int64)
    return value * unit


def _without_offset(text: pl.Series, pattern: str) -> tuple[pl.Series, pl.Series]:
    """The time before its offset from UTC, and the offset in nanoseconds; null where there is none."""
    wall = text.str.extract(pattern, 1)
    offset = text.str.extract(pattern, 2).str.replace("Z", "+00", literal=True).str.replace(":", "", literal=True)
    hours = offset.str.slice(1, 2).cast(pl.Int64, strict=False)
    minutes = offset.str.slice(3, 2).replace("", "00").cast(pl.Int64, strict=False)
    total = (hours * 60 + minutes) * _MINUTE_NS
    total = total.set((hours > 14) | (minutes > 59), None)
    return wall, total.zip_with(offset.str.starts_with("+"), -total)


MT5: Final = MetaTrader(
    name="MetaTrader 5 tick export",
    example="<DATE> <TIME> <BID> <ASK> <LAST> <VOLUME> <FLAGS>, separated by tabs",
)
DUKASCOPY: Final = Dukascopy(name="Dukascopy", example="Gmt time,Ask,Bid,AskVolume,BidVolume")
TABLE: Final = Table(
    name="table with a header",
    example="timestamp,bid,ask with times such as 2013-01-01 22:00:00.295+00:00",
)
