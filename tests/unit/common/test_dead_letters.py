"""Malformed messages are counted by socket and logged with the beginning of their payload."""

from __future__ import annotations

from structlog.testing import capture_logs

from common.dead_letters import drop_malformed
from common.metrics import CounterMetric, MetricKind, MetricSpec


def test_a_malformed_message_is_counted_and_its_payload_logged() -> None:
    counter = CounterMetric(MetricSpec("frames_total", MetricKind.COUNTER, "Frames", ("socket",)), ("market",))
    with capture_logs() as logs:
        drop_malformed("market", [b"tick.EURUSD", b"\xff" * 40], ValueError("x" * 300), counter=counter)
    assert [(value, *labels) for _, value, *labels in counter.readings()] == [(1, "market")]
    [line] = logs
    assert line == {
        "event": "dropped malformed message",
        "log_level": "warning",
        "socket": "market",
        "error": "x" * 200,
        "frames": 2,
        "bytes": 51,
        "begins": "ff" * 32,
    }


def test_a_message_without_frames_is_logged_without_a_payload() -> None:
    with capture_logs() as logs:
        drop_malformed("control", [], "no frame")
    assert logs[0]["begins"] == ""
