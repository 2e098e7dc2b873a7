"""Tables with columns for time, bid and ask: choice of the time column, and its clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from marketdata.files.errors import TickFileError
from marketdata.files.source import TickFile
from marketdata.files.stream_loader import load_stream
from marketdata.files.tick_input import TickInput
from tests.unit.marketdata.files.tick_texts import DAY_NS, some_quotes

QUOTES = some_quotes(60)
TIMES_NS = [quote.tick[0] for quote in QUOTES]
HOUR_NS = 3_600_000_000_000


def a_table(folder: Path, lines: list[str]) -> Path:
    path = folder / "ticks.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def times_of(path: Path, zone: str | None = None) -> list[int]:
    stream = load_stream([TickInput(path, "EURUSD", zone)], crossed="reject")
    return [stream.tick_at(ordinal).time_ns for ordinal in range(1, stream.last_ordinal + 1)]


def second(ns: int) -> str:
    return str(ns // 10**9)


def millisecond(ns: int) -> str:
    return str(ns // 10**6)


def pandas_time(ns: int) -> str:
    moment = datetime.fromtimestamp(ns // 10**9, UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{ns % 10**9 // 10**6:03d}"


def pandas_second(ns: int) -> str:
    return pandas_time(ns)[:19]


NAMES = ("time", "bid", "ask", "last", "volume", "time_msc", "flags", "volume_real")


def mt5_rows(
    names: tuple[str, ...] = NAMES,
    *,
    separator: str = ",",
    has_index: bool = False,
    quote: str = "",
    time: Callable[[int], str] = second,
    time_msc: Callable[[int], str] = millisecond,
) -> list[str]:
    """The ticks of MetaTrader's Python package, as pandas writes them."""
    lines = [separator.join([""] * has_index + [f"{quote}{name}{quote}" for name in names])]
    for number, row in enumerate(QUOTES):
        ns = row.tick[0]
        cells = {
            **dict.fromkeys(NAMES, "0.0"),
            "time": time(ns),
            "time_msc": time_msc(ns),
            "bid": row.bid,
            "ask": row.ask,
            "flags": "6",
        }
        lines.append(separator.join([str(number)] * has_index + [f"{quote}{cells[name]}{quote}" for name in names]))
    return lines


@pytest.mark.parametrize(
    "lines",
    [
        mt5_rows(),
        mt5_rows(has_index=True),
        mt5_rows(("time_msc", "time", "bid", "ask")),
        mt5_rows(separator=";"),
        mt5_rows(separator="\t"),
        mt5_rows(quote='"'),
        mt5_rows(time=pandas_second),
        mt5_rows(("time_msc", "bid", "ask")),
    ],
    ids=["plain", "index", "order", "semicolons", "tabs", "quotes", "datetimes", "time_msc alone"],
)
def test_metatraders_python_ticks_are_read_by_their_milliseconds(tmp_path: Path, lines: list[str]) -> None:
    """The server's time is read as UTC, with a remark, unless an offset or a zone is given."""
    path = a_table(tmp_path, lines)
    assert times_of(path) == TIMES_NS
    [remark] = TickFile(path).remarks
    assert "time of the broker's server, read as if that were UTC" in remark
    assert times_of(path, "+03:00") == [ns - 3 * HOUR_NS for ns in TIMES_NS]
    assert times_of(path, "new_york_close") == [ns - 3 * HOUR_NS for ns in TIMES_NS]
    assert TickFile(path, "new_york_close").remarks == []


def test_milliseconds_as_datetimes_require_the_servers_clock(tmp_path: Path) -> None:
    path = a_table(tmp_path, mt5_rows(time=pandas_second, time_msc=pandas_time))
    with pytest.raises(TickFileError, match="does not give the clock of its times;"):
        times_of(path)
    assert times_of(path, "+03:00") == [ns - 3 * HOUR_NS for ns in TIMES_NS]


@pytest.mark.parametrize("factor", [10**9, 10**6, 10**3, 1])
def test_numbers_of_each_unit_are_utc_by_default(tmp_path: Path, factor: int) -> None:
    path = a_table(tmp_path, ["time,bid,ask", f"{DAY_NS // factor},1.1,1.2"])
    assert times_of(path) == [DAY_NS]
    assert TickFile(path).detected.zone == "UTC"
    assert times_of(path, "Europe/Athens") == [DAY_NS - 3 * HOUR_NS]


@pytest.mark.parametrize("word", [" UTC", "UTC", "Z", " GMT", "+00:00", " +0000", "+00"])
def test_a_time_marked_as_utc_is_utc_by_default(tmp_path: Path, word: str) -> None:
    path = a_table(tmp_path, ["time,bid,ask", f"2014-05-01T00:00:00.000{word},1.1,1.2"])
    assert times_of(path) == [DAY_NS]
    assert times_of(path, "+02:00") == [DAY_NS - 2 * HOUR_NS]


def test_with_a_given_clock_a_row_with_an_offset_among_rows_in_utc_is_unreadable(tmp_path: Path) -> None:
    rows = [f"2014-05-01 00:00:{second:02d}Z,1.1,1.2" for second in range(30)]
    path = a_table(tmp_path, ["time,bid,ask", *rows, "2014-05-01 03:00:30+03:00,1.1,1.2"])
    assert times_of(path)[-1] == DAY_NS + 30 * 10**9
    stream = load_stream([TickInput(path, "EURUSD", "+02:00")], crossed="reject")
    assert stream.counts.rejected == {"unreadable": 1}


@pytest.mark.parametrize("time", ["1787", "1.398902e+12", "13989024011"])
def test_numbers_that_are_not_times_are_refused_with_the_number(tmp_path: Path, time: str) -> None:
    path = a_table(tmp_path, ["time,bid,ask", *[f"{time},1.1,1.2"] * 3])
    with pytest.raises(TickFileError) as caught:
        times_of(path)
    assert f"numbers such as {time}" in str(caught.value)
    assert "whose clock" not in str(caught.value)
