"""A pause of more than 31 days gives a remark for any size of blocks, and a shorter pause gives none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from marketdata.files.stream_loader import load_stream
from marketdata.files.tick_input import TickInput
from marketdata.pauses import LongPause, Pause

SECOND_NS = 1_000_000_000
DAY_NS = 86_400 * SECOND_NS
MARCH_2024_NS = 1_709_683_200 * SECOND_NS  # 2024-03-06
YEAR_2100_NS = 4_102_444_800 * SECOND_NS
TO_2100 = "no tick from 2024-03-06 00:33:19.000Z to 2100-01-01 00:00:00.000Z: the later times may be wrong"


def a_file(path: Path, times: np.ndarray) -> Path:
    bids = np.arange(len(times)) / 1e6 + 1.1
    pl.DataFrame({"ts_ns": times.astype(np.int64), "bid": bids, "ask": bids + 1e-4}).write_parquet(path)
    return path


def seconds(count: int, begin_ns: int = MARCH_2024_NS) -> np.ndarray:
    return begin_ns + np.arange(count, dtype=np.int64) * SECOND_NS


@pytest.mark.parametrize("block", [1, 2, 3, 100])
def test_the_longest_pause_is_found_with_any_size_of_blocks(block: int) -> None:
    times = np.array([0, 1, 40, 41, 42, 102, 103, 163, 164]) * DAY_NS
    found = LongPause()
    for start in range(0, len(times), block):
        found.add(times[start : start + block])
    assert found.longest == Pause(42 * DAY_NS, 102 * DAY_NS)


@pytest.mark.parametrize(("pause_ns", "is_long"), [(31 * DAY_NS, False), (31 * DAY_NS + 1, True)])
def test_a_pause_of_31_days_is_not_too_long(pause_ns: int, is_long: bool) -> None:
    found = LongPause()
    found.add(np.array([5, 5 + pause_ns]))
    assert (found.longest is not None) is is_long


@pytest.mark.parametrize("rows", [1, 40])
def test_last_rows_of_2100_give_a_remark_of_the_stream(tmp_path: Path, rows: int) -> None:
    path = a_file(tmp_path / "t.parquet", np.concatenate([seconds(2_000), seconds(rows, YEAR_2100_NS)]))
    stream = load_stream([TickInput(path, "EURUSD")], crossed="reject")
    assert stream.last_ordinal == 2_000 + rows
    assert stream.remarks == (f"EURUSD: {TO_2100}",)


def test_a_pause_after_the_end_of_a_limited_stream_gives_no_remark(tmp_path: Path) -> None:
    path = a_file(tmp_path / "t.parquet", np.append(seconds(2_000), YEAR_2100_NS))
    inputs = [TickInput(path, "EURUSD")]
    assert load_stream(inputs, crossed="reject", ticks_max=2_000).remarks == ()
    assert load_stream(inputs, crossed="reject", to_row=2_000).remarks == ()


def test_a_symbols_pause_gives_a_remark_though_another_symbol_has_ticks_in_it(tmp_path: Path) -> None:
    paused = a_file(tmp_path / "a.parquet", MARCH_2024_NS + np.array([0, 60]) * DAY_NS)
    daily = a_file(tmp_path / "b.parquet", MARCH_2024_NS + np.arange(61) * DAY_NS)
    stream = load_stream([TickInput(daily, "GBPUSD"), TickInput(paused, "EURUSD")], crossed="reject")
    [remark] = stream.remarks
    assert remark.startswith("EURUSD: no tick from 2024-03-06 00:00:00.000Z to 2024-05-05 00:00:00.000Z")


def test_a_pause_between_the_ticks_of_two_symbols_gives_a_remark_on_both(tmp_path: Path) -> None:
    before = a_file(tmp_path / "a.parquet", seconds(2_000))
    after = a_file(tmp_path / "b.parquet", seconds(9, YEAR_2100_NS))
    stream = load_stream([TickInput(before, "EURUSD"), TickInput(after, "GBPUSD")], crossed="reject")
    assert stream.remarks == (f"EURUSD, GBPUSD: {TO_2100}",)
