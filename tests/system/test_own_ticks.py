"""The commands read a user's tick files in their original layout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.replays import run_paperdesk
from tests.support.shared_data import SHARED_DATA, available_recordings
from tests.unit.marketdata.files.tick_texts import metatrader, some_quotes

SERVER = "+02:00"

LAYOUTS = available_recordings(
    {
        "formats/dukascopy_eurusd.csv:EURUSD": (),
        "formats/histdata_eurusd_20200101.csv:EURUSD": ("--zone", "America/New_York"),
        "formats/iso_usdjpy_20130101.csv:USDJPY": (),
        "formats/mt5_export_eurusd.csv:EURUSD": ("--utc-offset", "+02:00"),
        "formats/truefx_eurusd.csv:EURUSD": (),
        "lean/fxcm/nzdusd:NZDUSD": ("--utc-offset", "-05:00"),
    }
)


def query(*arguments: object) -> Any:
    done = run_paperdesk(*arguments, "--json")
    assert done.returncode == 0, done
    return json.loads(done.stdout)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_backtest_reads_a_file_of_each_layout(layout: tuple[str, tuple[str, ...]]) -> None:
    file, clock = layout
    found = query("backtest", f"{SHARED_DATA}/{file}", "--ticks", "2000", *clock)
    assert found["ticks"]["processed"] > 0
    assert found["reconciled"] is True


@pytest.mark.parametrize(
    "recording",
    available_recordings(
        {
            "lean/fxcm/eurusd": ("EURUSD", "fxcm_eurusd_2014-05-01_09.parquet"),
            "lean/fxcm/nzdusd": ("NZDUSD", "fxcm_nzdusd_2014-05-01_09.parquet"),
        }
    ),
)
def test_converted_lean_files_have_the_ticks_of_the_parquet_file(
    recording: tuple[str, tuple[str, str]], tmp_path: Path
) -> None:
    folder, (symbol, parquet) = recording
    days, out = SHARED_DATA / folder, tmp_path / "out.parquet"
    query("ticks", "convert", days, out, "--symbol", symbol, "--utc-offset", "-05:00")
    [made], [there], [read] = (
        query("ticks", "describe", f"{path}:{symbol}", *clock)
        for path, clock in ((out, ()), (SHARED_DATA / parquet, ()), (days, ("--utc-offset", "-05:00")))
    )
    assert made["data_sha256"] == there["data_sha256"] == read["data_sha256"]


def test_a_brokers_export_gives_the_same_result_through_the_processes_and_as_parquet(tmp_path: Path) -> None:
    """The gateway process gets the time zone of the export; the Parquet file is in UTC."""
    export = tmp_path / "export.csv"
    export.write_text("\n".join(metatrader(some_quotes(400))) + "\n")
    clock = ("--utc-offset", SERVER)
    same = query("parity", f"{export}:EURUSD", *clock, "--speed", "max")
    assert same["identical"] is True
    query("ticks", "convert", f"{export}:EURUSD", *clock, tmp_path / "out.parquet")
    again = query("backtest", f"{tmp_path / 'out.parquet'}:EURUSD")
    assert again["stream_id"] == same["replay"]["stream_id"]


def test_a_brokers_export_is_played_live(tmp_path: Path) -> None:
    export, desk = tmp_path / "export.csv", tmp_path / "desk"
    export.write_text("\n".join(metatrader(some_quotes(12))) + "\n")
    clock = ("--utc-offset", SERVER)
    done = run_paperdesk("run", "--ticks", f"{export}:EURUSD", *clock, "--data-dir", desk, "--strategy", "ema_cross")
    assert done.returncode == 0, done
    assert "the recording has ended" in done.stdout


def test_a_backtest_warns_that_server_time_is_read_as_utc(tmp_path: Path) -> None:
    """Ticks of MetaTrader's Python package are in server time; with a time zone there is no warning."""
    export = tmp_path / "export.csv"
    rows = [f"{quote.tick[0] // 10**9},{quote.tick[0] // 10**6},{quote.bid},{quote.ask}" for quote in some_quotes(200)]
    export.write_text("\n".join(["time,time_msc,bid,ask", *rows]) + "\n")
    done = run_paperdesk("backtest", f"{export}:EURUSD", "--json")
    assert "WARNING: export.csv: time_msc is the time of the broker's server, read as if that were UTC" in done.stderr
    with_zone = run_paperdesk("backtest", f"{export}:EURUSD", "--json", "--zone", "new_york_close")
    assert "WARNING" not in with_zone.stderr
    assert (done.returncode, with_zone.returncode) == (0, 0)


@pytest.mark.parametrize("command", ["replay", "backtest", "parity"])
def test_an_export_without_offset_or_zone_is_refused_in_one_line(tmp_path: Path, command: str) -> None:
    export = tmp_path / "export.csv"
    export.write_text("\n".join(metatrader(some_quotes(40))) + "\n")
    done = run_paperdesk(command, f"{export}:EURUSD")
    assert done.returncode == 2
    assert "does not give the clock of its times" in done.stderr
    assert len(done.stderr.splitlines()) == 1
