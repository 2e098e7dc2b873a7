"""Layouts with column names in the first line: MetaTrader 5, Dukascopy, and tables with a time, bid and ask.

A MetaTrader 5 export may lack the line of column names.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from marketdata.files import epoch_times
from marketdata.files.layout import (
    TIME_OF_DAY,
    YEAR,
    Layout,
    LayoutMismatch,
    LayoutRefusal,
    Parser,
    ZoneRule,
    build_tick_frame,
    count_header_lines,
    parse_numbers,
    parse_wall_times,
    separator_of,
    split_columns,
)
from marketdata.files.text import ArchiveMember, escaped
from marketdata.files.time_zones import UTC, SourceClock
from proto.time import MINUTE_NS

_MT5_COLUMNS: Final = ("DATE", "TIME", "BID", "ASK", "LAST", "VOLUME", "FLAGS")
_MT5_ROW: Final = re.compile(r"\d{4}\.\d\d\.\d\d\t\d\d:\d\d:\d\d(\.\d+)?(\t[^\t]*){5}")

COLUMN_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "time": ("ts_ns", "timestamp", "time", "datetime", "date_time", "date", "utc"),
    "time_msc": ("time_msc",),
    "bid": ("bid", "bid_price", "bidprice"),
    "ask": ("ask", "ask_price", "askprice", "offer"),
    "volume": ("volume", "vol"),
    "symbol": ("symbol", "instrument", "pair"),
}
_WITH_OFFSET: Final = r"^(.*:[0-9]{2}(?:\.[0-9]+)?) ?(?:(?:UTC|GMT)?([+-][0-9]{2}(?::?[0-9]{2})?)|(Z|UTC|GMT))$"
"""A time with an offset from UTC, or with the name of UTC."""

_ZERO_OFFSET: Final = re.compile(r"[+-]00(:?00)?")
_SERVER_TIME: Final = (
    "time_msc is the time of the broker's server, read as if that were UTC; if it is not, give --utc-offset or --zone"
)


class MetaTrader(Layout):
    """The tick export of a MetaTrader 5 terminal. An empty bid or ask means that the last value is still valid."""

    def recognise(self, head: Sequence[str], member: ArchiveMember) -> Parser | LayoutMismatch:
        """Recognize column names in angle brackets or, in a file without a header, the form of the rows."""
        del member
        names = [name.strip().upper() for name in head[0].split("\t")] if head else []
        if names and all(re.fullmatch(r"<\w+>", name) for name in names):
            bare = [name.strip("<>") for name in names]
            lacking = [f"<{name}>" for name in _MT5_COLUMNS[:4] if name not in bare]
            if lacking:
                return LayoutMismatch(f"the header has no column {', '.join(lacking)}")
            return _MetaTraderRows(bare, header_lines=1)
        found = count_header_lines(
            head, _MT5_ROW, "2014.05.01<tab>00:00:01.787<tab>1.38727<tab>1.38729<tab><tab><tab>6"
        )
        return found if isinstance(found, LayoutMismatch) else _MetaTraderRows(_MT5_COLUMNS, header_lines=found)


class _MetaTraderRows:
    has_symbols = False
    zone_rule = ZoneRule.REQUIRED
    clock = UTC
    has_offsets = False
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
        # An unreadable line changes neither the last bid nor the last ask.
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
    """Dukascopy's tick export; the volume of a tick is the sum of its bid and ask volumes."""

    _TIMES: Final = ("gmt time", "utc time", "time (gmt)", "time (utc)", "local time", "time (eet)", "time (est)")

    def recognise(self, head: Sequence[str], member: ArchiveMember) -> Parser | LayoutMismatch:
        """Recognise the header."""
        del member
        names = [name.strip(' "').lower() for name in head[0].split(",")] if head else []
        if not names or names[0] not in self._TIMES:
            begin = escaped(names[0], 40) if names else "nothing"
            return LayoutMismatch(f"the header begins with {begin}, expected 'Gmt time'")
        lacking = [name for name in ("ask", "bid") if name not in names]
        if lacking:
            return LayoutMismatch(f"the header has no column {', '.join(lacking)}")
        repeated = [name for name in ("ask", "bid") if names.count(name) > 1]
        if repeated:
            return LayoutMismatch(f"the header has several columns {', '.join(repeated)}")
        return _DukascopyRows(names)


