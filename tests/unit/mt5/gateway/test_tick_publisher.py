"""Publication by window and by pace, and repetition of unconfirmed ticks, on a clock that the test advances."""

from __future__ import annotations

import pytest

from proto.time import Now
from services.mt5.core.gateway.tick_publisher import BURST_TICKS_MAX, Pace, TickPublisher
from tests.unit.mt5.builders import SECOND_NS, START_NS, a_stream

MS = 1_000_000


class Market:
    """A publisher and a clock that the test advances."""

    def __init__(self, pace: Pace, *, ticks: int = 10, book_ordinal: int = 0) -> None:
        stream = a_stream(*(1.1 + n / 1000 for n in range(ticks)))
        self.publisher = TickPublisher(
            stream=stream,
            stream_id="stream-1",
            publisher="mt5",
            boot_id="boot-1",
            pace=pace,
            book_ordinal=book_ordinal,
        )
        self.ms = 1_000

    @property
    def now(self) -> Now:
        return Now(domain_ns=0, mono_ns=self.ms * MS)

    def confirm(self, ordinal: int) -> None:
        self.publisher.confirm(ordinal, self.now)

    def out(self) -> list[int]:
        """Ordinals of the ticks to publish now."""
        return [tick.ordinal for tick in self.publisher.on_timer(self.now)]

    def wait(self, ms: int) -> None:
        self.ms += ms


def test_nothing_is_published_before_the_first_confirm() -> None:
    market = Market(Pace(window=3))
    market.wait(60_000)
    assert market.out() == []
    assert market.publisher.next_timer() is None


@pytest.mark.parametrize(("window", "expected"), [(1, [1]), (3, [1, 2, 3]), (5_000, list(range(1, 11)))])
def test_confirm_0_publishes_the_first_window(window: int, expected: list[int]) -> None:
    market = Market(Pace(window=window))
    market.confirm(0)
    assert market.out() == expected
    assert market.out() == []
    assert market.publisher.published == expected[-1]


def test_each_confirm_publishes_the_next_ticks_of_the_window() -> None:
    market = Market(Pace(window=2))
    market.confirm(0)
    assert market.out() == [1, 2]
    market.confirm(1)
    assert market.out() == [3]
    market.confirm(3)
    assert market.out() == [4, 5]


def test_a_lower_confirm_changes_nothing() -> None:
    market = Market(Pace(window=1))
    market.confirm(0)
    market.out()
    market.confirm(1)
    market.out()
    market.confirm(0)
    assert market.out() == []
    assert market.publisher.confirmed == 1


def test_the_oldest_unconfirmed_tick_is_repeated_at_growing_intervals() -> None:
    market = Market(Pace(window=2))
    market.confirm(0)
    assert market.out() == [1, 2]
    times = []
    for _ in range(3_000):
        market.wait(1)
        if market.out() == [1]:
            times.append(market.ms - 1_000)
    assert times == [200, 600, 1_400, 2_400]


def test_a_confirm_resets_the_interval_of_repetition() -> None:
    market = Market(Pace(window=2))
    market.confirm(0)
    market.out()
    market.wait(200)
    assert market.out() == [1]
    market.confirm(1)
    assert market.out() == [3]
    market.wait(199)
    assert market.out() == []
    market.wait(1)
    assert market.out() == [2]


def test_nothing_is_repeated_when_all_ticks_are_confirmed() -> None:
    market = Market(Pace(window=2), ticks=2)
    market.confirm(0)
    assert market.out() == [1, 2]
    market.confirm(2)
    market.wait(10_000)
    assert market.out() == []
    assert market.publisher.next_timer() is None


def test_next_timer_is_the_time_of_the_next_publication() -> None:
    market = Market(Pace(window=1))
    market.confirm(0)
    assert market.publisher.next_timer() == 0
    market.out()
    assert market.publisher.next_timer() == (1_000 + 200) * MS


