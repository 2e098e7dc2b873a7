"""A polled terminal's ticks are read exactly once for any batches, equal milliseconds and restarts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import StartError
from services.mt5.terminal.server_clock import ServerClock
from services.mt5.terminal.tick_reader import TickReader, TickReadOffset
from tests.support.fake_terminal.broker import a_symbol
from tests.support.fake_terminal.rows import TICK_TYPE
from tests.unit.mt5.terminal.terminal_by_hand import POLL_MS, WINTER_NS, Bench

START_MS = WINTER_NS // 1_000_000 + 2 * 3_600_000
WALL_NS = WINTER_NS
DAY_MS = 86_400_000


def rows_of(ticks: list[tuple[int, float]]) -> np.ndarray[tuple[int], np.dtype[np.void]]:
    return np.array([(ms // 1_000, bid, bid + 0.0001, 0.0, 0, ms, 6, 0.0) for ms, bid in ticks], dtype=TICK_TYPE)


def poll(reader: TickReader, ticks: list[tuple[int, float]]) -> list[float]:
    """The bids that one call of `copy_ticks_from` adds."""
    held = [tick for tick in ticks if tick[0] // 1_000 >= reader.from_s][: reader.count]
    return [tick.bid for tick in reader.read(rows_of(held), wall_ns=WALL_NS).ticks]


def a_reader(cursor: TickReadOffset | None = None) -> TickReader:
    return TickReader(cursor or TickReadOffset(START_MS, 0), clock=ServerClock(), accept_crossed=False)


def test_later_ticks_of_the_same_millisecond_are_read() -> None:
    """`time_msc` has milliseconds, and several ticks may have the same one."""
    reader = a_reader()
    ticks = [(START_MS, 1.1), (START_MS, 1.2)]
    assert poll(reader, ticks) == [1.1, 1.2]
    assert poll(reader, ticks) == []
    ticks += [(START_MS, 1.3), (START_MS + 1, 1.4)]
    assert poll(reader, ticks) == [1.3, 1.4]


def test_a_batch_may_end_within_a_millisecond() -> None:
    """`copy_ticks_from` returns at most the requested number of ticks."""
    reader = a_reader()
    reader.count = 3
    ticks = [(START_MS, 1.1), (START_MS, 1.2), (START_MS + 5, 1.3), (START_MS + 5, 1.4), (START_MS + 1_500, 1.5)]
    assert poll(reader, ticks) == [1.1, 1.2, 1.3]
    assert poll(reader, ticks) == []
    assert reader.count == 6
    assert poll(reader, ticks) == [1.4, 1.5]


def test_a_reader_continues_after_its_read_position_after_a_restart() -> None:
    ticks = [(START_MS, 1.1), (START_MS, 1.2)]
    before = a_reader()
    poll(before, ticks)
    after = a_reader(before.cursor)
    assert poll(after, [*ticks, (START_MS, 1.3)]) == [1.3]


def test_invalid_rows_are_counted_and_left_out() -> None:
    reader = a_reader()
    rows = rows_of([(START_MS, 1.1), (START_MS + 1, 0.0), (START_MS + 2, 1.2)])
    rows["ask"][2] = 1.1
    batch = reader.read(rows, wall_ns=WALL_NS)
    assert [tick.bid for tick in batch.ticks] == [1.1]
    assert batch.rejected == {"not_positive": 1, "crossed": 1}
    assert batch.read == 3


def test_a_row_far_in_the_future_is_counted_once_and_the_rows_after_it_are_read() -> None:
    """The read position stays at the newest row that is not far ahead of the host's clock."""
    reader = a_reader()
    ticks = [(START_MS, 1.1), (START_MS + 2 * DAY_MS, 9.9)]
    batch = reader.read(rows_of(ticks), wall_ns=WALL_NS)
    assert ([tick.bid for tick in batch.ticks], batch.read, batch.rejected) == ([1.1], 2, {"far_future": 1})
    assert reader.cursor == (START_MS, 1)
    again = reader.read(rows_of([ticks[0], (START_MS + 1, 1.2), ticks[1]]), wall_ns=WALL_NS)
    assert ([tick.bid for tick in again.ticks], again.read, again.rejected) == ([1.2], 1, {})
    assert poll(reader, ticks) == []