class _DukascopyRows:
    header_lines = 1
    has_symbols = False
    clock = UTC
    has_offsets = False
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
            text, offset_ns = _without_offset(text, r"^(.*\S) (?:GMT|UTC)([+-]\d\d:?\d\d)()$")
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
    """Any table whose header has column names for a time, a bid and an ask."""

    def recognise(self, head: Sequence[str], member: ArchiveMember) -> Parser | LayoutMismatch | LayoutRefusal:
        """Recognise the header."""
        del member
        if not head:
            return LayoutMismatch("there is no line")
        separator = separator_of(head[0])
        names = [name.strip(' "').lower() for name in head[0].split(separator)]
        place: dict[str, int] = {}
        for meaning, known in COLUMN_NAMES.items():
            found = [number for number, name in enumerate(names) if name in known]
            if len(found) > 1 and not (meaning == "time" and "time_msc" in names):
                return LayoutMismatch(f"the header has {len(found)} columns for {meaning}")
            if found:
                place[meaning] = found[0]
        # Tables from MetaTrader's Python package have two columns of times: `time` in seconds, `time_msc` in ms.
        is_metatrader = "time_msc" in place
        if is_metatrader:
            place["time"] = place.pop("time_msc")
        lacking = [meaning for meaning in ("time", "bid", "ask") if meaning not in place]
        if lacking:
            return LayoutMismatch(f"the first line has no column for {', '.join(lacking)}")
        rows = [fields for line in head[1:] if len(fields := line.split(separator)) == len(names)]
        times = [fields[place["time"]].strip(' "') for fields in rows]
        numbers = [text for text in times if epoch_times.is_number(text)]
        if 2 * len(numbers) > len(times):
            problem = epoch_times.problem_of(numbers)
            if problem is not None:
                return LayoutRefusal(problem)
        rule = _zone_rule(times)
        return _TableRows(
            place=place,
            count=len(names),
            separator=separator,
            zone_rule=rule,
            has_offsets=2 * len(numbers) <= len(times),
            has_symbols="symbol" in place,
            clock_doubt=_SERVER_TIME if is_metatrader and rule is ZoneRule.DEFAULT else "",
        )


def _zone_rule(times: Sequence[str]) -> ZoneRule:
    """The zone rule of a table, from the form of most of its times: with an offset, numbers, or neither."""
    with_offset = [found for text in times if (found := re.fullmatch(_WITH_OFFSET, text))]
    known = len(with_offset) + sum(epoch_times.is_number(text) for text in times)
    if 2 * known < len(times):
        return ZoneRule.REQUIRED
    is_local = any(found[2] and not _ZERO_OFFSET.fullmatch(found[2]) for found in with_offset)
    return ZoneRule.FIXED if is_local else ZoneRule.DEFAULT


@dataclass
class _TableRows:
    place: dict[str, int]
    count: int
    separator: str
    zone_rule: ZoneRule
    has_offsets: bool
    has_symbols: bool
    clock_doubt: str
    header_lines: int = 1
    clock: SourceClock = UTC
    clock_source: str = ""

    def parse(self, lines: Sequence[str]) -> pl.DataFrame:
        fields = split_columns(lines, self.separator, self.count)
        column = {meaning: fields[str(number)] for meaning, number in self.place.items()}
        volume = parse_numbers(column["volume"]) if "volume" in column else None
        symbol = column["symbol"].str.replace("/", "", literal=True) if self.has_symbols else None
        return build_tick_frame(
            self._time(column["time"]), parse_numbers(column["bid"]), parse_numbers(column["ask"]), volume, symbol
        )

    def _time(self, text: pl.Series) -> pl.Series:
        if self.zone_rule is ZoneRule.REQUIRED:
            return self.clock.to_utc(_wall_times(text))
        counted = self.clock.to_utc(epoch_times.epoch_ns(text).cast(pl.Datetime("ns")))
        wall, offset_ns = _without_offset(text, _WITH_OFFSET)
        reading = _wall_times(wall)
        # A clock that the user requests replaces an offset of zero. A row with another offset becomes unreadable.
        local = (
            UTC.to_utc(reading) - offset_ns
            if self.clock.name == UTC.name
            else self.clock.to_utc(reading).set(offset_ns != 0, None)
        )
        return local.zip_with(offset_ns.is_not_null(), counted)


def _wall_times(text: pl.Series) -> pl.Series:
    text = text.str.replace("T", " ", literal=True)
    return parse_wall_times(text, rf"{YEAR}-\d\d-\d\d {TIME_OF_DAY}", "%Y-%m-%d %H:%M:%S%.f")


def _without_offset(text: pl.Series, pattern: str) -> tuple[pl.Series, pl.Series]:
    """Split texts into local times and their offsets from UTC in nanoseconds; both are null without an offset.

    The groups of `pattern` are the time, its offset, and the name of UTC.
    """
    wall = text.str.extract(pattern, 1)
    offset = text.str.extract(pattern, 2).str.replace(":", "", literal=True)
    offset = offset.zip_with(offset.is_not_null(), text.str.extract(pattern, 3).str.replace(".+", "+00"))
    hours = offset.str.slice(1, 2).cast(pl.Int64, strict=False)
    minutes = offset.str.slice(3, 2).replace("", "00").cast(pl.Int64, strict=False)
    total = (hours * 60 + minutes) * MINUTE_NS
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
