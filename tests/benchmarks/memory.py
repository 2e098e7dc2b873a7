"""Memory of the gateway in its own process; in the other benchmarks the gateway runs in the benchmark's process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import zmq

from tests.benchmarks.workload import a_run

ANSWER_S = 60


def gateway_rss_mb(ticks_file: Path, folder: Path) -> float:
    """Resident memory in megabytes of a gateway that has loaded a recording and answers."""
    spec = a_run(ticks_file)
    url = f"ipc://{folder}/gw.ipc"
    process = subprocess.Popen(
        [sys.executable, "-m", "services.mt5"],
        env={
            **os.environ,
            **spec.environment("bench", "lockstep"),
            "PAPERDESK_DATA_DIR": str(folder / "data"),
            "MT5_REQUEST_URL": url,
            "MT5_PUBLISH_URL": f"ipc://{folder}/ticks.ipc",
            "LOG_LEVEL": "WARNING",
        },
    )
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    try:
        socket = context.socket(zmq.REQ)
        socket.connect(url)
        socket.send(b'{"action": "PING"}')
        if not socket.poll(ANSWER_S * 1_000):
            raise TimeoutError("the gateway does not answer")
        return round(psutil.Process(process.pid).memory_info().rss / 1e6, 1)
    finally:
        context.destroy(linger=0)
        process.terminate()
        process.wait(timeout=20)
