"""Validation of columns gives the same results as a loop over single rows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.tick_validation import (
    FAR_NS,
    FOLLOWERS,
    PRICE_MIN,
    REACH_ROWS,
    REASONS,
    RowValidator,
)
from proto.trading.units import PRICE_MAX, TIME_NS_MAX
from tests.unit.marketdata.verdicts import verdicts_at_once

MINUTE = FAR_NS
YEAR_2100 = 4_102_444_800_000_000_000
times = st.sampled_from([-1, 0, 1, 2, 3, 2 * MINUTE, 5 * MINUTE, TIME_NS_MAX, TIME_NS_MAX + 1])
prices = st.sampled_from([1.0, 1.1, 1.2, 0.0, -1.0, math.nan, math.inf, -math.inf, 1e-13, 1e13])
volumes = st.sampled_from([0.0, 0.0, 0.0, 5.0, -1.0, math.nan])
tables = st.lists(st.tuples(times, prices, prices, volumes), max_size=30)
few_values = st.lists(
    st.tuples(st.integers(1, 4), st.sampled_from([1.0, 1.1]), st.sampled_from([1.0, 1.1]), st.just(0.0)), max_size=30
)


def judged(rows: list[tuple[int, float, float, float]], *, accept_crossed: bool) -> list[str]:
    columns = [np.array(column) for column in zip(*rows, strict=True)] if rows else [np.zeros(0)] * 4
    time_ns, bid, ask, volume = columns
    verdict = verdicts_at_once(
        time_ns.astype(np.int64),
        bid.astype(np.float64),
        ask.astype(np.float64),
        volume.astype(np.float64),
        accept_crossed=accept_crossed,
    )
    return [REASONS[code] for code in verdict]


def judged_one_by_one(rows: list[tuple[int, float, float, float]], *, accept_crossed: bool) -> list[str]:
    alone = [judged_alone(row, accept_crossed=accept_crossed) for row in rows]
    last: tuple[int, float, float] | None = None
    reasons = []
    for place, (time_ns, bid, ask, _) in enumerate(rows):
        reason = alone[place]
        if not reason and is_far(place, rows, alone, last):
            reason = "far_future"
        elif not reason and last is not None and time_ns < last[0]:
            reason = "out_of_order"
        elif not reason and (time_ns, bid, ask) == last:
            reason = "duplicate"
        elif not reason:
            last = (time_ns, bid, ask)
        reasons.append(reason)
    return reasons


def judged_alone(row: tuple[int, float, float, float], *, accept_crossed: bool) -> str:
    time_ns, bid, ask, volume = row
    if not (math.isfinite(bid) and math.isfinite(ask) and math.isfinite(volume)):
        return "not_finite"
    if bid <= 0 or ask <= 0:
        return "not_positive"
    if not is_in_range(time_ns, bid, ask, volume):
        return "out_of_range"
    return "crossed" if bid > ask and not accept_crossed else ""


def is_far(
    place: int, rows: list[tuple[int, float, float, float]], alone: list[str], last: tuple[int, float, float] | None
) -> bool:
    """Whether most of the next `FOLLOWERS` valid rows are over a minute earlier, yet not before the row `last`."""
    after = [row[0] for row, reason in zip(rows[place + 1 :], alone[place + 1 :], strict=True) if not reason]
    after = after[:FOLLOWERS]
    fitting = [time for time in after if (last is None or time >= last[0]) and time < rows[place][0] - FAR_NS]
    return 2 * len(fitting) > len(after)


def is_in_range(time_ns: int, bid: float, ask: float, volume: float) -> bool:
    prices_fit = min(bid, ask) >= PRICE_MIN and max(bid, ask) <= PRICE_MAX
    return prices_fit and 0 <= volume <= PRICE_MAX and 0 <= time_ns <= TIME_NS_MAX


@given(rows=st.one_of(tables, few_values), accept_crossed=st.booleans())
def test_columns_are_validated_like_rows_one_by_one(
    rows: list[tuple[int, float, float, float]], accept_crossed: bool
) -> None:
    assert judged(rows, accept_crossed=accept_crossed) == judged_one_by_one(rows, accept_crossed=accept_crossed)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ((5, 1.1, 1.0, 0.0), "crossed"),
        ((5, math.nan, 1.0, 0.0), "not_finite"),
        ((5, 0.0, 1.0, 0.0), "not_positive"),
        ((4, 1.0, 1.1, 0.0), "out_of_order"),
        ((5, 1.0, 1.1, 0.0), "duplicate"),
        ((5, 1.0, 1.2, 0.0), ""),
    ],
)
def test_a_row_is_compared_with_the_last_accepted_row(row: tuple[int, float, float, float], reason: str) -> None:
    assert judged([(5, 1.0, 1.1, 0.0), row], accept_crossed=False) == ["", reason]


def test_a_row_after_a_rejected_row_is_not_out_of_order() -> None:
    rows = [(5, 1.0, 1.1, 0.0), (9, 1.1, 1.0, 0.0), (6, 1.0, 1.1, 0.0)]
    assert judged(rows, accept_crossed=False) == ["", "crossed", ""]


def good_rows(times_ns: list[int]) -> list[tuple[int, float, float, float]]:
    return [(time_ns, 1.0 + number / 1e6, 1.1 + number / 1e6, 0.0) for number, time_ns in enumerate(times_ns)]


@pytest.mark.parametrize("place", [0, 1, 500, 998])
@pytest.mark.parametrize("wrong", [1, 3])
def test_rows_far_in_the_future_are_rejected_and_the_rest_is_not(place: int, wrong: int) -> None:
    """A row is compared with later rows, so that in each case good rows follow the wrong ones."""
    rows = good_rows([number * 1_000_000_000 for number in range(1_000 - wrong)])
    far = [(YEAR_2100 + number, 1.0, 1.1, 0.0) for number in range(wrong)]
    place = min(place, len(rows) - wrong - 1)
    expected = [*[""] * place, *["far_future"] * wrong, *[""] * (len(rows) - place)]
    assert judged([*rows[:place], *far, *rows[place:]], accept_crossed=False) == expected


def test_a_market_that_continues_far_ahead_is_accepted() -> None:
    """If more than half of the followers continue at the later time, rows at the earlier time are out of order."""
    before = good_rows([number * 1_000_000_000 for number in range(200)])
    ahead = good_rows([YEAR_2100 + number * 1_000_000_000 for number in range(FOLLOWERS // 2 + 1)])
    after = good_rows([(200 + number) * 1_000_000_000 for number in range(200)])
    verdict = judged([*before, *ahead, *after], accept_crossed=False)
    assert verdict == [*[""] * (len(before) + len(ahead)), *["out_of_order"] * len(after)]


def test_a_row_less_than_a_minute_ahead_is_accepted_and_the_next_rows_are_out_of_order() -> None:
    rows = good_rows([0, 10, 50 * 1_000_000_000, 20, 30, 51 * 1_000_000_000])
    assert judged(rows, accept_crossed=False) == ["", "", "", "out_of_order", "out_of_order", ""]


def test_an_earlier_day_after_a_later_one_is_out_of_order() -> None:
    second = good_rows([86_400_000_000_000 + number * 1_000_000_000 for number in range(300)])
    first = good_rows([number * 1_000_000_000 for number in range(300)])
    assert judged([*second, *first], accept_crossed=False) == [*[""] * 300, *["out_of_order"] * 300]


def test_far_rows_are_named_and_rows_in_memory_stay_bounded() -> None:
    validator = RowValidator(accept_crossed=False)
    ahead = np.array([5, YEAR_2100], dtype=np.int64)
    ones = np.ones(REACH_ROWS)
    validator.validate(ahead, ones[:2], ones[:2], ones[:2])
    crossed = np.full(REACH_ROWS, 6, dtype=np.int64)
    decided = sum(len(validator.validate(crossed, 2 * ones, ones, ones)) for _ in range(10))
    assert decided == 2 + 10 * REACH_ROWS
    assert validator.far_rows == []  # no valid row has followed within `REACH_ROWS`
    validator = RowValidator(accept_crossed=False)
    validator.validate(np.array([5, YEAR_2100, 6], dtype=np.int64), *[ones[:3] * price for price in (1.0, 1.1, 0.0)])
    validator.finish()
    assert validator.far_rows == [(2, YEAR_2100)]
