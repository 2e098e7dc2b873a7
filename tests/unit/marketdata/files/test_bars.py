"""Bar files of all common programs are refused in one line with their interval; tick files are accepted."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from marketdata.files.bars import bar_interval
from marketdata.files.errors import TickFileError
from marketdata.files.source import TickFile
from tests.unit.marketdata.files.tick_texts import SAMPLES, Sample, some_quotes

OHLC = "1.38727,1.38735,1.38720,1.38731"
MINUTES = [f"{minute // 60:02d}:{minute % 60:02d}" for minute in range(57, 67)]
TABS = OHLC.replace(",", "\t")

TICKER, LETTERS = "<TICKER>", "<OPEN>,<HIGH>,<LOW>,<CLOSE>"
FIVE_MINUTES = [f"EURUSD,5,20240312,{905 + 5 * row:04d}00,{OHLC},0,0" for row in range(9)]
WEEKEND = [1398902400 + 3_600 * hour for hour in (0, 1, 2, 50)]

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
        # HistData
        ([f"20140501 {time.replace(':', '')}00;{OHLC.replace(',', ';')};0" for time in MINUTES], "1 minute"),
        (
            [
                "Gmt time,Open,High,Low,Close,Volume",
                *[f"01.05.2014 {hour:02d}:00:00.000,{OHLC},9.5" for hour in range(9)],
            ],
            "1 hour",
        ),
        (["time,open,high,low,close", *[f"{1398902400 + 300 * row},{OHLC}" for row in range(9)]], "5 minutes"),
        ([",time,open,high,low,close", *[f"{row},{1398902400 + 900 * row},{OHLC}" for row in range(9)]], "15 minutes"),
        (["Date,Open,High,Low,Close", *[f"2014-05-{day:02d},{OHLC}" for day in range(5, 10)]], "1 day"),
        (["DateTime,BidOpen,BidHigh,BidLow,BidClose,AskOpen",
          *[f"05/01/2014 {time}:00,{OHLC},1.3" for time in MINUTES]], "1 minute"),
        ([f"{60_000 * row},{OHLC},0,{OHLC},0" for row in range(9)], "1 minute"),  # LEAN
        ([f"{1_000 * row},{OHLC}" for row in range(9)], "1 second"),
        (["time,open,high,low,close", f"1398902400,{OHLC}"], "an interval that its first rows do not show"),
        (["time,bid_o,bid_h,bid_l,bid_c,ask_o,ask_h,ask_l,ask_c,volume",
          *[f"2014-05-01T{time}:00.000000000Z,{OHLC},{OHLC},7" for time in MINUTES]], "1 minute"),  # OANDA
        (["time,mid.o,mid.h,mid.l,mid.c", *[f"2014-05-01T{time}:00Z,{OHLC}" for time in MINUTES]], "1 minute"),
        (["time,bidO,bidH,bidL,bidC", *[f"2014-05-01T{time}:00Z,{OHLC}" for time in MINUTES]], "1 minute"),
        (["time,volume,o,h,l,c", *[f"{1398902400 + 300 * row},7,{OHLC}" for row in range(9)]], "5 minutes"),
        ([f"{TICKER},<PER>,<DATE>,<TIME>,{LETTERS},<VOL>,<OPENINT>", *FIVE_MINUTES], "5 minutes"),  # Stooq, Finam
        (FIVE_MINUTES, "5 minutes"),
        ([f"{TICKER},<DTYYYYMMDD>,<TIME>,{LETTERS}",
          *[f"EURUSD,20240312,{time.replace(':', '')}00,{OHLC}" for time in MINUTES]], "1 minute"),  # MetaStock
        ([f"{TICKER},<TIME>,<DATE>,{LETTERS}",
          *[f"EURUSD,{time.replace(':', '')}00,20240312,{OHLC}" for time in MINUTES]], "1 minute"),
        (["symbol,timeframe,time,open,high,low,close,ma20",
          *[f"EURUSD,1,2014-05-01 {time}:00,{OHLC},1.3" for time in MINUTES]], "1 minute"),
        ([f"2014.05.{day:02d},1287.27,1288.35,1286.20,1287.31" for day in range(5, 10)], "1 day"),  # gold
        (["time,open,high,low,close,bid,ask", *[f"2014-05-01T{time}:00Z,{OHLC},1.3,1.4" for time in MINUTES]],
         "1 minute, each with a bid and an ask"),
        (["time,bid_price,offer,open,high,low,close", *[f"{WEEKEND[row]},1.3,1.4,{OHLC}" for row in range(4)]],
         "1 hour, each with a bid and an ask"),
    ],
)  # fmt: skip
def test_bars_are_refused_with_their_interval(tmp_path: Path, lines: list[str], interval: str) -> None:
    path = tmp_path / "20140501_quote.csv"
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(TickFileError) as caught:
        TickFile(path, "UTC")
    assert (
        str(caught.value) == f"{path} holds bars of {interval}, expected ticks: a row with bid and ask for each quote"
    )


def test_bars_in_a_zip_are_named_by_the_file_in_it(tmp_path: Path) -> None:
    path = tmp_path / "20140501_quote.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("20140501_eurusd_minute_quote.csv", "\n".join(f"{60_000 * row},{OHLC}" for row in range(9)))
    with pytest.raises(TickFileError, match=r"zip:20140501_eurusd_minute_quote\.csv holds bars of 1 minute"):
        TickFile(path)


@pytest.mark.parametrize("sample", SAMPLES, ids=[sample.layout for sample in SAMPLES])
def test_ticks_are_not_bars(sample: Sample) -> None:
    lines = sample.write(some_quotes(40))
    assert bar_interval(lines[:21]) is None
    assert bar_interval(lines[1:21]) is None


@pytest.mark.parametrize(
    "times",
    [
        ["1398902400"],
        ["1398902400.1", "1398902400.4", "1398902401.9"],
        ["1398902400", "1398902400", "1398902401"],
        ["1398902400", "1398902403", "1398902406", "1398902407"],
    ],
    ids=["one row", "fractions of a second", "twice the same second", "steps of no interval"],
)
def test_quotes_with_a_bar_beside_them_are_ticks_if_their_times_have_no_interval(times: list[str]) -> None:
    assert bar_interval(["time,bid,ask,open,high,low,close", *[f"{time},1.1,1.2,{OHLC}" for time in times]]) is None
