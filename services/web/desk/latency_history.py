"""Latency of each hop over time: a point each ten seconds, stored in the history file.

A point has the observations between two replies of the same portfolio process: their number, p50 and p99. The first
reply of a process has no predecessor, so after a restart of portfolio, or of the web process, up to two intervals have
no point. The history does not depend on connected clients.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from common import clock
from proto.control import LatencyQuery
from proto.control.views import LatencyReply
from proto.latency_buckets import counts_between, quantile_us
from proto.time import DAY_NS
from services.web.api.tables import LatencyPoint
from services.web.desk.portfolio_client import DeskRefusedError, DeskSilentError, PortfolioClient
from services.web.market.history_file import HistoryFile
from services.web.read_model.thinning import thin

EVERY_S: Final = 10.0
"""Length of an interval in seconds."""

KEPT_NS: Final = 30 * DAY_NS
"""How long points are kept."""

READ_POINTS_MAX: Final = 50_000
"""Largest number of points that one request reads: six days of one hop."""


class LatencyHistory:
    """Queries the counts of latencies, and stores quantiles of their differences."""

    def __init__(
        self, client: PortfolioClient, file: HistoryFile, *, wall_ns: Callable[[], int] = clock.wall_ns
    ) -> None:
        """Keep points in `file`.

        Args:
            client: sends the queries.
            file: the history file.
            wall_ns: returns UTC nanoseconds.
        """
        self._client = client
        self._file = file
        self._wall_ns = wall_ns
        self._before: LatencyReply | None = None

    async def run(self) -> None:
        """Query at the end of each interval, until canceled."""
        while True:
            await self.ask()
            await asyncio.sleep(EVERY_S)

    async def ask(self) -> None:
        """Query the counts, and store the points of the interval since the last reply.

        Raises:
            apsw.Error: the file cannot be written.
        """
        before = self._before
        try:
            self._before = after = await self._client.ask(LatencyQuery(), LatencyReply)
        except (DeskSilentError, DeskRefusedError):
            self._before = None  # the next interval would be longer than the others
            return
        if before is not None and before.since_mono_ns == after.since_mono_ns:
            points = interval_points(before, after)
            await asyncio.to_thread(self._store, points)

    def points(self, hop: str, from_ns: int, *, width: int) -> list[LatencyPoint]:
        """The points of a hop since wall time `from_ns`, in order, thinned to the extremes of p99.

        At most the last `READ_POINTS_MAX` are read, which takes some tenths of a second: call it in a thread.

        Args:
            hop: the hop.
            from_ns: UTC nanoseconds of the wall clock.
            width: number of intervals that keep their extremes, > 0.

        Raises:
            apsw.Error: the file cannot be read.
            ValueError: the width is not positive.
        """
        rows = self._file.read(
            "SELECT time_ns, count, p50_us, p99_us FROM latencies WHERE hop = ? AND time_ns >= ? "
            "ORDER BY time_ns DESC LIMIT ?",
            (hop, from_ns, READ_POINTS_MAX),
        )
        return thin([(time_ns, count, p50_us, p99_us) for time_ns, count, p50_us, p99_us in reversed(rows)], width)

    def hops(self) -> list[str]:
        """The names of the hops with points.

        Raises:
            apsw.Error: the file cannot be read.
        """
        return [hop for (hop,) in self._file.read("SELECT DISTINCT hop FROM latencies ORDER BY hop", ())]

    def _store(self, points: dict[str, tuple[int, float, float]]) -> None:
        now_ns = self._wall_ns()
        self._file.write(
            [
                (
                    "INSERT OR REPLACE INTO latencies VALUES (?, ?, ?, ?, ?)",
                    [(hop, now_ns, *point) for hop, point in points.items()],
                ),
                ("DELETE FROM latencies WHERE hop = ? AND time_ns < ?", [(hop, now_ns - KEPT_NS) for hop in points]),
            ]
        )


def interval_points(before: LatencyReply, after: LatencyReply) -> dict[str, tuple[int, float, float]]:
    """Count, p50 and p99 in microseconds of the observations between two replies of one process, by hop.

    A hop without observations has no point.
    """
    points: dict[str, tuple[int, float, float]] = {}
    for hop, counts in after.hops.items():
        between = counts_between(before.hops.get(hop, []), counts)
        if between:
            count = sum(number for _, number in between)
            points[hop] = (count, quantile_us(between, 0.5), quantile_us(between, 0.99))
    return points
