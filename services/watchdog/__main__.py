"""Entry point of the watchdog process. It logs to stderr, because stdout carries the replies to supervisord."""

from __future__ import annotations

import sys

from common import logs
from common.event_loop import EventLoop
from common.process_main import run_process
from common.settings import load
from common.sockets import Sockets
from services.watchdog.alert_log import AlertLog
from services.watchdog.alerts import Alerts
from services.watchdog.core.hang_detector import HangTimeouts
from services.watchdog.core.watchdog import Watchdog
from services.watchdog.metrics import METRICS
from services.watchdog.settings import WatchdogSettings
from services.watchdog.shell import WatchdogShell
from services.watchdog.supervisor_client import Supervisor


def run() -> None:
    """Read the settings, compose the process and serve until stopped."""
    settings = load(WatchdogSettings)
    logs.configure("watchdog", settings.log_level, file=sys.stderr)
    timeouts = HangTimeouts(
        hang_ms=settings.watchdog_hang_ms, stall_ms=settings.watchdog_stall_ms, start_ms=settings.watchdog_start_ms
    )
    alerts = Alerts(settings.alert_command, settings.alert_timeout_ms)
    supervisor = Supervisor()
    METRICS.serve(settings.metrics_port_watchdog, settings.metrics_host)
    sockets = Sockets()
    WatchdogShell(
        folder=settings.paperdesk_runtime_dir,
        watchdog=Watchdog(timeouts),
        supervisor=supervisor,
        alerts=alerts,
        alert_log=AlertLog(settings.paperdesk_data_dir),
        loop=EventLoop("watchdog"),
        control=sockets.dealer(settings.control_url, setting="CONTROL_URL"),
    ).run()


if __name__ == "__main__":
    run_process(run)
