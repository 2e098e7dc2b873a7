"""Text layouts are recognized by content and read to the last digit; bad rows are counted, not guessed or lost."""

from __future__ import annotations

import gzip
import random
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from marketdata.files import text as texts
from marketdata.files.errors import TickFileError, UnknownLayoutError
from marketdata.files.lean_clocks import lean_clock
from marketdata.files.source import TickFile
from marketdata.files.stream_loader import load_stream
from marketdata.files.tick_input import TickInput
from marketdata.files.time_zones import SourceClock
from marketdata.tick_stream import TickStream
from tests.unit.marketdata.files.tick_texts import DAY_NS, SAMPLES, Quote, Sample, metatrader, some_quotes, truefx

EACH_LAYOUT = pytest.mark.parametrize("sample", SAMPLES, ids=[sample.layout for sample in SAMPLES])
HOUR_NS = 3_600_000_000_000
QUOTES = some_quotes()
CFDS_OF_FXCM_ON_UTC = (
    "AU200AUD BCOUSD CH20CHF DE10YBEUR DE30EUR DXYUSD ES35EUR EU50EUR FR40EUR HK33HKD IT40EUR JP225JPY NAS100USD "
    "NATGASUSD SPX500USD UK100GBP US30USD WTICOUSD XAGUSD XAUUSD XCUUSD XPDUSD XPTUSD"
)


def a_file(
    folder: Path, lines: list[str], name: str = "ticks.dat", *, end: str = "\n", encoding: str = "utf-8"
) -> Path:
    path = folder / name
    path.write_bytes((end.join(lines) + end).encode(encoding))
    return path


def load(path: Path, *, zone: str | None = None, symbol: str = "EURUSD", **options: Any) -> TickStream:
    return load_stream([TickInput(path, symbol, zone)], **{"crossed": "reject", **options})


def ticks_of(stream: TickStream) -> list[tuple[int, float, float]]:
    found = map(stream.tick_at, range(1, stream.last_ordinal + 1))
    return [(tick.time_ns, tick.bid, tick.ask) for tick in found]


def different(quotes: list[Quote]) -> list[tuple[int, float, float]]:
    return list(dict.fromkeys(quote.tick for quote in quotes))


EXPECTED = different(QUOTES)


@EACH_LAYOUT
def test_each_layout_gives_the_same_ticks(tmp_path: Path, sample: Sample) -> None:
    path = a_file(tmp_path, sample.write(QUOTES), sample.file)
    assert TickFile(path, sample.zone).detected.layout == sample.layout
    assert ticks_of(load(path, zone=sample.zone)) == EXPECTED


@EACH_LAYOUT
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_line_ends_and_encodings_change_nothing(tmp_path: Path, sample: Sample, end: str, encoding: str) -> None:
    path = a_file(tmp_path, sample.write(QUOTES), sample.file, end=end, encoding=encoding)
    assert ticks_of(load(path, zone=sample.zone)) == EXPECTED


