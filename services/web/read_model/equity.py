"""The equity curve: the ledger's equity points, thinned to the width of a chart while they are read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final

import apsw

from common.errors import StartError, error_text
from services.portfolio.ledger.equity_points import END_NS, read_equity_points
from services.portfolio.ledger.ledger import open_ledger
from services.web.api.tables import EquityCurve, EquityPoint
from services.web.read_model.thinning import POINTS_PER_INTERVAL, thin_stream

POINTS_PER_READ: Final = 10_000
"""Number of points read in one read transaction of the ledger, about a week of minutes."""


def read_equity(
    path: Path, *, from_ns: int | None, to_ns: int | None, width: int, portion: int = POINTS_PER_READ
) -> EquityCurve:
    """Return the points in an interval, of which at most 4 x `width` remain, with the extremes of the equity.

    Args:
        path: the ledger.
        from_ns: first time, UTC nanoseconds of the venue's clock; None for the first point.
        to_ns: last time; None for the last point.
        width: width of the chart in pixels, > 0.
        portion: number of points read in one read transaction, > 0.

    Raises:
        StartError: the ledger does not exist or cannot be read, or a point is damaged.
        ValueError: the width is not positive.
    """
    if width < 1:
        raise ValueError(f"width is {width}, expected 1 or more")
    begin, end = from_ns or 0, END_NS if to_ns is None else to_ns + 1
    try:
        bounds = _bounds(path, begin, end)
        if bounds is None:
            return EquityCurve(points=[], thinned=False, of=0)
        first_ns, last_ns = bounds
        counted = _Counted(_points(path, first_ns, last_ns + 1, portion))
        head = list(islice(counted, POINTS_PER_INTERVAL * width + 1))
        if len(head) > POINTS_PER_INTERVAL * width:
            head = list(thin_stream(chain(head, counted), width, first_ns=first_ns, last_ns=last_ns))
    except apsw.Error as error:
        raise StartError(f"{path} cannot be read: {error_text(error)}") from None
    return EquityCurve(points=head, thinned=len(head) < counted.count, of=counted.count)


def last_point_ns(path: Path) -> int:
    """Return the time of the last point; 0 without one.

    Raises:
        StartError: the ledger does not exist or cannot be read.
    """
    try:
        bounds = _bounds(path, 0, END_NS)
    except apsw.Error as error:
        raise StartError(f"{path} cannot be read: {error_text(error)}") from None
    return 0 if bounds is None else bounds[1]


class _Counted:
    """Counts the points that pass."""

    def __init__(self, points: Iterator[EquityPoint]) -> None:
        self._points = points
        self.count = 0

    def __iter__(self) -> Iterator[EquityPoint]:
        return self

    def __next__(self) -> EquityPoint:
        point = next(self._points)
        self.count += 1
        return point


def _bounds(path: Path, begin: int, end: int) -> tuple[int, int] | None:
    """Return the times of the first and the last point from `begin` to before `end`."""
    with closing(open_ledger(path)) as db:
        row: Any = db.execute(
            "SELECT (SELECT min(time_ns) FROM equity_points WHERE time_ns >= ?1 AND time_ns < ?2), "
            "(SELECT max(time_ns) FROM equity_points WHERE time_ns >= ?1 AND time_ns < ?2)",
            (begin, end),
        ).fetchone()
    return None if row[0] is None else (row[0], row[1])


def _points(path: Path, begin: int, end: int, portion: int) -> Iterator[EquityPoint]:
    """Yield the points, read in portions so that no transaction of the ledger lasts long."""
    while True:
        with closing(open_ledger(path)) as db, db:
            found = read_equity_points(db, begin, end, limit=portion)
        for point in found:
            yield point.time_ns, point.balance, point.equity
        if len(found) < portion:
            return
        begin = found[-1].time_ns + 1
