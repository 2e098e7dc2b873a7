"""The estimated time left, with a clock that the test sets."""

from __future__ import annotations

from orchestration.progress import Progress, TimeLeft, run_progress


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def left_after(clock: Clock, left: TimeLeft, seconds: float, done: float, total: float) -> float | None:
    clock.now += seconds
    return left.update(Progress(done=done, total=total))


def test_the_time_left_follows_from_the_rate_so_far() -> None:
    clock = Clock()
    left = TimeLeft(clock)
    assert left_after(clock, left, 0, 1_000, 5_000) is None
    assert left_after(clock, left, 10, 2_000, 5_000) == 30.0
    assert left_after(clock, left, 10, 5_000, 5_000) == 0.0


def test_work_done_before_the_first_update_is_not_in_the_rate() -> None:
    """A continued run begins at 4,000 of 5,000. Its first 100 take 10 s, so the remaining 900 take 90 s."""
    clock = Clock()
    left = TimeLeft(clock)
    left_after(clock, left, 0, 4_000, 5_000)
    assert left_after(clock, left, 10, 4_100, 5_000) == 90.0


def test_no_time_is_estimated_without_a_total_without_progress_or_in_the_first_half_second() -> None:
    clock = Clock()
    left = TimeLeft(clock)
    assert left_after(clock, left, 0, 0, 10) is None
    assert left_after(clock, left, 60, 1, 10) is None
    assert left_after(clock, left, 0.4, 5, 10) is None
    assert left_after(clock, left, 60, 1, 10) is None
    assert left_after(clock, left, 60, 5, 0) is None


def test_progress_of_a_run_has_orders_and_money_before_ticks() -> None:
    progress = run_progress(
        ticks=45_000, ticks_total=100_000, ticks_per_s=70_123.4, orders=849, fills=848, pnl="-1 USD"
    )
    assert progress.facts == (
        "849 orders",
        "P&L -1 USD",
        "45,000 of 100,000 ticks",
        "70,123 ticks/s",
        "848 fills",
    )
