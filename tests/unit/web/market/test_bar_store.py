"""Stored bars: merging, restarts, and the time that is covered without a gap."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import apsw
import pytest

from marketdata.bars import Bar
from proto.time import DAY_NS, MINUTE_NS, SECOND_NS
from services.web.live.cells import Cells
from services.web.market import bar_store
from services.web.market.bar_store import BarStore
from services.web.market.history_file import HistoryFile, Rows
from services.web.market.quote_feed import Received
from tests.support.builders import START_NS, a_tick

BEGIN_NS = START_NS - START_NS % MINUTE_NS
"""The start of a minute."""


def ticks(
    bids: list[float], *, begin_s: int = 0, first: int = 1, is_after_gap: bool = False, step_s: int = 1
) -> list[Received]:
    """One tick a second with these bids."""
    return [
        Received(
            a_tick(sequence=first + at, time_ns=BEGIN_NS + (begin_s + at * step_s) * SECOND_NS, bid=bid, ask=bid + 0.5),
            0,
            (is_after_gap or first == 1) and at == 0,
        )
        for at, bid in enumerate(bids)
    ]


@pytest.fixture
def file(tmp_path: Path) -> Iterator[HistoryFile]:
    opened = HistoryFile(tmp_path)
    yield opened
    opened.close()


def write(store: BarStore) -> None:
    store.collect()
    store.flush()


def test_bars_are_stored_and_merged_on_request(file: HistoryFile) -> None:
    store = BarStore(file, ["EURUSD"])
    store.add(ticks([float(bid) for bid in range(100, 230)]))
    write(store)
    seconds = store.bars("EURUSD", 1, 0, 0, 500)
    assert len(seconds.bars) == 130
    assert seconds.complete_from_ns == 0
    assert store.bars("EURUSD", 5, 0, 0, 2).bars == [
        Bar(5 * SECOND_NS, BEGIN_NS + 120 * SECOND_NS, 220.0, 224.0, 220.0, 224.0, 224.5, 0.5, 5, 5.0),
        Bar(5 * SECOND_NS, BEGIN_NS + 125 * SECOND_NS, 225.0, 229.0, 225.0, 229.0, 229.5, 0.5, 5, 5.0),
    ]
    minutes = store.bars("EURUSD", 60, 0, 0, 500).bars
    assert [(bar.open, bar.close, bar.ticks) for bar in minutes] == [(100, 159, 60), (160, 219, 60), (220, 229, 10)]
    assert [bar.ticks for bar in store.bars("EURUSD", 3_600, 0, 0, 500).bars] == [130]
    two = store.bars("EURUSD", 1, BEGIN_NS + SECOND_NS, BEGIN_NS + 3 * SECOND_NS, 500).bars
    assert [bar.open for bar in two] == [101, 102]


def test_a_minute_is_whole_after_a_restart(file: HistoryFile) -> None:
    store = BarStore(file, ["EURUSD"])
    store.add(ticks([1.0, 5.0, 2.0]))
    write(store)
    restarted = BarStore(file, ["EURUSD"])
    restarted.add(ticks([3.0, 4.0], begin_s=10, first=11, is_after_gap=True))
    write(restarted)
    [minute] = restarted.bars("EURUSD", 60, 0, 0, 500).bars
    assert (minute.open, minute.high, minute.low, minute.close, minute.ticks) == (1.0, 5.0, 1.0, 4.0, 5)


def test_bars_after_a_gap_are_complete_from_its_end(file: HistoryFile) -> None:
    store = BarStore(file, ["EURUSD"])
    store.add(ticks([1.0, 2.0, 3.0]))
    store.add(ticks([4.0, 5.0], begin_s=90, first=9, is_after_gap=True))
    write(store)
    assert store.bars("EURUSD", 1, 0, 0, 500).complete_from_ns == BEGIN_NS + 90 * SECOND_NS
    assert store.bars("EURUSD", 60, 0, 0, 500).complete_from_ns == BEGIN_NS + 2 * MINUTE_NS
    assert store.bars("EURUSD", 1, BEGIN_NS + 90 * SECOND_NS, 0, 500).complete_from_ns == 0


def test_extremes_are_known_only_without_a_gap(file: HistoryFile) -> None:
    store = BarStore(file, ["EURUSD"])
    store.add(ticks([3.0, 1.0, 9.0, 4.0]))
    store.add(ticks([5.0, 6.0], begin_s=10, first=20, is_after_gap=True))
    write(store)
    assert store.extremes("EURUSD", BEGIN_NS, BEGIN_NS + 3 * SECOND_NS) == (1.0, 9.0)
    assert store.extremes("EURUSD", BEGIN_NS + 10 * SECOND_NS, BEGIN_NS + 11 * SECOND_NS) == (5.0, 6.0)
    assert store.extremes("EURUSD", BEGIN_NS, BEGIN_NS + 11 * SECOND_NS) is None
    assert store.extremes("EURUSD", BEGIN_NS - 1, BEGIN_NS + 3 * SECOND_NS) is None
    assert store.extremes("GBPUSD", BEGIN_NS, BEGIN_NS + SECOND_NS) is None


def test_a_quiet_market_is_covered_up_to_its_heartbeat(file: HistoryFile) -> None:
    store = BarStore(file, ["EURUSD"])
    store.add(ticks([3.0, 1.0]))
    write(store)
    assert store.extremes("EURUSD", BEGIN_NS, BEGIN_NS + 60 * SECOND_NS) is None
    store.complete(BEGIN_NS + 60 * SECOND_NS)
    write(store)
    assert store.extremes("EURUSD", BEGIN_NS, BEGIN_NS + 60 * SECOND_NS) == (1.0, 3.0)


def test_an_earlier_stream_replaces_the_bars_from_its_start(file: HistoryFile) -> None:
    store = BarStore(file, ["EURUSD"])
    store.add(ticks([1.0] * 90))
    write(store)
    store.add(ticks([7.0, 8.0], begin_s=30))
    write(store)
    found = store.bars("EURUSD", 1, 0, 0, 500).bars
    assert [bar.close for bar in found] == [1.0] * 30 + [7.0, 8.0]


def test_a_repeated_tick_after_a_restart_replaces_its_second(file: HistoryFile) -> None:
    store = BarStore(file, ["EURUSD"])
    store.add(ticks([1.0] * 10))
    write(store)
    restarted = BarStore(file, ["EURUSD"])
    restarted.add(ticks([2.0] * 5, begin_s=8))
    write(restarted)
    assert [bar.close for bar in restarted.bars("EURUSD", 1, 0, 0, 500).bars] == [1.0] * 8 + [2.0] * 5
    [minute] = restarted.bars("EURUSD", 60, 0, 0, 500).bars
    assert minute.ticks == 13


def test_old_bars_of_a_second_are_deleted_and_their_minutes_stay(file: HistoryFile) -> None:
    store = BarStore(file, ["EURUSD"])
    store.add(ticks([1.0, 2.0]))
    write(store)
    restarted = BarStore(file, ["EURUSD"])
    restarted.add(ticks([3.0], begin_s=4 * DAY_NS // SECOND_NS))
    write(restarted)
    assert [bar.close for bar in restarted.bars("EURUSD", 1, 0, 0, 500).bars] == [3.0]
    assert [bar.close for bar in restarted.bars("EURUSD", 60, 0, 0, 500).bars] == [2.0, 3.0]
    assert restarted.extremes("EURUSD", BEGIN_NS, BEGIN_NS + SECOND_NS) == (1.0, 2.0)


def test_bars_wait_while_the_file_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bar_store, "PENDING_MAX", 5)
    closed = HistoryFile(tmp_path)
    store = BarStore(closed, ["EURUSD"])
    closed.close()
    store.add(ticks([float(bid) for bid in range(4)]))
    store.collect()
    with pytest.raises(apsw.Error):
        store.flush()
    assert store.dropped == 0
    store.add(ticks([9.0, 9.0, 9.0], begin_s=4, first=5))
    store.collect()
    assert store.dropped > 0


def test_the_cell_has_the_newest_bars(file: HistoryFile) -> None:
    cells = Cells("boot")
    store = BarStore(file, ["EURUSD"], cells)
    store.publish()
    assert cells.get("bars:EURUSD") is None
    store.add(ticks([float(bid) for bid in range(130)]))
    store.publish()
    shown = cells.get("bars:EURUSD")
    assert isinstance(shown, dict)
    assert [bar[4] for bar in shown["1s"]] == [float(bid) for bid in range(120, 130)]
    assert shown["1m"] == [
        (BEGIN_NS + MINUTE_NS, 60.0, 119.0, 60.0, 119.0, 60),
        (BEGIN_NS + 2 * MINUTE_NS, 120.0, 129.0, 120.0, 129.0, 10),
    ]
    cells.turn()
    store.publish()
    assert cells.turn() == 1


def test_an_unknown_period_is_refused(file: HistoryFile) -> None:
    with pytest.raises(ValueError, match="period_s is 7, expected one of 1, 5, 15, 60, 300, 900, 3600"):
        BarStore(file, ["EURUSD"]).bars("EURUSD", 7, 0, 0, 10)


def test_memory_does_not_grow_with_the_ticks(file: HistoryFile) -> None:
    store = BarStore(file, ["EURUSD"])
    for minute in range(20):
        store.add(ticks([1.0] * 60, begin_s=60 * minute, first=1 + 60 * minute))
        write(store)
    newest = store.bars("EURUSD", 60, 0, 0, 500).bars
    assert [bar.ticks for bar in newest] == [60] * 20
    assert store.pending == 0
    assert store.held <= 120


def test_bars_wait_while_the_disk_is_almost_full(tmp_path: Path) -> None:
    file = HistoryFile(tmp_path, reserve_bytes=2**62)
    store = BarStore(file, ["EURUSD"])
    store.add(ticks([1.0, 2.0]))
    store.collect()
    waiting = store.pending
    with pytest.raises(apsw.FullError, match="MiB free, which are left to the ledger"):
        store.flush()
    assert store.pending == waiting > 0
    file.close()


class InterruptedFile(HistoryFile):
    """A file whose writes begin with a call."""

    on_write: Callable[[], None] | None = None

    def write(self, statements: Iterable[tuple[str, Rows]]) -> None:
        """Call, then write."""
        if self.on_write is not None:
            self.on_write()
        super().write(statements)


def test_bars_are_replaced_from_the_earliest_time_although_a_write_fails(tmp_path: Path) -> None:
    file = InterruptedFile(tmp_path)
    store = BarStore(file, ["EURUSD"])
    store.add(ticks([1.0] * 200))
    write(store)
    store.add(ticks([5.0] * 10, begin_s=60, first=300, is_after_gap=True))

    def begin_again() -> None:
        file.on_write = None
        store.add(ticks([7.0], begin_s=65, first=400, is_after_gap=True))
        file.reserve_bytes = 2**62

    file.on_write = begin_again
    store.collect()
    with pytest.raises(apsw.FullError):
        store.flush()
    file.reserve_bytes = 0
    write(store)
    assert [bar.open for bar in store.bars("EURUSD", 1, 0, 0, 1_000).bars] == [1.0] * 60 + [5.0] * 5 + [7.0]
    file.close()


def test_a_time_that_another_stream_replaced_is_not_covered_by_the_earlier_one(tmp_path: Path) -> None:
    file = HistoryFile(tmp_path)
    store = BarStore(file, ["EURUSD"])
    store.add(ticks([1.0] * 200))
    store.add(ticks([7.0], begin_s=60, first=400, is_after_gap=True))
    write(store)
    assert store.extremes("EURUSD", BEGIN_NS, BEGIN_NS + 59 * SECOND_NS) == (1.0, 1.0)
    assert store.extremes("EURUSD", BEGIN_NS, BEGIN_NS + 100 * SECOND_NS) is None
    file.close()
