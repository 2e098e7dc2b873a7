"""Bars of 1 s merged to any multiple equal the bars that are built directly from the same ticks."""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from marketdata.bars import Bar, BarBuilder, merge
from proto.time import DAY_NS, MS_NS, SECOND_NS

PRICE = st.floats(0.01, 100_000)
GAP_NS = st.one_of(st.just(0), st.integers(1, 900 * MS_NS), st.integers(1, 200 * SECOND_NS))
START_NS = st.integers(0, 30_000 * DAY_NS)
SECONDS = st.integers(1, 7_200)
VOLUME = st.integers(0, 1_000).map(float)
"""Whole volumes, whose sums do not depend on the order of the additions."""

Tick = tuple[int, float, float, float]


@st.composite
def streams(draw: st.DrawFn, volume: st.SearchStrategy[float] = VOLUME) -> list[Tick]:
    """Ticks of time, bid, ask and volume in the order of their times."""
    rows = draw(st.lists(st.tuples(GAP_NS, PRICE, PRICE, volume), min_size=1, max_size=60))
    times = accumulate((gap_ns for gap_ns, *_ in rows), initial=draw(START_NS))
    return [(time_ns, bid, ask, size) for time_ns, (_, bid, ask, size) in zip(times, rows, strict=False)]


def bars_of(ticks: list[Tick], period_ns: int) -> list[Bar]:
    builder = BarBuilder(period_ns)
    found = [bar for tick in ticks if (bar := builder.on_tick(*tick)) is not None]
    assert builder.current is not None
    return [*found, builder.current]


@given(streams(), SECONDS)
def test_merged_bars_equal_bars_built_directly(ticks: list[Tick], seconds: int) -> None:
    assert merge(bars_of(ticks, SECOND_NS), seconds * SECOND_NS) == bars_of(ticks, seconds * SECOND_NS)


@given(streams(), st.integers(1, 60), st.integers(1, 60))
def test_merging_twice_equals_merging_once(ticks: list[Tick], first: int, second: int) -> None:
    seconds = bars_of(ticks, SECOND_NS)
    period_ns = first * second * SECOND_NS
    assert merge(merge(seconds, first * SECOND_NS), period_ns) == merge(seconds, period_ns)


@given(streams(st.floats(0, 1_000)), SECONDS)
def test_merged_volumes_that_are_not_whole_differ_by_rounding_only(ticks: list[Tick], seconds: int) -> None:
    merged, direct = (
        merge(bars_of(ticks, SECOND_NS), seconds * SECOND_NS),
        bars_of(ticks, seconds * SECOND_NS),
    )
    assert [bar.volume for bar in merged] == pytest.approx([bar.volume for bar in direct], rel=1e-12)
    assert [structs.replace(bar, volume=0) for bar in merged] == [structs.replace(bar, volume=0) for bar in direct]


@given(streams(), SECONDS)
def test_every_tick_is_in_the_one_bar_of_its_period(ticks: list[Tick], seconds: int) -> None:
    period_ns = seconds * SECOND_NS
    bars = bars_of(ticks, period_ns)
    assert [bar.open_time_ns for bar in bars] == sorted({time_ns // period_ns * period_ns for time_ns, *_ in ticks})
    for bar in bars:
        inside = [tick for tick in ticks if bar.open_time_ns <= tick[0] < bar.open_time_ns + period_ns]
        bids = [bid for _, bid, _, _ in inside]
        assert (bar.open, bar.high, bar.low, bar.close) == (bids[0], max(bids), min(bids), bids[-1])
        assert bar.ask_close == inside[-1][2]
        assert bar.spread_max == max(ask - bid for _, bid, ask, _ in inside)
        assert (bar.ticks, bar.volume) == (len(inside), sum(volume for *_, volume in inside))
