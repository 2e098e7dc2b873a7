"""A real notify process beside a running desk, with webhooks on loopback as its targets."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from common.project_root import PROJECT_ROOT
from orchestration.address_files import CONTROL_FILE, is_listening, notify_url, read_address
from orchestration.environment import desk_environment
from services.notify.store import FILE_NAME
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


@contextmanager
def a_notify_process(data_dir: Path, runtime: Path, settings: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run notify during the block, which begins when notify listens and has its file."""
    environment = desk_environment(os.environ, settings, runtime=runtime, data_dir=data_dir)
    with (data_dir / "notify.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "services.notify"], env=environment, cwd=PROJECT_ROOT, stdout=log, stderr=log
        )

    def is_ready() -> bool:
        assert process.poll() is None, (data_dir / "notify.log").read_text()
        return is_listening(notify_url(runtime)) and (data_dir / FILE_NAME).exists()

    try:
        wait_for(is_ready, "notify to listen", seconds=TIMEOUT_S)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(TIMEOUT_S)
        finally:
            process.kill()
