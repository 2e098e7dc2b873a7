"""A wrong clock is detected by the end of the week and by the quiet hour, if the file contains them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest

from marketdata.files.tick_input import TickInput
from marketdata.files.tick_statistics import describe
from proto.trading import server_time

SECOND_NS = 1_000_000_000
HOUR_NS = 3_600 * SECOND_NS
STEP_S = 30
NEW_YORK = ZoneInfo("America/New_York")


def wall_ns(utc_ns: int, server: str) -> int:
    """Local time of a server, computed from the rules of daylight saving."""
    if server == "new_york_close":
        return server_time.server_ns(utc_ns)
    offset = datetime.fromtimestamp(utc_ns // SECOND_NS, UTC).astimezone(ZoneInfo(server)).utcoffset()
    assert offset is not None
    return utc_ns + int(offset.total_seconds()) * SECOND_NS


def a_market(
    path: Path, first: str, last: str, *, server: str = "UTC", step_s: int = STEP_S, is_flat: bool = False
) -> Path:
    """Write FX quotes between two times in New York, with the local times of a server.

    The week is from Sunday to Friday, 17:00 in New York. The spread is 2 points, and 5 points in the hour from 17:00.
    With `is_flat` it is always 2 points.
    """
    begin, end = (datetime.fromisoformat(day).replace(tzinfo=NEW_YORK).astimezone(UTC) for day in (first, last))
    rows = []
    moment = begin
    while moment < end:
        local = moment.astimezone(NEW_YORK)
        since_sunday = (local.weekday() + 1) % 7 * 24 + local.hour
        if 17 <= since_sunday < 5 * 24 + 17:
            ns = int(moment.timestamp()) * SECOND_NS
            points = 5 if local.hour == 17 and not is_flat else 2
            rows.append((wall_ns(ns, server), 1.1, 1.1 + points / 1e5))
        moment += timedelta(seconds=step_s)
    times, bids, asks = zip(*rows, strict=True)
    # Prices change, because equal quotes with the same time in a repeated hour would be duplicates.
    moves = np.arange(len(rows)) % 7 / 1e5
    pl.DataFrame({"ts_ns": times, "bid": np.array(bids) + moves, "ask": np.array(asks) + moves}).write_parquet(path)
    return path


def described(path: Path, zone: str | None = None, symbol: str = "EURUSD") -> dict[str, Any]:
    return describe(TickInput(path, symbol, zone), crossed="reject")


@pytest.mark.parametrize(
    ("server", "zone", "hours_off"),
    [
        ("UTC", None, 0),
        ("new_york_close", "new_york_close", 0),
        ("new_york_close", None, 3),
        ("America/New_York", None, -4),
        ("America/New_York", "-05:00", 1),
        ("Asia/Tokyo", "+02:00", 7),
    ],
)
def test_a_clock_is_compared_with_the_end_of_the_week_and_the_quiet_hour(
    tmp_path: Path, server: str, zone: str | None, hours_off: int
) -> None:
    """The file has the ends of two weeks in May 2024, during daylight saving in New York."""
    found = described(a_market(tmp_path / "t.parquet", "2024-05-01", "2024-05-14", server=server), zone)
    assert found["clock"]["hours_off"] == hours_off
    assert found["clock"]["verdict"] == ("fits" if hours_off == 0 else "probably_wrong")
    assert [warning for warning in found["warnings"] if "the clock is probably wrong" in warning] == (
        found["warnings"] if hours_off else []
    )
    assert f"ends on Friday at {17 + hours_off:02d}:00" in found["clock"]["text"] or hours_off == 7


def test_the_quiet_hour_alone_reveals_a_clock_that_is_hours_off(tmp_path: Path) -> None:
    """The file is from Monday to Friday of one week, without the end of a week between ticks."""
    path = a_market(tmp_path / "t.parquet", "2024-05-06T06:00", "2024-05-10T12:00", server="America/New_York")
    assert described(path)["clock"]["hours_off"] == -4
    assert described(path, "America/New_York")["clock"]["verdict"] == "fits"
    by_an_hour = described(path, "-05:00")["clock"]
    assert by_an_hour["verdict"] == "cannot_tell"
    assert "quiet hour of 3 days begins at 18:00" in by_an_hour["text"]


@pytest.mark.parametrize(
    ("first", "last", "options", "why"),
    [
        ("2024-05-07", "2024-05-08", {}, "0 whole days, fewer than 3"),
        ("2024-05-06T06:00", "2024-05-10T12:00", {"is_flat": True}, "no hour that is clearly the quiet one"),
        ("2024-05-01", "2024-05-14", {"is_flat": True, "step_s": 3_600}, "no hour that is clearly the quiet one"),
    ],
    ids=["a day", "no quiet hour", "a quote an hour"],
)
def test_a_file_that_shows_neither_the_end_of_a_week_nor_the_quiet_hour_gets_no_verdict(
    tmp_path: Path, first: str, last: str, options: dict[str, Any], why: str
) -> None:
    found = described(a_market(tmp_path / "t.parquet", first, last, server="America/New_York", **options))
    assert found["clock"]["verdict"] == "cannot_tell"
    assert found["clock"]["text"] == f"cannot tell: the file has no end of a week after a busy hour, and {why}"
    assert found["warnings"] == []


def test_a_symbol_with_unknown_closing_times_gets_no_verdict(tmp_path: Path) -> None:
    path = a_market(tmp_path / "t.parquet", "2024-05-01", "2024-05-14", server="America/New_York")
    assert "the closes of the symbol are not known" in described(path, symbol="DE40")["clock"]["text"]


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("2024-03-04", "2024-03-20"),
        ("2024-10-21", "2024-11-05"),
        ("2024-03-11T06:00", "2024-03-15T12:00"),
        ("2024-10-28T06:00", "2024-11-01T12:00"),
        ("2024-03-15", "2024-03-18T12:00"),
    ],
    ids=[
        "March",
        "October and November",
        "days of March without the end of a week",
        "days of October without the end of a week",
        "the end of one week of March and no whole days",
    ],
)
@pytest.mark.parametrize("server", ["new_york_close", "Europe/Athens"])
def test_weeks_with_summer_time_in_one_region_show_which_regions_summer_time_the_server_follows(
    tmp_path: Path, first: str, last: str, server: str
) -> None:
    path = a_market(tmp_path / "t.parquet", first, last, server=server)
    kind = "new_york" if server == "new_york_close" else "europe"
    for zone in ("new_york_close", "Europe/Athens"):
        found = described(path, zone)["clock"]
        assert found["summer_time"] == kind
        assert found["summer_time_text"].endswith(f"{server} fits")
        assert found["verdict"] == ("fits" if zone == server else "probably_wrong")
        assert found["hours_off"] == (0 if zone == server else 1 if server == "new_york_close" else -1)
        assert found["text"].endswith(f"; {server} fits") is (zone != server)


@pytest.mark.parametrize("server", ["new_york_close", "Europe/Athens"])
def test_until_2006_only_europe_had_summer_time_in_early_spring(tmp_path: Path, server: str) -> None:
    """Summer time began in Europe on the last Sunday of March 2005, the 27th, and in New York on April 3rd."""
    path = a_market(tmp_path / "t.parquet", "2005-03-28T06:00", "2005-04-01T12:00", server=server)
    for zone in ("new_york_close", "Europe/Athens"):
        found = described(path, zone)["clock"]
        assert found["summer_time"] == ("new_york" if server == "new_york_close" else "europe")
        assert found["verdict"] == ("fits" if zone == server else "probably_wrong")


def test_a_zone_contradicted_by_summer_time_gets_a_warning_with_the_fitting_one(tmp_path: Path) -> None:
    path = a_market(tmp_path / "t.parquet", "2024-03-11T06:00", "2024-03-15T12:00", server="new_york_close")
    [warning] = described(path, "Europe/Athens")["warnings"]
    assert warning == (
        "the clock is probably wrong in the weeks in which only New York or only Europe has summer time: "
        "times are 1 hour late: in New York the quiet hour of 3 days begins at 18:00 in the weeks in which "
        "only New York or only Europe has summer time; FX closes at 17:00; new_york_close fits"
    )
    assert described(path, "new_york_close")["warnings"] == []


def test_weeks_with_summer_time_in_both_regions_do_not_show_which_one_the_server_follows(tmp_path: Path) -> None:
    path = a_market(tmp_path / "t.parquet", "2024-05-01", "2024-05-14", server="Europe/Athens")
    for zone in ("new_york_close", "Europe/Athens", "+03:00"):
        found = described(path, zone)["clock"]
        assert (found["verdict"], found["summer_time"]) == ("fits", "cannot_tell")
    assert described(path, "Asia/Tokyo")["clock"]["summer_time"] == "cannot_tell"
    utc = a_market(tmp_path / "u.parquet", "2024-05-01", "2024-05-14")
    assert described(utc)["clock"]["summer_time"] is None


def test_rows_whose_times_are_wrong_are_named(tmp_path: Path) -> None:
    times = [number * SECOND_NS for number in range(10**9, 10**9 + 400)]
    times[299] = 4_102_444_800 * SECOND_NS
    bids = np.arange(400) / 1e5 + 1.1
    pl.DataFrame({"ts_ns": times, "bid": bids, "ask": bids + 1e-4}).write_parquet(tmp_path / "t.parquet")
    found = described(tmp_path / "t.parquet")
    assert (found["ticks"], found["rejected"]) == (399, {"far_future": 1})
    [warning] = found["warnings"]
    assert warning.startswith("row 300 has the time 2100-01-01 00:00:00.000Z, more than a minute ahead")


def test_rows_out_of_order_and_a_long_pause_give_warnings(tmp_path: Path) -> None:
    later = np.arange(10**9, 10**9 + 100) * SECOND_NS
    times = np.concatenate([later, later - 10_000 * SECOND_NS, later + 40 * 24 * HOUR_NS])
    bids = np.arange(300) / 1e5 + 1.1
    pl.DataFrame({"ts_ns": times, "bid": bids, "ask": bids + 1e-4}).write_parquet(tmp_path / "t.parquet")
    late, pause = described(tmp_path / "t.parquet")["warnings"]
    assert late == "100 of 300 rows are earlier than a row before them, and are left out"
    assert pause.startswith("no tick from 2001-09-09 01:48:19.000Z to 2001-10-19")
