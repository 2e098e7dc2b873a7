"""A conversion loses no readable row, and a description matches the file."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from cli.main import run
from marketdata.files import tick_statistics as descriptions
from marketdata.files.errors import TickFileError
from marketdata.files.parquet_conversion import ConvertInput, convert
from marketdata.files.stream_loader import load_stream
from marketdata.files.tick_input import TickInput
from marketdata.files.tick_statistics import describe
from tests.support.tick_files import a_tick_file
from tests.unit.marketdata.files.tick_texts import DAY_NS, SAMPLES, Sample, iso, metatrader, some_quotes, truefx

QUOTES = some_quotes()


def a_file(folder: Path, lines: list[str], name: str = "ticks.dat") -> Path:
    path = folder / name
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("sample", SAMPLES, ids=[sample.layout for sample in SAMPLES])
def test_a_converted_file_has_the_hash_of_its_source(tmp_path: Path, sample: Sample) -> None:
    path = a_file(tmp_path, sample.write(QUOTES), sample.file)
    out = tmp_path / "out.parquet"
    report = convert([ConvertInput(path, "EURUSD", sample.zone)], out)
    assert (report["rows"], report["written"], report["symbols"]) == (len(QUOTES), len(QUOTES), ["EURUSD"])
    before = load_stream([TickInput(path, "EURUSD", sample.zone)], crossed="reject")
    after = load_stream([TickInput(out, "EURUSD")], crossed="reject")
    assert (after.counts, after.data_sha256) == (before.counts, before.data_sha256)


def test_inputs_are_joined_in_the_order_given_and_every_symbol_keeps_its_name(tmp_path: Path) -> None:
    one = a_file(tmp_path, truefx(QUOTES[:100]), "one")
    other = tmp_path / "other"
    other.write_bytes(gzip.compress("\n".join(iso(QUOTES[100:])).encode()))
    out = tmp_path / "out.parquet"
    convert([ConvertInput(one, None), ConvertInput(other, "GBPUSD")], out)
    frame = pl.read_parquet(out)
    assert frame.columns == ["ts_ns", "bid", "ask", "volume", "symbol"]
    assert frame["ts_ns"].to_list() == [quote.tick[0] for quote in QUOTES]
    assert frame["symbol"].to_list() == ["EURUSD"] * 100 + ["GBPUSD"] * 200


def test_rows_that_a_run_rejects_by_default_are_kept_and_reported(tmp_path: Path) -> None:
    source = a_tick_file(tmp_path / "in.parquet", rows=1_000, crossed_every=10)
    report = convert([ConvertInput(source, None)], tmp_path / "out.parquet")
    assert report["written"] == 1_000
    assert report["rejected_when_used"] == {"crossed": 100}
    assert report["symbols"] == []
    assert "symbol" not in pl.read_parquet_schema(tmp_path / "out.parquet")


def test_unreadable_rows_are_left_out_counted_and_shown(tmp_path: Path) -> None:
    lines = truefx(QUOTES)
    lines[50] = "EUR/USD,2014"
    path = a_file(tmp_path, ["", *lines])
    report = convert([ConvertInput(path, "EURUSD")], tmp_path / "out.parquet")
    assert (report["rows"], report["written"], report["unreadable"], report["blank_lines"]) == (300, 299, 1, 1)
    assert report["unreadable_lines"] == ["ticks.dat line 52 cannot be read: 'EUR/USD,2014'"]


def test_an_existing_file_is_replaced_only_by_force(tmp_path: Path) -> None:
    path = a_file(tmp_path, truefx(QUOTES))
    out = tmp_path / "out.parquet"
    out.write_text("mine")
    with pytest.raises(TickFileError, match=r"out\.parquet already exists, expected a new name, or --force"):
        convert([ConvertInput(path, "EURUSD")], out)
    assert out.read_text() == "mine"
    convert([ConvertInput(path, "EURUSD")], out, force=True)
    assert pl.read_parquet(out).height == len(QUOTES)
    with pytest.raises(TickFileError, match="is one of the files to read"):
        convert([ConvertInput(out, "EURUSD")], out, force=True)


def test_a_failed_conversion_leaves_nothing_behind(tmp_path: Path) -> None:
    data = gzip.compress("\n".join(truefx(some_quotes(50_000))).encode())
    (tmp_path / "cut.gz").write_bytes(data[: len(data) // 2])
    for source, symbol, message in (
        ("cut.gz", "EURUSD", "cannot be read to its end"),
        ("good", "USDJPY", "no rows of"),
    ):
        a_file(tmp_path, truefx(QUOTES), "good")
        with pytest.raises(TickFileError, match=message):
            convert([ConvertInput(tmp_path / source, symbol)], tmp_path / "out.parquet")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["cut.gz", "good"]


def test_a_file_without_symbols_needs_a_symbol_if_another_file_has_symbols(tmp_path: Path) -> None:
    one, other = a_file(tmp_path, truefx(QUOTES), "one"), a_file(tmp_path, iso(QUOTES), "other")
    with pytest.raises(TickFileError, match=r"no symbol for .*other, expected"):
        convert([ConvertInput(one, None), ConvertInput(other, None)], tmp_path / "out.parquet")


# -------------------------------------------------------------------------------------------------- on the command line


def test_the_command_converts_and_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = a_file(tmp_path, metatrader(QUOTES, hours=2))
    out = tmp_path / "out.parquet"
    command = ["ticks", "convert", str(source), str(out), "--symbol", "EURUSD", "--utc-offset", "+02:00", "--json"]
    assert run(command) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["written"], report["first_ns"]) == (300, QUOTES[0].tick[0])
    assert run(command) == 2
    assert "already exists" in capsys.readouterr().err
    assert run([*command[:-1], "--force"]) == 0
    assert "MetaTrader 5 tick export, times +02:00" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["only.parquet"], "only only.parquet given, expected FILE... and then OUT.parquet"),
        (["a", "b"], "the last file is b, expected the file to write, OUT.parquet"),
        (["a", "o.parquet", "--zone", "UTC", "--utc-offset", "+01:00"], "expected one of the two"),
        (["a", "o.parquet", "--utc-offset", "Europe/Athens"], "expected hours and minutes such as +02:00"),
        (["a", "o.parquet", "--symbol", "?"], "expected a symbol such as EURUSD"),
        (["nowhere.csv", "o.parquet"], "nowhere.csv does not exist, expected Parquet"),
    ],
)
def test_the_command_refuses_invalid_arguments(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["ticks", "convert", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_a_file_of_no_layout_is_refused_with_its_first_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["ticks", "describe", str(a_file(tmp_path, ["a;b", "1;2"]))]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert "fits no layout of ticks; it begins with 'a;b'" in lines[0]
    assert "  '1;2'" in lines
    assert any(line.startswith("  not TrueFX: ") for line in lines)


# ------------------------------------------------------------------------------------------------------------- describe


def test_a_description_has_counts_spreads_rate_and_pauses(tmp_path: Path) -> None:
    """The file has three ticks in a second, one in the next, a pause of an hour, and a crossed last row."""
    rows = [(0, "1.10000", "1.10001"), (1, "1.10000", "1.10003"), (2, "1.10000", "1.10002"), (1_500, "1.1", "1.10002")]
    rows += [(3_601_500, "1.10000", "1.10004"), (3_601_600, "1.2", "1.1")]
    lines = [f"{DAY_NS // 10**6 + ms},{bid},{ask}" for ms, bid, ask in rows]
    found = describe(TickInput(a_file(tmp_path, ["time,bid,ask", *lines]), "EURUSD"), crossed="reject")
    assert (found["rows"], found["ticks"], found["rejected"]) == (6, 5, {"crossed": 1})
    assert found["spread"] == {
        "p0": 1.0,
        "p1": 1.0,
        "p5": 1.0,
        "p25": 2.0,
        "p50": 2.0,
        "p75": 3.0,
        "p95": 4.0,
        "p99": 4.0,
        "p100": 4.0,
    }
    assert found["ticks_per_second_median"] == 1
    assert found["gaps"][0] == {
        "after_ns": DAY_NS + 1_500_000_000,
        "before_ns": DAY_NS + 3_601_500_000_000,
        "seconds": 3_600.0,
    }
    assert found["duration_s"] == 3_601.5
    assert found["layout"] == "table with a header"


def test_the_figures_do_not_depend_on_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = a_tick_file(tmp_path / "ticks.parquet", rows=3_000, crossed_every=7)
    whole = describe(TickInput(path, "EURUSD"), crossed="reject")
    monkeypatch.setattr("marketdata.tick_stream.BLOCK_ROWS", 1_024)
    assert describe(TickInput(path, "EURUSD"), crossed="reject") == whole
    frame = pl.read_parquet(path).filter(pl.col("bid") <= pl.col("ask"))
    times = frame["ts_ns"].to_numpy()
    assert [gap["seconds"] * 1e9 for gap in whole["gaps"]] == sorted(np.diff(times).tolist(), reverse=True)[:5]
    _, counts = np.unique(times // 10**9, return_counts=True)
    assert whole["ticks_per_second_median"] == np.median(counts)


def test_very_many_different_spreads_are_counted_more_coarsely(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(descriptions, "VALUES_MAX", 100)
    counted = descriptions._ValueCounts(0.001)
    counted.add(np.arange(10_000) / 1_000)
    low, middle, high = counted.quantiles((0.0, 0.5, 1.0))
    assert (low, high) == (0.0, 10.0)
    assert middle == pytest.approx(5.0, abs=0.2)


def test_describe_finds_the_symbols_of_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = truefx(QUOTES)
    lines[10:20] = [line.replace("EUR/USD", "GBP/USD") for line in lines[10:20]]
    assert run(["ticks", "describe", str(a_file(tmp_path, lines)), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(one["symbol"], one["rows"]) for one in found] == [("EURUSD", 290), ("GBPUSD", 10)]
