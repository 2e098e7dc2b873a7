"""Loading of tick files into a stream, and the texts of errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from marketdata.files.errors import TickFileError
from marketdata.files.stream_loader import load_stream
from marketdata.files.tick_input import TickInput
from marketdata.tick_stream import TickStream
from proto.gateway import TickCounts

Columns = dict[str, list[Any]]


def columns(*times: int) -> Columns:
    """Valid rows at these times."""
    return {"ts_ns": list(times), "bid": [1.1] * len(times), "ask": [1.2] * len(times)}


def a_file(folder: Path, data: Columns | pl.DataFrame, name: str = "ticks.parquet") -> Path:
    path = folder / name
    (data if isinstance(data, pl.DataFrame) else pl.DataFrame(data)).write_parquet(path)
    return path


def load(*paths: Path, symbol: str = "EURUSD", **options: Any) -> TickStream:
    return load_stream([TickInput(path, symbol) for path in paths], **{"crossed": "reject", **options})


def times_of(stream: TickStream) -> list[int]:
    return [stream.tick_at(ordinal).time_ns for ordinal in range(1, stream.last_ordinal + 1)]


def test_rows_become_ticks(tmp_path: Path) -> None:
    stream = load(a_file(tmp_path, {**columns(1, 2), "volume": [3, 4]}))
    assert stream.symbols == ("EURUSD",)
    assert stream.tick_at(2) == ("EURUSD", 2, 2, 2, 1.1, 1.2, 4.0)


def test_rows_are_chosen_by_number_from_1_in_each_file(tmp_path: Path) -> None:
    one = a_file(tmp_path, columns(1, 2, 3), "one.parquet")
    other = a_file(tmp_path, columns(4, 5, 6), "other.parquet")
    stream = load(one, other, from_row=2, to_row=3)
    assert times_of(stream) == [2, 3, 5, 6]
    assert stream.counts == TickCounts(read=4, published=4, rejected={})


def test_files_of_one_symbol_are_validated_as_one(tmp_path: Path) -> None:
    """The second file begins before the first one ends."""
    one = a_file(tmp_path, columns(1, 5), "one.parquet")
    other = a_file(tmp_path, columns(4, 6), "other.parquet")
    stream = load(one, other)
    assert times_of(stream) == [1, 5, 6]
    assert stream.counts.rejected == {"out_of_order": 1}


def test_files_of_several_symbols_are_merged(tmp_path: Path) -> None:
    inputs = [
        TickInput(a_file(tmp_path, columns(2, 4), "e.parquet"), "EURUSD"),
        TickInput(a_file(tmp_path, columns(1, 4), "n.parquet"), "NZDUSD"),
    ]
    stream = load_stream(inputs, crossed="reject")
    assert [(tick.time_ns, tick.symbol) for tick in map(stream.tick_at, range(1, 5))] == [
        (1, "NZDUSD"),
        (2, "EURUSD"),
        (4, "EURUSD"),
        (4, "NZDUSD"),
    ]


def test_a_file_of_several_symbols_gives_the_rows_of_the_requested_one(tmp_path: Path) -> None:
    path = a_file(tmp_path, {**columns(1, 2, 3), "symbol": ["EURUSD", "NZDUSD", "EURUSD"]})
    assert times_of(load(path)) == [1, 3]
    with pytest.raises(TickFileError, match=r"no rows of symbol GBPUSD; found EURUSD, NZDUSD"):
        load(path, symbol="GBPUSD")


def test_a_missing_value_is_a_rejected_row(tmp_path: Path) -> None:
    rows: Columns = {
        "ts_ns": [1, None, 3, 4],
        "bid": [1.1, 1.1, None, 1.1],
        "ask": [1.2] * 4,
        "volume": [None] * 3 + [1.0],
    }
    stream = load(a_file(tmp_path, rows))
    assert times_of(stream) == [1, 4]
    assert stream.counts.rejected == {"not_finite": 1, "out_of_range": 1}


def test_crossed_rows_are_rejected_unless_accepted(tmp_path: Path) -> None:
    path = a_file(tmp_path, {"ts_ns": [1, 2], "bid": [1.1, 1.3], "ask": [1.2, 1.2]})
    assert times_of(load(path)) == [1]
    assert times_of(load(path, crossed="accept")) == [1, 2]


def test_how_a_file_is_stored_does_not_change_its_hash(tmp_path: Path) -> None:
    frame = pl.DataFrame(columns(*range(1, 1_000)))
    plain = a_file(tmp_path, frame)
    packed = tmp_path / "packed.parquet"
    frame.select("ask", "ts_ns", "bid", pl.lit("EURUSD").alias("symbol")).write_parquet(
        packed, row_group_size=100, compression="snappy"
    )
    parts = [
        a_file(tmp_path, frame.head(400), "a.parquet"),
        a_file(tmp_path, frame.tail(-400), "b.parquet"),
    ]
    assert load(plain).data_sha256 == load(packed).data_sha256 == load(*parts).data_sha256
    assert load(plain, from_row=2).data_sha256 != load(plain).data_sha256


def test_a_path_with_pattern_characters_is_a_plain_path(tmp_path: Path) -> None:
    assert load(a_file(tmp_path, columns(1), "ticks[1]*.parquet")).last_ordinal == 1


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"bid": [1.0]}, r"no column ts_ns, ask; found bid, expected ts_ns, bid, ask"),
        ({**columns(1), "bid": ["1.1"]}, r"column bid of type String, expected Float64"),
        ({**columns(1), "ts_ns": [1.0]}, r"column ts_ns of type Float64, expected Int64"),
        ({**columns(1), "symbol": [7]}, r"column symbol of type Int64, expected String"),
        ({**columns(1), "volume": ["7"]}, r"column volume of type String, expected a number"),
        ({**columns(1), "bid": [1.3]}, r"none of 1 rows became a tick \(1 crossed\)"),
    ],
)
def test_a_file_with_wrong_columns_or_without_ticks_is_refused_with_its_name(
    tmp_path: Path, data: Columns, message: str
) -> None:
    with pytest.raises(TickFileError, match=message) as caught:
        load(a_file(tmp_path, data))
    assert "ticks.parquet" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TickFileError, match=r"ticks\.parquet is empty"):
        load(a_file(tmp_path, pl.DataFrame(columns(1)).clear()))


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TickFileError, match=r"nope\.parquet does not exist"):
        load(tmp_path / "nope.parquet")
    with pytest.raises(TickFileError, match="is a folder without files"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty, expected Parquet with ts_ns, bid, ask, or text"),
        (b"PAR1", "cannot be read as Parquet"),
        (b"one,two\n", "fits no layout of ticks; it begins with 'one,two'"),
        (b"time,bid,ask\n1,2,3\n", "is a table with a header, but its times are numbers such as 1, expected"),
        (b"time,bid,ask\n1398902401,2,x\n", r"none of 1 rows became a tick \(1 unreadable\)"),
    ],
)
def test_a_file_without_readable_ticks_is_refused_in_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "ticks.parquet"
    path.write_bytes(content)
    with pytest.raises(TickFileError, match=rf"ticks\.parquet:? {message}") as caught:
        load(path)
    assert "\n" not in str(caught.value)


def test_a_truncated_or_damaged_file_is_refused(tmp_path: Path) -> None:
    path = a_file(tmp_path, columns(*range(1, 5_000)))
    good = path.read_bytes()
    path.write_bytes(good[: len(good) // 2])
    with pytest.raises(TickFileError, match="cannot be read"):
        load(path)
    path.write_bytes(good[:100] + bytes(len(good) - 3_000) + good[len(good) - 2_900 :])
    with pytest.raises(TickFileError, match="cannot be read"):
        load(path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"from_row": 4}, r"has 3 rows, expected row 4 among them"),
        ({"from_row": 0}, r"rows 0 to None requested"),
        ({"from_row": 3, "to_row": 2}, r"rows 3 to 2 requested, expected 1 <= first <= last"),
        ({"ticks_max": 0}, r"at most 0 ticks"),
    ],
)
def test_impossible_row_ranges_are_refused(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(TickFileError, match=message):
        load(a_file(tmp_path, columns(1, 2, 3)), **options)


def test_no_file_at_all_is_refused() -> None:
    with pytest.raises(TickFileError, match="no tick file given"):
        load_stream([], crossed="reject")


def test_a_recording_is_read_to_its_end(shared_parquet: Path) -> None:
    symbol = shared_parquet.stem.split("_")[1].upper()
    stream = load(shared_parquet, symbol=symbol)
    height = pl.scan_parquet(shared_parquet).select(pl.len()).collect().item()
    assert stream.counts.read == height == stream.last_ordinal + sum(stream.counts.rejected.values())
    assert set(stream.counts.rejected) == {"crossed"}
    assert stream.sequences_at(stream.last_ordinal) == {symbol: stream.last_ordinal}
