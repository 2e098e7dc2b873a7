"""Portfolio under supervisord expects queries of notify from its start if NOTIFY_FILE is set."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from common.control_client import ControlClient
from common.parent_death import SUPERVISED_VARIABLE
from common.project_root import PROJECT_ROOT
from orchestration.address_files import control_url
from orchestration.environment import desk_environment
from proto.control import StatusQuery, StatusReply
from tests.support.waits import wait_for

SECONDS: Final = 30.0

PORTFOLIO: Final = """
from common.process_main import run_process
from services.portfolio.__main__ import run
from services.portfolio.core.state import notify_contact, watchdog_contact
notify_contact.NOTIFY_START_NS = 0
watchdog_contact.WATCHDOG_START_NS = 0
run_process(run)
"""
"""A portfolio that allows watchdog and notify no time for their start."""


def missed(folder: Path, settings: dict[str, str]) -> set[str]:
    """The processes that portfolio misses as soon as it misses the watchdog, by the codes of their conditions."""
    settings = {"TRADING_SYMBOL": "EURUSD", "LOG_LEVEL": "ERROR", SUPERVISED_VARIABLE: "1", **settings}
    environment = desk_environment(os.environ, settings, runtime=folder, data_dir=folder)
    command = [sys.executable, "-c", PORTFOLIO]
    with subprocess.Popen(command, env=environment, cwd=PROJECT_ROOT, stdout=subprocess.PIPE) as process:
        try:
            with ControlClient(control_url(folder)) as client:

                def codes() -> set[str]:
                    reply = client.request(StatusQuery(), StatusReply, timeout_s=SECONDS)
                    found = {one.code for one in reply.conditions} if reply is not None else set()
                    return found if "WATCHDOG_SILENT" in found else set()

                return wait_for(codes, "the watchdog to be missed", seconds=SECONDS) & {"NOTIFY_SILENT"}
        finally:
            process.kill()


@pytest.mark.parametrize(("name", "expected"), [("", set()), ("notify.toml", {"NOTIFY_SILENT"})])
def test_notify_is_missed_only_on_a_desk_with_rules(tmp_path: Path, name: str, expected: set[str]) -> None:
    assert missed(tmp_path, {"NOTIFY_FILE": str(tmp_path / name) if name else ""}) == expected
