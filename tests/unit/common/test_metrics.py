"""A process serves its latest metrics in the format of Prometheus."""

from __future__ import annotations

import socket
import urllib.request
from math import inf

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from common.errors import StartError
from common.metrics import TIMING_BOUNDS_NS, DurationHistogram, MetricKind, ProcessMetrics
from tests.support import ports


@pytest.fixture
def free_port() -> int:
    return ports.free_port()


def text_of(registry: CollectorRegistry) -> list[str]:
    return generate_latest(registry).decode().splitlines()


def get(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        return str(answer.read().decode())


def test_readings_appear_with_their_type_and_labels(free_port: int) -> None:
    board = ProcessMetrics("test")
    lots = board.gauge("position_lots", "Net position", "symbol")
    fills = board.external_counter("booked_fills_total", "Deals")
    board.serve(free_port)
    board.update(lambda: [(lots, -0.5, "EURUSD"), (fills, 3)])
    text = get(free_port)
    assert 'trading_test_position_lots{symbol="EURUSD"} -0.5' in text
    assert "# TYPE trading_test_booked_fills_total counter" in text
    assert "trading_test_booked_fills_total 3.0" in text
    assert "process_resident_memory_bytes" in text
    assert "trading_test_build_info{" in text


def test_counters_are_exported_as_zero_before_the_first_event(free_port: int) -> None:
    board = ProcessMetrics("test")
    refused = board.internal_counter("refused_calls_total", "Refused", "code", known=["A", "B"])
    board.serve(free_port)
    refused.inc("B", by=2)
    board.update(list)
    lines = text_of(board.registry())
    assert 'trading_test_refused_calls_total{code="A"} 0.0' in lines
    assert 'trading_test_refused_calls_total{code="B"} 2.0' in lines


def test_a_timing_becomes_a_cumulative_histogram(free_port: int) -> None:
    board = ProcessMetrics("test")
    seconds = board.histogram("commit_seconds", "Commits")
    timing = DurationHistogram()
    for duration_ns in (-1, 10_000, 10_001, 3_000_000_000, 60_000_000_000):
        timing.observe(duration_ns)
    board.serve(free_port)
    board.update(lambda: [(seconds, timing)])
    lines = text_of(board.registry())
    assert 'trading_test_commit_seconds_bucket{le="1e-05"} 2.0' in lines
    assert 'trading_test_commit_seconds_bucket{le="2e-05"} 3.0' in lines
    assert 'trading_test_commit_seconds_bucket{le="5.0"} 4.0' in lines
    assert 'trading_test_commit_seconds_bucket{le="+Inf"} 5.0' in lines
    assert "trading_test_commit_seconds_count 5.0" in lines
    assert "trading_test_commit_seconds_sum 63.000020001" in lines


def test_served_values_do_not_change_before_the_next_update(free_port: int) -> None:
    board = ProcessMetrics("test")
    seconds = board.histogram("commit_seconds", "Commits")
    timing = DurationHistogram()
    board.serve(free_port)
    board.update(lambda: [(seconds, timing)])
    timing.observe(1)
    assert "trading_test_commit_seconds_count 0.0" in text_of(board.registry())


def test_readings_are_not_collected_while_no_port_is_open() -> None:
    board = ProcessMetrics("test")
    board.serve(0)
    board.update(lambda: pytest.fail("the readings were collected"))
    assert list(board.collect()) == []
    assert {described.kind for described in board.described} == {MetricKind.GAUGE}


def test_a_port_in_use_is_named_in_the_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(StartError, match=f"127.0.0.1:{port}.*METRICS_PORT"):
            ProcessMetrics("test").serve(port)


def test_the_last_bound_is_infinite_and_cumulative_counts_never_fall() -> None:
    timing = DurationHistogram()
    for bound in TIMING_BOUNDS_NS:
        timing.observe(bound)
    bounds, counts = zip(*timing.cumulative(), strict=True)
    assert bounds[-1] == inf
    assert list(bounds) == sorted(bounds)
    assert list(counts) == [*range(1, len(TIMING_BOUNDS_NS) + 1), len(TIMING_BOUNDS_NS)]
