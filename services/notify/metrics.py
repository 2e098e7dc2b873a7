"""Prometheus metrics of notify; docs/metrics.md describes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from common.metrics import ProcessMetrics, Reading
from services.notify.core.codes import KNOWN

METRICS: Final = ProcessMetrics("notify")

ALERTS: Final = METRICS.internal_counter("raised_alerts_total", "Alerts, by code", "code", known=KNOWN)
FAILED: Final = METRICS.internal_counter("failed_tries_total", "Tries that a target did not accept", "target")
SENT: Final = METRICS.internal_counter("sent_messages_total", "Messages that the target accepted", "target")
GIVEN_UP: Final = METRICS.internal_counter(
    "given_up_messages_total", "Messages that were given up, because no try succeeded within a day", "target"
)
_CALLS: Final = METRICS.external_counter(
    "heartbeat_calls_total", "Calls of the heartbeat address, by result", "outcome"
)
_WAITING: Final = METRICS.gauge("waiting_messages", "Messages that wait or are being tried", "target")
_OLDEST: Final = METRICS.gauge(
    "due_message_age_seconds",
    "Time since the oldest message of the target that is not sent was due; 0 if none",
    "target",
)
_OPEN: Final = METRICS.gauge("open_alerts", "Alerts above INFO that have not ended and nobody has acknowledged")
_UNSTORED: Final = METRICS.gauge("unstored_changes", "Changes that wait because notify.db cannot be written")


def init_series(targets: Mapping[str, object]) -> None:
    """Create the counters of the targets with the value 0."""
    for target in targets:
        for count in (FAILED, SENT, GIVEN_UP):
            count.inc(target, by=0)


def update(
    *,
    waiting: Mapping[str, int],
    age_ns: Mapping[str, int],
    open_alerts: int,
    unstored: int,
    calls: Mapping[str, int],
) -> None:
    """Set the gauges.

    Args:
        waiting: number of unfinished messages, by target.
        age_ns: time since the oldest unfinished message was due, by target.
        open_alerts: number of open alerts.
        unstored: number of changes that the file of notify lacks.
        calls: number of calls of the heartbeat address, by result.
    """
    METRICS.update(lambda: _readings(waiting, age_ns, open_alerts, unstored, calls))


def _readings(
    waiting: Mapping[str, int],
    age_ns: Mapping[str, int],
    open_alerts: int,
    unstored: int,
    calls: Mapping[str, int],
) -> Iterator[Reading]:
    for target, count in waiting.items():
        yield _WAITING, count, target
    for target, age in age_ns.items():
        yield _OLDEST, age / 1e9, target
    yield _OPEN, open_alerts
    yield _UNSTORED, unstored
    for outcome, count in calls.items():
        yield _CALLS, count, outcome
