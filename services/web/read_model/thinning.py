"""Thins a line of points to the width of a chart, and keeps the extremes.

The time from the first to the last point is divided into `width` equal intervals, one for each pixel. Of each interval
the first and the last point and those with the lowest and the highest value remain. A line through them covers the same
pixels as a line through all points.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeVar

POINTS_PER_INTERVAL: Final = 4
"""Largest number of points that remain of an interval: the first, lowest, highest and last one."""

P = TypeVar("P", bound=Sequence[Any])


def thin(points: Sequence[P], width: int) -> list[P]:
    """Return at most 4 x `width` points in order; all points if there are no more than that.

    Args:
        points: points in the order of time. The first element of a point is its time in nanoseconds, the last its
            value, a number or None where it is not known. An unknown value is no extreme.
        width: number of intervals, > 0, such as the width of a chart in pixels.

    Raises:
        ValueError: the width is not positive.
    """
    if width < 1:
        raise ValueError(f"width is {width}, expected 1 or more")
    if len(points) <= POINTS_PER_INTERVAL * width:
        return list(points)
    return list(thin_stream(points, width, first_ns=points[0][0], last_ns=points[-1][0]))


def thin_stream(points: Iterable[P], width: int, *, first_ns: int, last_ns: int) -> Iterable[P]:
    """Yield the points that remain of a line, which need not be in memory as a whole.

    Args:
        points: points as `thin` takes them.
        width: number of intervals, > 0.
        first_ns: time of the first point.
        last_ns: time of the last point.
    """
    span_ns = last_ns - first_ns + 1
    bucket: list[P] = []
    number = -1
    for point in points:
        at = (point[0] - first_ns) * width // span_ns
        if at != number:
            yield from bucket
            bucket, number = [point], at
        else:
            bucket = _remaining([*bucket, point])
    yield from bucket


def _remaining(points: list[P]) -> list[P]:
    """The first, lowest, highest and last of a few points, each once, in their order."""
    known = [at for at, point in enumerate(points) if point[-1] is not None]
    kept = {0, len(points) - 1}
    if known:
        kept |= {min(known, key=lambda at: points[at][-1]), max(known, key=lambda at: points[at][-1])}
    return [points[at] for at in sorted(kept)]
