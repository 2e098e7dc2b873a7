"""Bars are refused in one line that names their interval, whoever wrote them; ticks are never taken for bars."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from marketdata.files import TickFileError
from marketdata.files.bars import bar_interval
from marketdata.files.source import TickFile
from tests.unit.marketdata.files.tick_texts import SAMPLES, Sample, some_quotes

OHLC = "1.38727,1.38735,1.38720,1.38731"
MINUTES = [f"{minute // 60:02d}:{minute % 60:02d}" for minute in range(57, 67)]
TABS = OHLC.replace(",", "\t")

METATRADER_5 = [
    "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>",
    *[f"2014.05.01\t{time}:00\t{TABS}\t52\t0\t12" for time in MINUTES],
]


@pytest.mark.parametrize(
    ("lines", "interval"),
    [
        (METATRADER_5, "1 minute"),
        (METATRADER_5[1:], "1 minute"),
        ([f"2014.05.01\t{time}:00\t{TABS}\t52" for time in MINUTES], "1 minute"),
        (["<DATE>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>", *[f"2014.05.{day:02d}\t{TABS}" for day in range(5, 10)]], "1 day"),
        ([f"2014.05.01,{time},{OHLC},52" for time in MINUTES], "1 minute"),  # MetaTrader 4
        ([f"20140501 {time.replace(':', '')}00;{OHLC.replace(',', ';')};0" for time in MINUTES], "1 minute"),  # HistData
        (
            ["Gmt time,Open,High,Low,Close,Volume", *[f"01.05.2014 {hour:02d}:00:00.000,{OHLC},9.5" for hour in range(9)]],
            "1 hour",
        ),
        (["time,open,high,low,close", *[f"{1398902400 + 300 * row},{OHLC}" for row in range(9)]], "5 minutes"),
        ([",time,open,high,low,close", *[f"{row},{1398902400 + 900 * row},{OHLC}" for row in range(9)]], "15 minutes"),
        (["Date,Open,High,Low,Close", *[f"2014-05-{day:02d},{OHLC}" for day in range(5, 10)]], "1 day"),
        (["DateTime,BidOpen,BidHigh,BidLow,BidClose,AskOpen", *[f"05/01/2014 {time}:00,{OHLC},1.3" for time in MINUTES]], "1 minute"),
        ([f"{60_000 * row},{OHLC},0,{OHLC},0" for row in range(9)], "1 minute"),  # LEAN
        ([f"{1_000 * row},{OHLC}" for row in range(9)], "1 second"),
        (["time,open,high,low,close", f"1398902400,{OHLC}"], "an interval that its first rows do not tell"),
    ],
)  # fmt: skip
def test_bars_are_refused_by_their_interval(tmp_path: Path, lines: list[str], interval: str) -> None:
    path = tmp_path / "20140501_quote.csv"
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(TickFileError) as caught:
        TickFile(path, "UTC")
    assert str(caught.value) == f"{path} holds bars of {interval}, expected ticks: rows with a bid and an ask"


def test_bars_in_a_zip_are_named_by_the_file_in_it(tmp_path: Path) -> None:
    path = tmp_path / "20140501_quote.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("20140501_eurusd_minute_quote.csv", "\n".join(f"{60_000 * row},{OHLC}" for row in range(9)))
    with pytest.raises(TickFileError, match=r"zip:20140501_eurusd_minute_quote\.csv holds bars of 1 minute"):
        TickFile(path)


@pytest.mark.parametrize("sample", SAMPLES, ids=[sample.layout for sample in SAMPLES])
def test_ticks_are_no_bars(sample: Sample) -> None:
    lines = sample.write(some_quotes(40))
    assert bar_interval(lines[:21]) is None
    assert bar_interval(lines[1:21]) is None


def test_a_table_with_a_bid_and_an_ask_beside_its_bar_is_of_ticks() -> None:
    assert bar_interval(["time,bid,ask,open,high,low,close", f"1398902400,1.1,1.2,{OHLC}"]) is None
