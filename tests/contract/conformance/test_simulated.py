"""The conformance suite against a gateway process with the simulated venue, over TCP."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from common.project_root import PROJECT_ROOT
from tests.support.ports import free_port
from verification.conformance import CheckOutcome, ConformanceClient, run_suite

STOP_SECONDS = 20


class SimulatedGateway:
    """A process of `python -m services.mt5 --venue simulated` with its generated market."""

    def __init__(self, folder: Path, *, account_mode: str, fills: str) -> None:
        self._folder = folder
        self.url = f"tcp://127.0.0.1:{free_port()}"
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("MT5_", "PAPERDESK_"))},
            "PAPERDESK_ENV_FILE": "",
            "PAPERDESK_DATA_DIR": str(folder / "data"),
            "PAPERDESK_RUNTIME_DIR": str(folder / "run"),
            "MT5_MARKET": "generated",
            "MT5_PACE": "live:200",
            "MT5_ACCOUNT_MODE": account_mode,
            "MT5_FILLS": fills,
            "MT5_FAULTS": "on",
            "MT5_REQUEST_URL": self.url,
            "MT5_PUBLISH_URL": f"tcp://127.0.0.1:{free_port()}",
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "services.mt5", "--venue", "simulated"]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=PROJECT_ROOT, env=self._environment, stdout=log, stderr=subprocess.STDOUT
            )

    def stop(self) -> None:
        assert self._process is not None
        self._process.terminate()
        assert self._process.wait(STOP_SECONDS) == 0, (self._folder / "log").read_text()

    def restart(self) -> None:
        self.stop()
        self.start()

    @contextmanager
    def running(self) -> Iterator[SimulatedGateway]:
        self.start()
        try:
            yield self
        finally:
            self.stop()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("account_mode", "fills"),
    [("netting", "ideal"), ("hedging", "ideal"), ("netting", "realistic"), ("hedging", "realistic")],
)
def test_the_simulated_venue_passes_the_conformance_suite(account_mode: str, fills: str, tmp_path: Path) -> None:
    gateway = SimulatedGateway(tmp_path, account_mode=account_mode, fills=fills)
    with gateway.running():
        desk = ConformanceClient(gateway.url, symbol="EURUSD", run_id="s", restart=gateway.restart, answer_s=30.0)
        try:
            assert (desk.hello().mode, desk.hello().account_mode.lower()) == ("simulated", account_mode)
            results = run_suite(desk)
        finally:
            desk.close()
    others = [result for result in results if result.outcome is not CheckOutcome.PASSED]
    if fills == "realistic":  # the order that tests the margin is larger than the quoted liquidity
        others = [result for result in others if "has no liquidity" not in result.words]
    assert others == []
