"""Desks with planted faults for the doctor: a real desk under supervisord, and copies of its files.

`RunningDesk` runs once. While it runs, faults are planted in it and removed again; each fault of a stopped desk is
planted in a copy of its files, which has its own settings.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from common.control_client import ControlClient
from common.project_root import ENV_FILE_VARIABLE, PROJECT_ROOT
from common.settings import setting_names
from orchestration.address_files import control_url
from orchestration.environment import desk_environment
from orchestration.supervisor import DeskSupervisor
from proto.control import StatusQuery, StatusReply
from tests.support.waits import wait_for
from verification.doctor import ExaminedDesk, Finding, Grade, examine

SETTINGS: Final = {
    "TRADING_SYMBOL": "EURUSD",
    "STRATEGY": "tests.support.flipping:Flipping",
    "MT5_MARKET": "generated",
    "MT5_PACE": "live",
    "RISK": "none",
    "WATCHDOG_HANG_MS": "600000",  # a test suspends a process
    "MT5_FAULTS": "on",
}
ORDERS_MIN: Final = 3
STEP_S: Final = 60.0

GRAVE: Final = (Grade.WARNING, Grade.WRONG)


@dataclass
class RunningDesk:
    """A desk of real processes under its own supervisord."""

    supervisor: DeskSupervisor
    data_dir: Path
    environment: Mapping[str, str]

    @property
    def runtime(self) -> Path:
        """The folder of sockets and heartbeats."""
        return self.supervisor.runtime

    @property
    def clock_file(self) -> Path:
        """The file whose number of nanoseconds is added to the wall clock of every process."""
        return Path(self.environment["PAPERDESK_CLOCK_STEP_FILE"])

    def control(self) -> ControlClient:
        """A connection to portfolio."""
        return ControlClient(control_url(self.runtime))

    def status(self) -> StatusReply | None:
        """Portfolio's status; None if it does not answer."""
        with self.control() as client:
            return client.request(StatusQuery(), StatusReply, timeout_s=1.0)

    def wait_until_trading(self) -> None:
        """Wait until the desk has no condition that prevents trading, and some orders."""

        def trades() -> bool:
            found = self.status()
            return found is not None and found.orders >= ORDERS_MIN and not found.conditions

        wait_for(trades, "a desk that trades", seconds=STEP_S)


@contextmanager
def running_desk(folder: Path) -> Iterator[RunningDesk]:
    """A desk that has traded, for the length of the block."""
    data_dir = folder / "data"
    data_dir.mkdir(mode=0o700)
    with DeskSupervisor(log_dir=data_dir / "logs") as supervisor:
        environment = desk_environment(os.environ, SETTINGS, runtime=supervisor.runtime, data_dir=data_dir)
        environment["PAPERDESK_CLOCK_STEP_FILE"] = str(folder / "clock")
        (folder / "clock").write_text("0")
        supervisor.start(environment)
        desk = RunningDesk(supervisor, data_dir, environment)
        desk.wait_until_trading()
        yield desk


@dataclass
class DoctoredDesk:
    """A copy of a stopped desk's files, with settings of its own in the environment of the test."""

    folder: Path
    patch: pytest.MonkeyPatch
    root: Path = PROJECT_ROOT
    env_file: Path = field(init=False)

    def __post_init__(self) -> None:
        use_settings(self.patch, {})
        self.env_file = self.folder / "env"
        self.set(
            MT5_VENUE="simulated",
            MT5_MARKET="generated",
            MT5_PACE="live",
            TRADING_SYMBOL="EURUSD",
            STRATEGY="xgboost",
            PAPERDESK_DATA_DIR=str(self.data_dir),
            PAPERDESK_RUNTIME_DIR=str(self.folder / "run"),
            MT5_REQUEST_URL=f"ipc://{self.folder}/gw.ipc",
            MT5_PUBLISH_URL=f"ipc://{self.folder}/ticks.ipc",
            ZMQ_EXECUTION_URL=f"ipc://{self.folder}/gw.ipc",
        )

    @property
    def data_dir(self) -> Path:
        """The data directory."""
        return self.folder / "data"

    def set(self, **settings: str) -> None:
        """Set variables of the environment."""
        for name, value in settings.items():
            self.patch.setenv(name, value)

    def write_env(self, text: str) -> None:
        """Write `.env`."""
        self.env_file.write_text(text)
        self.set(**{ENV_FILE_VARIABLE: str(self.env_file)})

    def write(self, name: str, text: str) -> Path:
        """Write a file beside the data directory."""
        path = self.folder / name
        path.write_text(text)
        return path

    def findings(self) -> list[Finding]:
        """What the doctor finds, without the results that are ok or unknown."""
        desk = ExaminedDesk(self.data_dir, root=self.root, home=self.root)
        return [one for result in examine(desk) for one in result.findings if one.grade in GRAVE]


def use_settings(patch: pytest.MonkeyPatch, environment: Mapping[str, str]) -> None:
    """Replace the settings in the environment by those of `environment`."""
    for name in setting_names():
        patch.delenv(name, raising=False)
    patch.setenv(ENV_FILE_VARIABLE, "")
    for name in setting_names() & environment.keys():
        patch.setenv(name, environment[name])


def copied(stopped: Path, folder: Path, patch: pytest.MonkeyPatch) -> DoctoredDesk:
    """A copy of a stopped desk."""
    shutil.copytree(stopped, folder / "data")
    (folder / "data").chmod(0o700)
    return DoctoredDesk(folder, patch)
