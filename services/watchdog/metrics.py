"""Prometheus metrics of the watchdog; docs/metrics.md describes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from common.metrics import ProcessMetrics, Reading
from proto.control import CONDITION_KINDS

METRICS: Final = ProcessMetrics("watchdog")

KILLS: Final = METRICS.internal_counter(
    "killed_processes_total", "Processes killed because they hung, made no progress or did not start", "program"
)
DEATHS: Final = METRICS.internal_counter(
    "lost_processes_total",
    "Processes that ended without a request to stop, except with exit code 2 or 3 at their start",
    "program",
)
ALERTS: Final = METRICS.internal_counter(
    "raised_alerts_total",
    "Alerts, by kind: a problem of a process, or the code of a condition",
    "kind",
    known=("hang", "stall", "start", "backoff", "fatal", "refused", "crash-loop", *CONDITION_KINDS),
)
COMMANDS: Final = METRICS.internal_counter(
    "alert_commands_total",
    "Runs of ALERT_COMMAND, by result; dropped ones were not started",
    "outcome",
    known=("ok", "failed", "timeout", "dropped"),
)
_UP: Final = METRICS.gauge("process_up", "1 while the program has a running process, else 0", "program")
_SILENT: Final = METRICS.gauge(
    "heartbeat_age_seconds",
    "Time since the last heartbeat of the program's process, or since its start if there was none",
    "program",
)
_UNWRITTEN: Final = METRICS.gauge(
    "unwritten_alerts", "Records of alerts that wait in memory because the alert log cannot be written"
)


def init_series(program: str) -> None:
    """Create the counters of a program with the value 0."""
    KILLS.inc(program, by=0)
    DEATHS.inc(program, by=0)


def update(up: Mapping[str, bool], silent_ns: Mapping[str, int], *, unwritten: int) -> None:
    """Set the gauges from the state of the process.

    Args:
        up: whether the program has a running process, by program.
        silent_ns: time since the last heartbeat of the program's process, or since its first check, by program.
        unwritten: records that wait for the alert log.
    """
    METRICS.update(lambda: _readings(up, silent_ns, unwritten))


def _readings(up: Mapping[str, bool], silent_ns: Mapping[str, int], unwritten: int) -> Iterator[Reading]:
    yield _UNWRITTEN, unwritten
    for program, is_up in up.items():
        yield _UP, int(is_up), program
    for program, silent in silent_ns.items():
        yield _SILENT, silent / 1e9, program
