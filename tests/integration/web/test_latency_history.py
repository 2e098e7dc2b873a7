"""Latencies of intervals, from cumulative counts over a real control socket, across a restart of portfolio."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from proto.control import ControlReply, ControlRequest
from proto.control.views import LatencyReply
from proto.latency_buckets import quantile_us
from proto.time import DAY_NS, SECOND_NS
from services.web.desk.latency_history import LatencyHistory
from services.web.desk.portfolio_client import PortfolioClient
from services.web.market.history_file import HistoryFile
from tests.support.socket_servers import serve_control

BEGIN_NS = 100 * DAY_NS


@pytest.fixture
def file(tmp_path: Path) -> Iterator[HistoryFile]:
    opened = HistoryFile(tmp_path)
    yield opened
    opened.close()


def history_of(file: HistoryFile, url: str, replies: list[LatencyReply | None], *, step_ns: int) -> LatencyHistory:
    """A history after a query for each of the replies; None is a missing reply."""
    left = iter(replies)
    now_ns = [BEGIN_NS]

    def answer(_request: ControlRequest) -> ControlReply | None:
        return next(left)

    async def main(history: LatencyHistory) -> None:
        for _ in replies:
            await history.ask()
            now_ns[0] += step_ns

    client = PortfolioClient(url, timeout_s=0.3)
    history = LatencyHistory(client, file, wall_ns=lambda: now_ns[0])
    try:
        with serve_control(url, answer):
            asyncio.run(main(history))
    finally:
        client.close()
    return history


def a_reply(since_ns: int = 1, **hops: list[tuple[int, int]]) -> LatencyReply:
    return LatencyReply(since_mono_ns=since_ns, hops=hops)


def test_a_point_has_the_observations_of_its_interval(file: HistoryFile, tmp_path: Path) -> None:
    replies: list[LatencyReply | None] = [
        a_reply(tick_to_order=[(100, 5)]),
        a_reply(tick_to_order=[(100, 7), (200, 1)], order_to_fill=[(300, 1)]),
        a_reply(tick_to_order=[(100, 7), (200, 1)], order_to_fill=[(300, 1)]),
    ]
    history = history_of(file, f"ipc://{tmp_path}/c.ipc", replies, step_ns=10 * SECOND_NS)
    interval = [(100, 2), (200, 1)]
    assert history.points("tick_to_order", 0, width=100) == [
        (BEGIN_NS + 10 * SECOND_NS, 3, quantile_us(interval, 0.5), quantile_us(interval, 0.99))
    ]
    assert history.hops() == ["order_to_fill", "tick_to_order"]
    assert history.points("tick_to_order", BEGIN_NS + 11 * SECOND_NS, width=100) == []


def test_another_process_and_a_missing_reply_begin_a_new_interval(file: HistoryFile, tmp_path: Path) -> None:
    replies = [
        a_reply(1, hop=[(100, 5)]),
        a_reply(2, hop=[(100, 1)]),
        a_reply(2, hop=[(100, 3)]),
        None,
        a_reply(2, hop=[(100, 9)]),
        a_reply(2, hop=[(100, 10)]),
    ]
    history = history_of(file, f"ipc://{tmp_path}/c.ipc", replies, step_ns=10 * SECOND_NS)
    assert [count for _, count, _, _ in history.points("hop", 0, width=100)] == [2, 1]


def test_old_points_are_deleted(file: HistoryFile, tmp_path: Path) -> None:
    replies: list[LatencyReply | None] = [a_reply(hop=[(100, count)]) for count in (1, 2, 3)]
    history = history_of(file, f"ipc://{tmp_path}/c.ipc", replies, step_ns=40 * DAY_NS)
    assert [time_ns for time_ns, _, _, _ in history.points("hop", 0, width=100)] == [BEGIN_NS + 80 * DAY_NS]


def test_points_are_thinned_to_the_extremes_of_p99(file: HistoryFile, tmp_path: Path) -> None:
    replies: list[LatencyReply | None] = [
        a_reply(hop=[(bucket, 1) for bucket in range(100, 100 + 20 * count, 20)]) for count in range(12)
    ]
    history = history_of(file, f"ipc://{tmp_path}/c.ipc", replies, step_ns=10 * SECOND_NS)
    every, thinned = history.points("hop", 0, width=100), history.points("hop", 0, width=1)
    assert len(every) == 11
    assert thinned == [every[0], every[-1]], "p99 rises, so that the extremes are the first and the last point"
