"""Time of a desk with many orders from start to trading: `python -m tests.benchmarks.start_up [--orders N]`.

The benchmark creates the desk's data folder with the desk's cores. Then it starts the four processes on this folder,
with the demo model and a live market. All times begin at the start of the first process. The time of a process ends at
the log line by which it reports that it is ready. The time of the desk ends when portfolio is RUNNING. The first start
fills caches (compiled kernels, the self-check of the model); the second start is measured. `paperdesk status` is also
measured, with the running desk and with the stopped one.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from common.control_client import ControlClient
from common.project_root import PROJECT_ROOT
from orchestration.address_files import control_url
from orchestration.environment import desk_environment
from proto.control import DeskState, StatusQuery, StatusReply
from tests.support.command_line import PAPERDESK
from tests.support.large_desks import make_large_desk
from tests.support.waits import wait_for

ORDERS: Final = 100_000
SECONDS_MAX: Final = 5.0
SERVICES: Final = ("mt5", "execution", "portfolio", "signal")
READY: Final = {
    "mt5": "the simulated market is open",
    "execution": "execution is ready",
    "portfolio": "the desk is ",
    "signal": "signal is ready",
}
STATUS_RUNNING: Final = "status of the running desk"
STATUS_STOPPED: Final = "status of the stopped desk"
STATUS_CALLS: Final = 3
SETTINGS: Final = {
    "TRADING_SYMBOL": "EURUSD",
    "STRATEGY": "xgboost",
    "MODEL": str(PROJECT_ROOT / "models" / "demo"),
    "MT5_MARKET": "generated",
    "MT5_PACE": "live",
    "RISK": "none",
    "ON_OPPOSITE": "reverse",
    "LOG_LEVEL": "INFO",
}


def measure(folder: Path, *, orders: int = ORDERS) -> dict[str, Any]:
    """Seconds until the desk is RUNNING and until each process is ready, in the second start on one folder."""
    data_dir = folder / "desk"
    data_dir.mkdir()
    make_large_desk(data_dir, orders=orders)
    start(folder, data_dir)
    return {"orders": orders, **start(folder, data_dir), STATUS_STOPPED: status_seconds("--data-dir", str(data_dir))}


def status_seconds(*options: str) -> float:
    """Least time in seconds of three calls of `paperdesk status` with these options, each a whole process."""
    seconds = []
    for _ in range(STATUS_CALLS):
        began = time.perf_counter()
        done = subprocess.run([PAPERDESK, "status", *options], capture_output=True, text=True)
        seconds.append(time.perf_counter() - began)
        assert "SIMULATED desk" in done.stdout, done
    return round(min(seconds), 2)


def start(folder: Path, data_dir: Path) -> dict[str, Any]:
    """Start the desk once, and stop it when it trades."""
    runtime = Path(tempfile.mkdtemp(dir=folder, prefix="r"))
    environment = desk_environment(os.environ, SETTINGS, runtime=runtime, data_dir=data_dir)
    with ExitStack() as stack:
        client = stack.enter_context(ControlClient(control_url(runtime)))
        logs = {name: runtime / f"{name}.log" for name in SERVICES}
        began = time.perf_counter()
        for name in SERVICES:
            output = stack.enter_context(logs[name].open("wb"))
            process = subprocess.Popen([sys.executable, "-m", f"services.{name}"], env=environment, stdout=output)
            stack.callback(_end, process)
        ready: dict[str, float] = {}

        def look() -> bool:
            for name in SERVICES:
                if name not in ready and READY[name] in logs[name].read_text():
                    ready[name] = round(time.perf_counter() - began, 2)
            status = client.request(StatusQuery(), StatusReply, timeout_s=1.0)
            if status is not None and status.state in (DeskState.FAILED, DeskState.FINISHED):
                raise RuntimeError(f"the desk is {status.state}: {status.waiting_for}")
            if status is not None and status.state is DeskState.RUNNING:
                ready.setdefault("trading", round(time.perf_counter() - began, 2))
            return len(ready) > len(SERVICES)

        wait_for(look, "a desk that trades", seconds=600.0)
        ready[STATUS_RUNNING] = status_seconds("--url", control_url(runtime))
    return ready


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(timeout=30)


def main() -> None:
    """Measure and print the times, and fail if the start takes too long."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.start_up", description=__doc__)
    parser.add_argument("--orders", type=int, default=ORDERS)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pds-") as folder:
        found = measure(Path(folder), orders=arguments.orders)
    Console().print_json(json.dumps(found))
    sys.exit(found["trading"] > SECONDS_MAX)


if __name__ == "__main__":
    main()
