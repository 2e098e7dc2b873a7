"""Run a live desk with its ledger on a small disk, which is filled and emptied.

Usage: `unshare -m python -m tests.system.full_disk FOLDER`. The disk is a tmpfs in a mount namespace that ends with
this process. Journal and book are on another disk, so that only portfolio lacks space. The observations are printed as
JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from common.control_client import ControlClient
from orchestration.address_files import control_url
from orchestration.environment import desk_environment
from orchestration.stopped_desk_audit import reconcile, verify
from proto.control import StatusQuery, StatusReply
from tests.support.waits import wait_for

SERVICES: Final = ("mt5", "execution", "portfolio", "signal")
SETTINGS: Final = {
    "TRADING_SYMBOL": "EURUSD",
    "STRATEGY": "tests.support.flipping:Flipping",
    "MT5_MARKET": "generated",
    "MT5_PACE": "live",
    "RISK": "none",
    "LOG_LEVEL": "INFO",
}
DISK_BYTES: Final = 8 * 1024 * 1024
BLOCK: Final = b"x" * 4_096
STEP_S: Final = 90.0


def main() -> None:
    """Fill the disk of a trading desk, record its status, free space, and wait until the desk trades again."""
    folder = Path(sys.argv[1])
    disk, elsewhere, runtime = folder / "disk", folder / "venue", folder / "run"
    for made in (disk, elsewhere, runtime):
        made.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "none", disk], check=True)
    (disk / "venue").symlink_to(elsewhere)
    environment = desk_environment(os.environ, SETTINGS, runtime=runtime, data_dir=disk)
    with ExitStack() as stack:
        client = stack.enter_context(ControlClient(control_url(runtime)))
        processes = []
        for name in SERVICES:
            log = stack.enter_context((folder / f"{name}.log").open("wb"))
            process = subprocess.Popen([sys.executable, "-m", f"services.{name}"], env=environment, stdout=log)
            processes.append(process)
            stack.callback(_end, process)

        def status() -> StatusReply | None:
            return client.request(StatusQuery(), StatusReply, timeout_s=1.0)

        def orders_above(count: int) -> StatusReply | None:
            reply = status()
            return reply if reply is not None and reply.orders > count else None

        def refused() -> StatusReply | None:
            reply = status()
            return reply if reply is not None and reply.denials.get("STORAGE") else None

        wait_for(lambda: orders_above(2), "a desk that trades", seconds=STEP_S)
        ballast = disk / "ballast"
        fill(ballast)
        filled_at = time.monotonic()
        denied = wait_for(refused, "a denied order", seconds=STEP_S)
        seconds_to_denial = time.monotonic() - filled_at
        ballast.unlink()
        after = wait_for(lambda: orders_above(denied.orders), "trading to continue", seconds=STEP_S)
        all_run = all(process.poll() is None for process in processes)
    found = {
        "all processes run": all_run,
        "seconds to the first denial": round(seconds_to_denial, 2),
        "orders": [denied.orders, after.orders],
        "problems": verify(disk).problems,
        "differences": [str(found) for found in reconcile(disk)],
    }
    sys.stdout.write(json.dumps(found))


def fill(ballast: Path) -> None:
    """Fill the disk of a file with this file."""
    with ballast.open("wb", buffering=0) as file:
        while True:
            try:
                file.write(BLOCK)
            except OSError:
                return


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(timeout=30)


if __name__ == "__main__":
    main()
