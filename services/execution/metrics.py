"""Prometheus metrics of the execution process; docs/metrics.md describes them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from common.metrics import DurationHistogram, ProcessMetrics, Reading
from proto.messages import CallOutcome
from services.execution.core.courier import Courier

METRICS: Final = ProcessMetrics("execution")

CALLS: Final = METRICS.internal_counter("taken_calls_total", "Calls received from portfolio, including repetitions")
ANSWERS: Final = METRICS.internal_counter(
    "reported_answers_total", "Answers reported to portfolio, by outcome", "outcome", known=CallOutcome
)
REFUSED: Final = METRICS.internal_counter("refused_calls_total", "Calls refused because too many were waiting")
UNSENT: Final = METRICS.internal_counter(
    "unsent_requests_total", "Requests not sent because no gateway was connected or its queue was full, PING included"
)
MALFORMED: Final = METRICS.internal_counter(
    "malformed_frames_total", "Frames dropped because they could not be decoded", "socket", known=("command", "gateway")
)
DROPPED_REPORTS: Final = METRICS.internal_counter(
    "dropped_reports_total", "Reports dropped because too many waited for portfolio"
)
_IN_FLIGHT: Final = METRICS.gauge("in_flight_calls", "Calls sent to the gateway but not answered yet")
_WAITING: Final = METRICS.gauge("waiting_calls", "Calls not sent to the gateway yet")
_WAITING_REPORTS: Final = METRICS.gauge(
    "waiting_reports", "Reports not sent yet because portfolio is disconnected or does not read"
)
_GATEWAY_UP: Final = METRICS.gauge("gateway_up", "1 while the gateway answers")
_HEARTBEAT_AGE: Final = METRICS.gauge(
    "heartbeat_age_seconds",
    "Time since the gateway's last reply, or since the start if there was none; an idle gateway is sent a PING",
)
_ORDER_TO_GATEWAY: Final = METRICS.histogram(
    "order_to_gateway_seconds", "From the decision for an order to the first sending of its request to the gateway"
)
_ROUND_TRIP: Final = METRICS.histogram("round_trip_seconds", "From the sending of a request to the gateway's reply")

ORDER_TO_GATEWAY: Final = DurationHistogram()
"""Durations from the decision for an order to the sending of its request."""

ROUND_TRIP: Final = DurationHistogram()
"""Durations from the sending of a request to the gateway's reply."""


def update(courier: Courier, *, waiting_reports: int, mono_ns: int) -> None:
    """Set the gauges from the state of the process.

    Args:
        courier: the core of the process.
        waiting_reports: number of reports not sent to portfolio yet.
        mono_ns: current monotonic time.
    """
    METRICS.update(lambda: _readings(courier, waiting_reports, mono_ns))


def _readings(courier: Courier, waiting_reports: int, mono_ns: int) -> Iterator[Reading]:
    yield _IN_FLIGHT, courier.in_flight
    yield _WAITING, courier.waiting
    yield _WAITING_REPORTS, waiting_reports
    yield _GATEWAY_UP, int(courier.is_up and bool(courier.gateway_boot))
    yield _HEARTBEAT_AGE, (mono_ns - courier.heard_mono_ns) / 1e9
    yield _ORDER_TO_GATEWAY, ORDER_TO_GATEWAY
    yield _ROUND_TRIP, ROUND_TRIP
