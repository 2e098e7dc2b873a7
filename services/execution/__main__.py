"""Entry point of the execution process."""

from __future__ import annotations

from common import logs
from common.event_loop import EventLoop
from common.heartbeat import Heartbeat
from common.process_main import run_process
from common.settings import load
from common.sockets import Sockets
from services.execution.core.courier import Courier
from services.execution.metrics import METRICS
from services.execution.settings import ExecutionSettings
from services.execution.shell import ExecutionShell, new_boot_id


def run() -> None:
    """Read the settings, compose the process and serve until stopped."""
    settings = load(ExecutionSettings)
    logs.configure("execution", settings.log_level)
    loop = EventLoop("execution")
    loop.set_heartbeat(Heartbeat(settings.paperdesk_runtime_dir, "execution"))
    METRICS.serve(settings.metrics_port_execution, settings.metrics_host)
    courier = Courier(boot_id=new_boot_id(), in_flight_max=settings.execution_in_flight_max)
    sockets = Sockets()
    try:
        ExecutionShell(settings, courier, sockets, loop).run()
    finally:
        sockets.close()
        loop.close()


if __name__ == "__main__":
    run_process(run)
