"""Entry point of the web process."""

from __future__ import annotations

import os
from typing import Final

from common import logs
from common.heartbeat import Heartbeat
from common.logs import get_logger
from common.process_main import EXIT_ELSEWHERE, run_process, wait_out_startsecs
from common.settings import load
from services.web import metrics
from services.web.app import create_app
from services.web.backend import open_backend
from services.web.server import bound_socket, serve
from services.web.settings import WebSettings

NICE: Final = 10
"""Added to the priority number of the process: the trading processes get the processor first."""


def run() -> None:
    """Read the settings, compose the process and serve until stopped."""
    settings = load(WebSettings)
    logs.configure("web", settings.log_level)
    if not settings.web_port:
        get_logger().info("WEB_PORT is 0: no web page and no HTTP API on this host")
        wait_out_startsecs()
        raise SystemExit(EXIT_ELSEWHERE)
    heartbeat = Heartbeat(settings.paperdesk_runtime_dir, "web")
    bound = bound_socket(settings)
    try:
        metrics.METRICS.serve(settings.metrics_port_web, settings.metrics_host)
        with open_backend(settings) as backend:
            sockets = backend.live.sockets
            serve(
                create_app(backend),
                settings,
                bound,
                heartbeat=heartbeat,
                on_beat=lambda: metrics.update(clients=sockets.count),
            )
    finally:
        bound.close()


if __name__ == "__main__":
    os.nice(NICE)  # once: `run` is called again while another process has the address
    run_process(run)
