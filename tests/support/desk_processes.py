"""The four processes of a live desk on a generated market, without a supervisor: a test can end each of them."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from common.project_root import PROJECT_ROOT
from orchestration.environment import desk_environment

SERVICES: Final = ("mt5", "execution", "portfolio", "signal")


class DeskProcesses:
    """A desk in a private folder; the end of the block ends every process."""

    def __init__(self, data_dir: Path, runtime: Path, **settings: str) -> None:
        """Describe the desk; `settings` are further settings of its processes."""
        self.data_dir = data_dir
        self.runtime = runtime
        self._environment = desk_environment(
            os.environ,
            {"TRADING_SYMBOL": "EURUSD", "MT5_PACE": "live", "MT5_FILLS": "ideal", "RISK": "none", **settings},
            runtime=runtime,
            data_dir=data_dir,
        )
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def ticks_url(self) -> str:
        """Address of the gateway's tick socket."""
        return self._environment["ZMQ_MARKET_DATA_URL"]

    @property
    def gateway_url(self) -> str:
        """Address of the gateway's request socket."""
        return self._environment["ZMQ_EXECUTION_URL"]

    @property
    def control_url(self) -> str:
        """Address of portfolio's control socket."""
        return self._environment["CONTROL_URL"]

    def __enter__(self) -> Self:
        for service in SERVICES:
            self.start(service)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for service in self._processes:
            self.kill(service)

    def start(self, service: str) -> None:
        """Start one process; its output is in the data directory."""
        arguments = ["--venue", "setting"] if service == "mt5" else []
        with (self.data_dir / f"{service}.log").open("ab") as log:
            self._processes[service] = subprocess.Popen(
                [sys.executable, "-m", f"services.{service}", *arguments],
                cwd=PROJECT_ROOT,
                env=self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def restart_with(self, service: str, **settings: str) -> None:
        """Start a killed process again, with further settings."""
        self._environment |= settings
        self.start(service)

    def start_ended(self) -> None:
        """Start each process again that has ended."""
        for service in [name for name, process in self._processes.items() if process.poll() is not None]:
            self.start(service)

    def kill(self, service: str) -> None:
        """Kill one process and wait for its end."""
        process = self._processes[service]
        process.kill()
        process.wait()


@contextmanager
def running_desk(data_dir: Path, **settings: str) -> Iterator[DeskProcesses]:
    """A desk with its data in `data_dir`, and its sockets in a folder with a short name."""
    data_dir.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="pd-") as runtime,
        DeskProcesses(data_dir, Path(runtime), **settings) as desk,
    ):
        yield desk