@given(
    st.lists(st.integers(min_value=0, max_value=3), min_size=1, max_size=60),
    st.lists(st.integers(min_value=0, max_value=8), min_size=1, max_size=30),
    st.integers(min_value=1, max_value=7),
    st.data(),
)
def test_each_tick_is_read_once_for_any_arrivals_and_restarts(
    gaps: list[int], arrivals: list[int], count: int, data: st.DataObject
) -> None:
    """The gaps between ticks are 0 to 450 ms, batches are small, and any number of ticks arrives between polls."""
    times = np.cumsum([gap * 150 for gap in gaps]).tolist()
    ticks = [(START_MS + ms, round(1 + number / 1_000, 3)) for number, ms in enumerate(times)]
    reader, got, there = a_reader(), [], 0
    for arrived in [*arrivals, len(ticks)]:
        there = min(len(ticks), there + arrived)
        if data.draw(st.booleans()):
            reader = a_reader(reader.cursor)
        reader.count = max(count, reader.count if reader.count < 1_000 else count)
        got += poll(reader, ticks[:there])
    for _ in range(200):
        reader.count = max(reader.count, 64)
        got += poll(reader, ticks)
    assert got == [bid for _, bid in ticks]


def test_ticks_of_two_symbols_have_common_ordinals_and_separate_sequences(tmp_path: Path) -> None:
    bench = Bench(tmp_path, symbols=[a_symbol("EURUSD"), a_symbol("GBPUSD")])
    first = bench.market.newest_ordinal
    bench.fake.tick("GBPUSD", 1.3, 1.3001)
    bench.mono_ns += 3_000_000
    bench.fake.tick("EURUSD", 1.1, 1.1002)
    bench.wait(2 * POLL_MS)
    ticks = [bench.market.tick_at(ordinal) for ordinal in range(first + 1, bench.market.newest_ordinal + 1)]
    assert [(tick.symbol, tick.sequence) for tick in ticks] == [("GBPUSD", 2), ("EURUSD", 2)]
    assert bench.market.sequences_at(first + 1) == {"EURUSD": 1, "GBPUSD": 2}


def test_after_a_restart_ticks_keep_their_numbers_and_missed_ticks_are_read(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.tick(1.2, 1.2001)
    before = [bench.market.tick_at(ordinal) for ordinal in range(1, bench.market.newest_ordinal + 1)]
    bench.mono_ns += 60_000_000_000
    bench.fake.tick("EURUSD", 1.3, 1.3001)
    bench.mono_ns += 60_000_000_000
    bench.fake.tick("EURUSD", 1.4, 1.4001)
    bench.restart()
    after = [bench.market.tick_at(ordinal) for ordinal in range(1, bench.market.newest_ordinal + 1)]
    assert after[: len(before)] == before
    assert [(tick.sequence, tick.bid) for tick in after[len(before) :]] == [(3, 1.3), (4, 1.4)]
    columns = bench.market.ticks("EURUSD", from_sequence=2, limit=2, published=99)
    assert columns.bid == [1.2, 1.3]


def test_the_market_has_the_desks_symbol_name_and_the_account_has_that_of_the_broker(tmp_path: Path) -> None:
    bench = Bench(tmp_path, symbols=[a_symbol("EURUSD.m")], symbol_map={"EURUSD": "EURUSD.m"})
    assert bench.market.symbols == ("EURUSD",)
    tick = bench.market.last_tick("EURUSD", bench.market.newest_ordinal)
    assert tick is not None
    assert bench.broker.quote("EURUSD.m") is not None


def test_ticks_that_contradict_the_zone_setting_end_the_process(tmp_path: Path) -> None:
    """A start fails with ticks ahead of the host's clock. A process ends at the first fresh tick behind that clock."""
    bench = Bench(tmp_path, ahead_ms=3_600_000)
    with pytest.raises(StartError, match=r"MT5_SERVER_ZONE: .* puts the server \+2 h .* newest tick is \+1 h"):
        bench.tick(1.2, 1.2001)
    (tmp_path / "other").mkdir()
    with pytest.raises(StartError, match=r"MT5_SERVER_ZONE: .* newest tick is \+5 h"):
        Bench(tmp_path / "other", ahead_ms=5 * 3_600_000)


def test_old_ticks_after_a_disconnection_do_not_contradict_the_zone_setting(tmp_path: Path) -> None:
    """After a reconnection the terminal may deliver ticks that are hours old."""
    bench = Bench(tmp_path)
    bench.fake.is_connected = False
    bench.wait(500)
    bench.fake.tick("EURUSD", 1.2, 1.2001)
    bench.mono_ns += 3_600_000_000_000
    bench.fake.is_connected = True
    bench.wait(500)
    tick = bench.market.last_tick("EURUSD", bench.market.newest_ordinal)
    assert tick is not None
    assert tick.bid == 1.2


def test_rejected_rows_are_counted_and_not_published(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    newest = bench.market.newest_ordinal
    bench.tick(1.2, 1.1)
    bench.tick(0.0, 1.1)
    assert bench.rejected == [("crossed", 1), ("not_positive", 1)]
    assert bench.market.newest_ordinal == newest
    assert bench.market.counts.rejected == {"crossed": 1, "not_positive": 1}
