"""Bars by hand: prices, alignment, empty periods, refused ticks and periods."""

from __future__ import annotations

import pytest
from msgspec import structs

from marketdata.bars import Bar, BarBuilder, OutOfOrderError, merge, period_start_ns
from proto.time import HOUR_NS, MINUTE_NS, SECOND_NS

START_NS = 1_704_204_000 * SECOND_NS  # 2024-01-02 14:00:00 UTC
Row = tuple[int, float, float, float]


def bars_of(ticks: list[Row], period_ns: int) -> list[Bar]:
    """All bars of ticks of time, bid, ask and volume; the last may be incomplete."""
    builder = BarBuilder(period_ns)
    found = [bar for tick in ticks if (bar := builder.on_tick(*tick)) is not None]
    return found if builder.current is None else [*found, builder.current]


def test_a_bar_has_the_bids_the_last_ask_the_widest_spread_and_the_counts() -> None:
    ticks = [
        (START_NS + 1, 1.5, 1.625, 2.0),
        (START_NS + 2, 1.75, 2.0, 3.0),
        (START_NS + 3, 1.25, 1.3125, 0.0),
        (START_NS + SECOND_NS - 1, 1.375, 1.5, 1.0),
    ]
    assert bars_of(ticks, SECOND_NS) == [
        Bar(
            period_ns=SECOND_NS,
            open_time_ns=START_NS,
            open=1.5,
            high=1.75,
            low=1.25,
            close=1.375,
            ask_close=1.5,
            spread_max=0.25,
            ticks=4,
            volume=6.0,
        )
    ]


def test_a_tick_at_the_end_of_a_period_begins_the_next_bar() -> None:
    builder = BarBuilder(SECOND_NS)
    assert builder.on_tick(START_NS, 1.5, 1.75) is None
    complete = builder.on_tick(START_NS + SECOND_NS, 2.5, 2.75)
    assert complete == Bar(SECOND_NS, START_NS, 1.5, 1.5, 1.5, 1.5, 1.75, 0.25, 1, 0.0)
    assert builder.current == Bar(SECOND_NS, START_NS + SECOND_NS, 2.5, 2.5, 2.5, 2.5, 2.75, 0.25, 1, 0.0)


def test_bars_begin_at_multiples_of_the_period_in_utc() -> None:
    tick = (START_NS + 37 * MINUTE_NS + 41 * SECOND_NS + 7, 1.5, 1.75, 0.0)
    begins = {period_ns: bars_of([tick], period_ns)[0].open_time_ns for period_ns in (SECOND_NS, MINUTE_NS, HOUR_NS)}
    assert begins == {
        SECOND_NS: START_NS + 37 * MINUTE_NS + 41 * SECOND_NS,
        MINUTE_NS: START_NS + 37 * MINUTE_NS,
        HOUR_NS: START_NS,
    }
    assert period_start_ns(START_NS, HOUR_NS) == START_NS


def test_a_period_without_ticks_has_no_bar() -> None:
    bars = bars_of([(START_NS, 1.5, 1.75, 0.0), (START_NS + 5 * SECOND_NS, 1.5, 1.75, 0.0)], SECOND_NS)
    assert [bar.open_time_ns for bar in bars] == [START_NS, START_NS + 5 * SECOND_NS]
    assert merge(bars, 2 * SECOND_NS) == bars_of(
        [(START_NS, 1.5, 1.75, 0.0), (START_NS + 5 * SECOND_NS, 1.5, 1.75, 0.0)], 2 * SECOND_NS
    )


def test_there_is_no_bar_before_the_first_tick() -> None:
    assert BarBuilder(SECOND_NS).current is None
    assert merge([], SECOND_NS) == []


def test_an_earlier_tick_is_refused_and_changes_nothing() -> None:
    builder = BarBuilder(SECOND_NS)
    builder.on_tick(START_NS + 5, 1.5, 1.75)
    before = builder.current
    message = f"tick at {START_NS + 4} ns, expected none before {START_NS + 5} ns"
    with pytest.raises(OutOfOrderError, match=message):
        builder.on_tick(START_NS + 4, 9.5, 9.75)
    assert builder.current == before
    assert builder.on_tick(START_NS + 5, 1.25, 1.75) is None  # equal times are in the order of arrival
    assert builder.current is not None
    assert builder.current.close == 1.25


def test_the_widest_spread_of_crossed_quotes_is_negative() -> None:
    (bar,) = bars_of([(START_NS, 1.75, 1.5, 0.0), (START_NS, 2.0, 1.5, 0.0)], SECOND_NS)
    assert bar.spread_max == -0.25


@pytest.mark.parametrize("period_ns", [0, -SECOND_NS])
def test_a_period_that_is_not_positive_is_refused(period_ns: int) -> None:
    with pytest.raises(ValueError, match=f"period of {period_ns} ns, expected more than 0"):
        BarBuilder(period_ns)
    with pytest.raises(ValueError, match=f"period of {period_ns} ns, expected more than 0"):
        merge([], period_ns)


def test_bars_are_merged_only_to_a_multiple_of_their_period() -> None:
    bars = bars_of([(START_NS, 1.5, 1.75, 0.0)], 2 * SECOND_NS)
    with pytest.raises(ValueError, match="period of 3000000000 ns, expected a multiple of the bar's 2000000000 ns"):
        merge(bars, 3 * SECOND_NS)
    assert merge(bars, 2 * SECOND_NS) == bars


def test_bars_that_do_not_ascend_are_refused() -> None:
    (bar,) = bars_of([(START_NS, 1.5, 1.75, 0.0)], SECOND_NS)
    earlier = structs.replace(bar, open_time_ns=START_NS - SECOND_NS)
    for second in (bar, earlier):
        with pytest.raises(OutOfOrderError, match=f"bar at {second.open_time_ns} ns, expected one after {START_NS} ns"):
            merge([bar, second], MINUTE_NS)
