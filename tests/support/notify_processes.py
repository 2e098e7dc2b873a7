"""Settings of a real notify process with a webhook on loopback as its target, and the wait until it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import psutil

from common import heartbeat
from common.heartbeat import Phase
from orchestration.address_files import CONTROL_FILE, read_address
from tests.support.command_line import TIMEOUT_S
from tests.support.message_servers import Webhook
from tests.support.waits import wait_for

RULE: Final = """
[[rules]]
name = "every"
events = ["TRADING_STATE", "FILL"]
severity = "WARNING"
targets = ["phone"]
group_s = 0
"""


def settings_of(folder: Path, webhook: Webhook, rules: str = RULE, *, page_url: str = "") -> dict[str, str]:
    """Write a file of rules with the target phone, and return the settings of notify."""
    path = folder / "notify.toml"
    head = f'desk = "london"\npage_url = "{page_url}"\n' if page_url else 'desk = "london"\n'
    path.write_text(f'{head}[targets.phone]\nurl_env = "NOTIFY_URL_PHONE"\n{rules}')
    return {"NOTIFY_FILE": str(path), "NOTIFY_URL_PHONE": f"json://{webhook.address}/phone"}


def runtime_of(data_dir: Path) -> Path:
    """The folder with the sockets of a running desk."""
    control = wait_for(lambda: read_address(data_dir, CONTROL_FILE), "the desk to start", seconds=TIMEOUT_S)
    return Path(control.removeprefix("ipc://")).parent


def wait_for_notify(runtime: Path) -> None:
    """Wait until notify runs: it then reports each later event of the ledger.

    Raises:
        AssertionError: it does not run after the deadline.
    """

    def runs() -> bool:
        beat = heartbeat.read(runtime, "notify")
        return beat is not None and beat.phase is Phase.RUNNING and psutil.pid_exists(beat.pid)

    wait_for(runs, "notify to run", seconds=TIMEOUT_S)
