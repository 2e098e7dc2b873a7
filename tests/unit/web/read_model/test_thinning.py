"""Thinning keeps the extremes of each interval, and the first and last point."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.web.read_model.thinning import thin

POINTS = st.lists(
    st.tuples(st.integers(0, 10_000), st.none() | st.integers(-100, 100)),
    max_size=300,
    unique_by=lambda point: point[0],
).map(sorted)


def test_few_points_remain() -> None:
    points = [(1, 5), (2, 9), (3, 1)]
    assert thin(points, 1) == points
    assert thin([], 10) == []


def test_an_interval_keeps_four_points() -> None:
    points = [(time_ns, value) for time_ns, value in enumerate([5, 9, 6, 7, 1, 6, 4, 5])]
    assert thin(points, 1) == [(0, 5), (1, 9), (4, 1), (7, 5)]


def test_an_unknown_value_is_no_extreme() -> None:
    points = [(0, 5), (1, None), (2, 7), (3, None), (4, 1), (5, None), (6, None)]
    assert thin(points, 1) == [(0, 5), (2, 7), (4, 1), (6, None)]


@given(POINTS, st.integers(1, 20))
def test_the_extremes_of_each_interval_remain(points: list[tuple[int, int | None]], width: int) -> None:
    thinned = thin(points, width)
    assert len(thinned) <= max(4 * width, len(points) if len(points) <= 4 * width else 0)
    assert thinned == [point for point in points if point in set(thinned)]
    if not points:
        return
    assert (thinned[0], thinned[-1]) == (points[0], points[-1])
    first, span = points[0][0], points[-1][0] - points[0][0] + 1
    for number in range(width):
        inside = [v for t, v in points if (t - first) * width // span == number and v is not None]
        kept = [v for t, v in thinned if (t - first) * width // span == number and v is not None]
        if inside:
            assert (min(inside), max(inside)) == (min(kept), max(kept))


def test_a_width_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="width is 0, expected 1 or more"):
        thin([(0, 1)], 0)