@EACH_LAYOUT
@pytest.mark.parametrize("chunk", [1, 7, 64, 1_000])
def test_chunk_limits_change_nothing(
    tmp_path: Path, sample: Sample, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    quotes = QUOTES[:60]
    path = a_file(tmp_path, [*sample.write(quotes)], sample.file, end="\r\n")
    monkeypatch.setattr(texts.lines_of, "__kwdefaults__", {"chunk_bytes": chunk})
    assert ticks_of(load(path, zone=sample.zone)) == different(quotes)


@EACH_LAYOUT
def test_packed_text_is_unpacked(tmp_path: Path, sample: Sample) -> None:
    data = "\n".join(sample.write(QUOTES)).encode()
    packed = tmp_path / f"{sample.file}.one"
    packed.write_bytes(gzip.compress(data))
    assert ticks_of(load(packed, zone=sample.zone)) == EXPECTED
    with zipfile.ZipFile(tmp_path / f"{sample.file}.two", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("readme.txt", "Quotes of one day.\nNo warranty.\n")
        archive.writestr(sample.file, data)
    assert ticks_of(load(tmp_path / f"{sample.file}.two", zone=sample.zone)) == EXPECTED


@EACH_LAYOUT
def test_empty_lines_are_not_rows(tmp_path: Path, sample: Sample) -> None:
    lines = [part for line in sample.write(QUOTES) for part in (line, "")]
    source = TickFile(a_file(tmp_path, ["", *lines], sample.file), sample.zone)
    assert sum(frame.height for frame in source.chunks()) == len(QUOTES)
    assert source.blank_lines == len(lines) // 2 + 1


@EACH_LAYOUT
def test_garbage_is_counted_and_reported_by_line_and_the_rest_is_read(tmp_path: Path, sample: Sample) -> None:
    """The bad rows have other text, missing or extra fields, no number, no valid time, or invalid bytes."""
    lines = sample.write(QUOTES)
    good = lines[-1]
    first_field = max(good.find(","), good.find("\t"))
    bad = ["what is this", good[:first_field], good + ",1,2\t3", good.replace("1.3", "one.3"), "\x00\x01", "99" + good]
    seeded = random.Random(3)
    places = sorted(seeded.sample(range(30, len(lines)), len(bad)), reverse=True)
    # A MetaTrader row without a price has no price to replace and stays a good row.
    bad = [line for line in bad if line != good]
    for place, line in zip(places, bad, strict=False):
        lines.insert(place, line)
    stream = load(a_file(tmp_path, lines, sample.file), zone=sample.zone)
    assert stream.counts.rejected.get("unreadable") == len(bad)
    assert ticks_of(stream) == EXPECTED
    source = TickFile(tmp_path / sample.file, sample.zone)
    assert sum(frame.height for frame in source.chunks()) == len(QUOTES) + len(bad)
    number, shown = source.unreadable[0]
    assert lines[number - 1] in bad
    assert "\x00" not in shown


@EACH_LAYOUT
def test_a_last_line_without_an_end_is_read_and_a_broken_one_is_counted(tmp_path: Path, sample: Sample) -> None:
    lines = sample.write(QUOTES)
    path = tmp_path / sample.file
    path.write_text("\n".join(lines))
    assert ticks_of(load(path, zone=sample.zone)) == EXPECTED
    path.write_text("\n".join([*lines, lines[-1][:9]]))
    stream = load(path, zone=sample.zone)
    assert stream.counts.rejected.get("unreadable") == 1
    assert ticks_of(stream) == EXPECTED


@EACH_LAYOUT
def test_rows_of_a_text_file_are_chosen_by_number(tmp_path: Path, sample: Sample) -> None:
    path = a_file(tmp_path, sample.write(QUOTES), sample.file)
    stream = load(path, zone=sample.zone, from_row=11, to_row=30)
    assert ticks_of(stream) == different(QUOTES[10:30])
    with pytest.raises(TickFileError, match=r"has 300 rows, expected row 301 among them"):
        load(path, zone=sample.zone, from_row=301)


# --------------------------------------------------------------------------------------------------------------- clocks


def test_histdata_is_eastern_standard_time_by_default(tmp_path: Path) -> None:
    path = a_file(tmp_path, ["20140701 170000065,1.12120,1.12172,0"])
    assert TickFile(path).detected.zone == "-05:00"
    assert load(path).first_time_ns == DAY_NS + (61 * 24 + 22) * HOUR_NS + 65_000_000
    assert load(path, zone="America/New_York").first_time_ns == DAY_NS + (61 * 24 + 21) * HOUR_NS + 65_000_000


@pytest.mark.parametrize(("zone", "hours"), [("+02:00", 2), ("-03:30", -3.5), ("Europe/Athens", 3), ("UTC", 0)])
def test_the_zone_sets_a_brokers_clock(tmp_path: Path, zone: str, hours: float) -> None:
    path = a_file(tmp_path, metatrader(QUOTES, hours=hours))
    assert ticks_of(load(path, zone=zone)) == EXPECTED


def test_a_broker_in_athens_changes_to_summer_time_and_back(tmp_path: Path) -> None:
    """2014-03-30 03:30 was skipped and 2014-10-26 03:30 occurred twice, so neither has a unique UTC time."""
    rows = ["03.30\t02:59:59", "03.30\t03:30:00", "03.30\t04:00:00", "10.26\t03:30:00", "10.26\t04:00:00"]
    path = a_file(tmp_path, [f"2014.{row}\t1.1\t1.2\t\t\t6" for row in rows])
    stream = load(path, zone="Europe/Athens")
    assert stream.counts.rejected == {"unreadable": 2}
    one, other, last = (time for time, _, _ in ticks_of(stream))
    assert other - one == 1_000_000_000
    assert last - other == (210 * 24 + 1) * HOUR_NS


@pytest.mark.parametrize(
    ("time", "after_ns"),
    [
        ("2014-05-01T00:00:01Z", 1_000_000_000),
        ("2014-05-01 02:00:01.5+02:00", 1_500_000_000),
        ("2014-04-30T19:00:00.000000001-0500", 1),
        ("1398902400001", 1_000_000),
        ("1398902400000000007", 7),
    ],
)
def test_a_table_has_times_with_offsets_or_since_1970(tmp_path: Path, time: str, after_ns: int) -> None:
    path = a_file(tmp_path, ["Symbol;Time;Ask;Bid", f'EUR/USD;"{time}";1.2;1.1'])
    assert ticks_of(load(path)) == [(DAY_NS + after_ns, 1.1, 1.2)]


def test_a_table_without_offsets_requires_a_zone(tmp_path: Path) -> None:
    path = a_file(tmp_path, ["time,bid,ask", "2014-05-01 03:00:00,1.1,1.2"])
    with pytest.raises(TickFileError, match="does not give the clock of its times; expected an offset such as"):
        load(path)
    assert load(path, zone="Europe/Athens").first_time_ns == DAY_NS


def test_local_time_of_dukascopy_has_its_offset(tmp_path: Path) -> None:
    path = a_file(tmp_path, ["Local time,Ask,Bid", "01.05.2014 02:00:00.000 GMT+0200,1.2,1.1"])
    assert ticks_of(load(path)) == [(DAY_NS, 1.1, 1.2)]


@pytest.mark.parametrize(
    "lines",
    [
        ["Local time,Ask,Bid", "01.05.2014 02:00:00.000 GMT+0200,1.2,1.1"],
        ["time,bid,ask", "2014-05-01 02:00:00+02:00,1.1,1.2"],
    ],
)
def test_a_zone_is_refused_where_each_row_has_an_offset(tmp_path: Path, lines: list[str]) -> None:
    with pytest.raises(TickFileError, match=r"each row has its offset, expected no time zone '\+02:00'"):
        load(a_file(tmp_path, lines), zone="+02:00")


@EACH_LAYOUT
def test_a_zone_may_be_given_for_each_layout_without_offsets_in_its_rows(tmp_path: Path, sample: Sample) -> None:
    """The given clock overrides the clock of the layout."""
    if sample.layout == "table with a header":
        return
    shift_ns = 5 * HOUR_NS if sample.layout.startswith("HistData") else 0
    path = a_file(tmp_path, sample.write(QUOTES), sample.file)
    shifted = ticks_of(load(path, zone="+02:00"))
    assert shifted == [(time_ns - shift_ns - 2 * HOUR_NS, bid, ask) for time_ns, bid, ask in EXPECTED]
    assert TickFile(path, "+02:00").detected.zone == "+02:00"


def test_a_zone_may_be_given_for_parquet_whose_times_are_a_wall_clock(tmp_path: Path) -> None:
    """13:00 of 2014-05-01 in Athens is 10:00 UTC; 2014-03-30 03:30 was skipped there; a missing time stays missing."""
    wall_ns = DAY_NS + 13 * HOUR_NS
    skipped_ns = DAY_NS - (32 * 24 * HOUR_NS) + 3 * HOUR_NS + HOUR_NS // 2
    path = tmp_path / "wall.parquet"
    pl.DataFrame({"ts_ns": [skipped_ns, None, wall_ns], "bid": [1.1] * 3, "ask": [1.2] * 3}).write_parquet(path)
    assert load(path).counts.rejected == {"out_of_range": 1}
    stream = load(path, zone="Europe/Athens")
    assert ticks_of(stream) == [(wall_ns - 3 * HOUR_NS, 1.1, 1.2)]
    assert stream.counts.rejected == {"out_of_range": 1, "unreadable": 1}


@pytest.mark.parametrize(
    ("wall", "utc_hour"),
    [
        ("2024.03.08\t12:00:00", 10),  # winter in New York and in Athens
        ("2024.03.12\t12:00:00", 9),  # only New York has summer time
        ("2024.04.02\t12:00:00", 9),
        ("2024.10.29\t12:00:00", 9),  # only New York still has summer time
        ("2024.11.05\t12:00:00", 10),
    ],
)
def test_new_york_close_time_changes_on_new_yorks_dates(tmp_path: Path, wall: str, utc_hour: int) -> None:
    path = a_file(tmp_path, [f"{wall}\t1.1\t1.2\t\t\t6"])
    [(time_ns, _, _)] = ticks_of(load(path, zone="new_york_close"))
    assert datetime.fromtimestamp(time_ns // 10**9, UTC).hour == utc_hour
    assert SourceClock("new_york_close").ahead_ns(time_ns) == (12 - utc_hour) * HOUR_NS


def test_new_york_close_time_skips_an_hour_in_march_and_has_one_twice_in_november(tmp_path: Path) -> None:
    """Clocks change at 02:00 in New York on 2024-03-10 and 2024-11-03, when such a server shows 09:00."""
    rows = ["03.10\t08:59:59", "03.10\t09:30:00", "03.10\t10:00:00", "11.03\t08:30:00", "11.03\t09:00:00"]
    stream = load(a_file(tmp_path, [f"2024.{row}\t1.1\t1.2\t\t\t6" for row in rows]), zone="new_york_close")
    assert stream.counts.rejected == {"unreadable": 2}
    one, other, _ = (time for time, _, _ in ticks_of(stream))
    assert other - one == 1_000_000_000


@pytest.mark.parametrize(
    ("folder", "hours"),
    [
        ("forex/fxcm/eurusd", 5),
        ("Forex/FXCM/tick/EURUSD", 5),
        ("forex/oanda/eurusd", 0),
        ("forex/oanda/minute/eurusd", 0),
        ("cfd/oanda/de30eur", 0),
        ("cfd/fxcm/xauusd", 0),
        ("cfd/fxcm/tick/us30usd", 0),
        ("cfd/fxcm/jp225usd", 5),
    ],
)
def test_the_clock_of_lean_depends_on_security_type_market_and_symbol(tmp_path: Path, folder: str, hours: int) -> None:
    place = tmp_path / folder
    place.mkdir(parents=True)
    path = a_file(place, ["1000,1.1,1.2"], "20140501_quote.csv")
    assert ticks_of(load(path)) == [(DAY_NS + hours * HOUR_NS + 10**9, 1.1, 1.2)]
    assert TickFile(path).remarks == []


def test_23_symbols_of_fxcms_cfds_are_on_utc() -> None:
    clocks = [lean_clock(Path("cfd/fxcm", symbol, "20140501_quote.zip")) for symbol in CFDS_OF_FXCM_ON_UTC.split()]
    assert len(clocks) == 23
    assert {clock.zone for clock in clocks if clock} == {"UTC"}


@pytest.mark.parametrize("folder", ["lean/fxcm/eurusd", "forex/eurusd", "equity/usa/tick/spy", "crypto/gdax/btcusd"])
def test_a_lean_path_without_a_known_type_and_market_requires_a_clock(tmp_path: Path, folder: str) -> None:
    place = tmp_path / folder
    place.mkdir(parents=True)
    path = a_file(place, ["1000,1.1,1.2"], "20140501_quote.csv")
    with pytest.raises(
        TickFileError, match=r"the clock of its times \(LEAN's clock depends on security type and market.*--zone"
    ):
        load(path)
    assert load(path, zone="-05:00").first_time_ns == DAY_NS + 5 * HOUR_NS + 10**9


def test_a_given_clock_that_differs_from_leans_is_used_with_a_remark(tmp_path: Path) -> None:
    place = tmp_path / "forex/fxcm/eurusd"
    place.mkdir(parents=True)
    path = a_file(place, ["1000,1.1,1.2"], "20140501_quote.csv")
    assert load(path, zone="UTC").first_time_ns == DAY_NS + 10**9
    [remark] = TickFile(path, "UTC").remarks
    assert remark.endswith("times read as UTC, as requested; the clock of LEAN's forex/fxcm/eurusd is -05:00")
    assert TickFile(path, "-05:00").remarks == []


@pytest.mark.parametrize("zone", ["Athens", "+25:00", "+2", "+\u0660\u0662:00", ""])
def test_an_invalid_zone_is_refused(tmp_path: Path, zone: str) -> None:
    with pytest.raises(TickFileError, match=r"the time zone is .*, expected an offset such as \+02:00"):
        load(a_file(tmp_path, metatrader(QUOTES)), zone=zone)


# -------------------------------------------------------------------------------------------------- meaning of a layout


def test_an_empty_bid_or_ask_is_the_last_known_one(tmp_path: Path) -> None:
    """Before bid and ask are both known there is no quote; an unreadable line changes neither."""
    rows = ["00\t1.1\t", "01\t\t1.2", "02\t1.15\t", "03\t1.0x\t1.9", "04\t\t1.3"]
    path = a_file(tmp_path, [f"2014.05.01\t00:00:{row}\t\t\t6" for row in rows])
    stream = load(path, zone="UTC")
    assert [tick[1:] for tick in ticks_of(stream)] == [(1.1, 1.2), (1.15, 1.2), (1.15, 1.3)]
    assert stream.counts.rejected == {"not_finite": 1, "unreadable": 1}


@pytest.mark.parametrize("text", ["1_1", "\uff11.1", "\u0661.1", "1,1", "0x1"])
def test_a_price_in_other_than_ascii_digits_is_unreadable(tmp_path: Path, text: str) -> None:
    rows = ["00\t1.1\t1.2", f"01\t{text}\t1.2", f"02\t1.1\t{text}"]
    stream = load(a_file(tmp_path, [f"2014.05.01\t00:00:{row}\t\t\t6" for row in rows]), zone="UTC")
    assert [tick[1:] for tick in ticks_of(stream)] == [(1.1, 1.2)]
    assert stream.counts.rejected == {"unreadable": 2}


def test_metatrader_needs_no_header(tmp_path: Path) -> None:
    path = a_file(tmp_path, metatrader(QUOTES)[1:])
    assert ticks_of(load(path, zone="UTC")) == EXPECTED


def test_a_first_line_without_a_digit_is_a_header(tmp_path: Path) -> None:
    stream = load(a_file(tmp_path, ["pair,time,bid,ask", *truefx(QUOTES)]))
    assert stream.counts.read == len(QUOTES)
    assert ticks_of(stream) == EXPECTED


def test_rows_of_other_symbols_are_skipped(tmp_path: Path) -> None:
    lines = truefx(QUOTES)
    lines[1::2] = [line.replace("EUR/USD", "GBP/USD") for line in lines[1::2]]
    path = a_file(tmp_path, [*lines, "garbage"])
    assert load(path).counts.read == len(QUOTES) // 2 + 1
    with pytest.raises(TickFileError, match="no rows of symbol USDJPY; found EURUSD, GBPUSD"):
        load(path, symbol="USDJPY")


def test_the_name_of_a_lean_file_has_its_day_and_a_folder_is_read_day_by_day(tmp_path: Path) -> None:
    for day in ("20140502", "20140501"):
        with zipfile.ZipFile(tmp_path / f"{day}_quote.zip", "w") as archive:
            archive.writestr("quotes.csv", "1000,1.1,1.2\n86400000,1.1,1.2\n")
    stream = load(tmp_path, zone="UTC")
    assert [time for time, _, _ in ticks_of(stream)] == [DAY_NS + 10**9, DAY_NS + 24 * HOUR_NS + 10**9]
    assert stream.counts.rejected == {"unreadable": 2}
    with pytest.raises(UnknownLayoutError) as caught:
        load(a_file(tmp_path, ["1000,1.1,1.2"], "quotes.csv"))
    assert any("name does not begin with the day" in line for line in caught.value.details)


# ----------------------------------------------------------------------------------------------- files without a layout


def test_a_file_of_no_layout_is_reported_with_its_first_lines_and_the_layouts_tried(tmp_path: Path) -> None:
    path = a_file(tmp_path, ["\x1b[2Jopen;high;low;close", "x" * 10_000, "1;2;3;4"])
    with pytest.raises(UnknownLayoutError, match=r"fits no layout of ticks; it begins with '\\x1b\[2Jopen") as caught:
        load(path)
    details = "\n".join(caught.value.details)
    for sample in SAMPLES:
        assert f"not {sample.layout}: " in details
    assert "\x1b" not in details
    assert max(len(line) for line in caught.value.details) < 400


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("<DATE>\t<TIME>\t<LAST>\t<VOLUME>", "no column <BID>, <ASK>"),
        ("Gmt time,Last,Volume", "no column ask, bid"),
        ("time,bid,last", "the first line has no column for ask"),
        ("time,bid,bid,ask", "the header has 2 columns for bid"),
    ],
)
def test_the_reason_why_a_header_does_not_fit_is_reported(tmp_path: Path, header: str, reason: str) -> None:
    with pytest.raises(UnknownLayoutError) as caught:
        load(a_file(tmp_path, [header, "1,2,3,4,5"]))
    assert reason in "\n".join(caught.value.details)


def test_damaged_ambiguous_and_empty_archives_are_refused(tmp_path: Path) -> None:
    data = gzip.compress("\n".join(truefx(QUOTES)).encode())
    cut = tmp_path / "cut.gz"
    cut.write_bytes(data[: len(data) // 2])
    with pytest.raises(TickFileError, match=r"cut\.gz cannot be read to its end: .*; expected an undamaged file"):
        load(cut)
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        for name in ("a", "b"):
            archive.writestr(name, "\n".join(truefx(QUOTES)))
    with pytest.raises(TickFileError, match=r"holds several files of ticks \(a and b\)"):
        load(tmp_path / "two.zip")
    with zipfile.ZipFile(tmp_path / "none.zip", "w"):
        pass
    with pytest.raises(TickFileError, match="is an empty zip"):
        load(tmp_path / "none.zip")
    (tmp_path / "bad.zip").write_bytes(b"PK\x03\x04" + bytes(100))
    with pytest.raises(TickFileError, match="cannot be read to its end"):
        load(tmp_path / "bad.zip")


def test_a_line_beyond_the_length_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts.lines_of, "__kwdefaults__", {"chunk_bytes": 1_000})
    monkeypatch.setattr(texts, "LINE_CHARS_MAX", 2_000)
    path = tmp_path / "ticks.dat"
    path.write_text("\n".join([*truefx(QUOTES), "1" * 10_000]))
    with pytest.raises(TickFileError, match=r"line 301 has more than 2000 characters"):
        load(path)
