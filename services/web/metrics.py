"""Prometheus metrics of the web process; docs/metrics.md describes them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from common.metrics import ProcessMetrics, Reading

METRICS: Final = ProcessMetrics("web")

_CLIENTS: Final = METRICS.gauge("live_connections", "Open WebSockets")


def update(*, clients: int) -> None:
    """Set the gauges; `clients` is the number of open WebSockets."""
    METRICS.update(lambda: _readings(clients))


def _readings(clients: int) -> Iterator[Reading]:
    yield _CLIENTS, clients
