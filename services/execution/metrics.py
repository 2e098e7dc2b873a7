"""What the execution process counts."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

CALLS = Counter("trading_execution_calls_total", "Calls taken over from portfolio")
ANSWERS = Counter("trading_execution_answers_total", "Answers reported, by outcome", ["outcome"])
REFUSED = Counter("trading_execution_refused_calls_total", "Calls refused because too many were under way")
NOT_TAKEN = Counter("trading_execution_unsent_total", "Sends for which no gateway was connected")
MALFORMED = Counter(
    "trading_execution_malformed_frames_total", "Frames dropped because they are no message", ["socket"]
)
DROPPED_REPORTS = Counter("trading_execution_dropped_reports_total", "Reports dropped because portfolio stayed away")
IN_FLIGHT = Gauge("trading_execution_in_flight_calls", "Calls sent to the gateway and not answered")
WAITING = Gauge("trading_execution_waiting_calls", "Calls not sent yet")
GATEWAY_UP = Gauge("trading_execution_gateway_up", "1 while the gateway answers")