def test_a_repeated_tick_differs_only_in_its_time_of_publication() -> None:
    market = Market(Pace(window=1))
    market.confirm(0)
    [first] = market.publisher.on_timer(market.now)
    market.wait(200)
    [again] = market.publisher.on_timer(market.now)
    names = [name for name in first.__struct_fields__ if name != "published_mono_ns"]
    assert [getattr(first, name) for name in names] == [getattr(again, name) for name in names]
    assert again.published_mono_ns > first.published_mono_ns
    assert first.time_ns == START_NS


def test_a_paced_tick_waits_for_its_time() -> None:
    """Ticks are a second apart; at factor 4 they are published every 250 ms."""
    market = Market(Pace(window=1, factor=4.0))
    market.confirm(0)
    assert market.out() == [1]
    market.confirm(1)
    assert market.out() == []
    assert market.publisher.next_timer() == (1_000 + 250) * MS
    market.wait(250)
    assert market.out() == [2]


def test_ticks_that_became_due_before_a_late_confirm_are_published_without_further_delay() -> None:
    market = Market(Pace(window=1, factor=1.0))
    market.confirm(0)
    assert market.out() == [1]
    market.wait(2_500)
    market.confirm(1)
    assert market.out() == [2]
    market.confirm(2)
    assert market.out() == [3]
    market.confirm(3)
    assert market.out() == []


def test_a_live_stream_is_published_without_confirms() -> None:
    market = Market(Pace(window=0, factor=1.0), ticks=3)
    assert market.out() == [1]
    market.wait(1_000)
    assert market.out() == [2]
    market.wait(5_000)
    assert market.out() == [3]
    assert market.publisher.next_timer() is None


def test_the_clock_of_a_live_market_continues_from_the_time_of_its_ticks() -> None:
    market = Market(Pace(window=0, factor=2.0))
    market.out()
    market.wait(250)
    assert market.publisher.market_time_ns(market.now.mono_ns) == START_NS + SECOND_NS // 2


def test_a_live_stream_continues_after_the_books_tick() -> None:
    market = Market(Pace(window=0, factor=1.0), book_ordinal=4)
    assert market.out() == [5]


def test_the_clock_of_a_live_market_advances_after_a_restart_at_the_last_tick() -> None:
    """Otherwise deadlines in venue time would never pass."""
    market = Market(Pace(window=0, factor=1.0), ticks=3, book_ordinal=3)
    assert market.out() == []
    market.wait(10_000)
    assert market.publisher.market_time_ns(market.now.mono_ns) == START_NS + (2 + 10) * SECOND_NS


def test_a_burst_is_published_in_parts() -> None:
    market = Market(Pace(window=5_000), ticks=BURST_TICKS_MAX + 5)
    market.confirm(0)
    assert len(market.out()) == BURST_TICKS_MAX
    assert market.publisher.next_timer() == 0
    assert len(market.out()) == 5


def test_a_restarted_publisher_repeats_the_books_tick_after_the_first_confirm() -> None:
    market = Market(Pace(window=2), book_ordinal=5)
    assert (market.publisher.published, market.publisher.confirmed) == (5, 4)
    assert market.out() == []
    market.confirm(4)
    assert market.out() == [5, 6]


def test_a_restarted_publisher_continues_after_the_confirmed_tick() -> None:
    market = Market(Pace(window=1), book_ordinal=2)
    assert market.publisher.has_tick(7)
    assert not market.publisher.has_tick(11)
    market.confirm(7)
    assert market.out() == [8]


def test_a_restarted_publisher_accepts_two_confirms_in_the_wrong_order() -> None:
    """A delayed lower CONFIRM arrives first and starts publication; the higher one still counts."""
    market = Market(Pace(window=1), book_ordinal=2)
    market.confirm(3)
    assert market.out() == [4]
    assert market.publisher.has_tick(7)
    market.confirm(7)
    assert market.out() == [8]
