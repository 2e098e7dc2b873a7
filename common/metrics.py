"""The port on which a process shows its counters to Prometheus.

What is counted stands in `services/X/metrics.py`, named `trading_<service>_<noun>_<unit>[_total]`.
"""

from __future__ import annotations

import prometheus_client

from common.errors import StartError


def start(port: int, host: str = "127.0.0.1") -> None:
    """Serve the metrics of this process on http://host:port/metrics; port 0 means not at all.

    Raises:
        StartError: the port cannot be had.
    """
    if port == 0:
        return
    try:
        prometheus_client.start_http_server(port, addr=host)
    except OSError as error:
        raise StartError(
            f"cannot serve metrics on {host}:{port}: {error.strerror}; expected a free port (setting METRICS_PORT_...)"
        ) from None
