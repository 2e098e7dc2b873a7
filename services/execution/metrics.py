"""Prometheus metrics of the execution process; docs/metrics.md describes them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from common.metrics import DurationHistogram, ProcessMetrics, Reading
from proto.messages import CallOutcome
from services.execution.core.courier import Courier

METRICS: Final = ProcessMetrics("execution")

CALLS: Final = METRICS.internal_counter("taken_calls_total", "Calls taken over from portfolio, repetitions included")
ANSWERS: Final = METRICS.internal_counter(
    "reported_answers_total", "Answers reported, by outcome", "outcome", known=CallOutcome
)
REFUSED: Final = METRICS.internal_counter("refused_calls_total", "Calls refused because too many were under way")
NOT_TAKEN: Final = METRICS.internal_counter("unsent_requests_total", "Requests for which no gateway was connected")
MALFORMED: Final = METRICS.internal_counter(
    "malformed_frames_total", "Frames dropped because they are no message", "socket", known=("command", "gateway")
)
DROPPED_REPORTS: Final = METRICS.internal_counter(
    "dropped_reports_total", "Reports dropped because portfolio stayed away"
)
_IN_FLIGHT: Final = METRICS.gauge("in_flight_calls", "Calls sent to the gateway and not answered")
_WAITING: Final = METRICS.gauge("waiting_calls", "Calls not sent yet")
_KEPT: Final = METRICS.gauge("waiting_reports", "Reports kept while portfolio is disconnected")
_GATEWAY_UP: Final = METRICS.gauge("gateway_up", "1 while the gateway answers")
_HEARTBEAT_AGE: Final = METRICS.gauge(
    "heartbeat_age_seconds", "Time since the gateway was last heard, or since the start; an idle one is pinged"
)
_ORDER_TO_GATEWAY: Final = METRICS.histogram(
    "order_to_gateway_seconds", "From the decision for an order to its request being handed to the gateway's socket"
)
_ROUND_TRIP: Final = METRICS.histogram("round_trip_seconds", "From a request being sent to the gateway's reply")

ORDER_TO_GATEWAY: Final = DurationHistogram()
ROUND_TRIP: Final = DurationHistogram()


def update(courier: Courier, *, waiting_reports: int, mono_ns: int) -> None:
    """Set the gauges from the state of the process.

    Args:
        courier: the core.
        waiting_reports: kept by the shell while portfolio is disconnected.
        mono_ns: the monotonic clock.
    """
    METRICS.update(lambda: _readings(courier, waiting_reports, mono_ns))


def _readings(courier: Courier, waiting_reports: int, mono_ns: int) -> Iterator[Reading]:
    yield _IN_FLIGHT, courier.in_flight
    yield _WAITING, courier.waiting
    yield _KEPT, waiting_reports
    yield _GATEWAY_UP, int(courier.is_up and bool(courier.gateway_boot))
    yield _HEARTBEAT_AGE, (mono_ns - courier.heard_mono_ns) / 1e9
    yield _ORDER_TO_GATEWAY, ORDER_TO_GATEWAY
    yield _ROUND_TRIP, ROUND_TRIP
