"""The gateway process is killed at every step of an order; the desk repeats its request, which has one effect."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import zmq

from common.project_root import PROJECT_ROOT

POINTS = (
    "mt5.before_calling",
    "mt5.after_calling",
    "mt5.before_call",
    "mt5.after_call",
    "mt5.before_done",
    "mt5.after_done",
    "mt5.before_reply",
    "mt5.after_reply",
)
ANSWER_MS = 20_000


class Process:
    """A process of `python -m services.mt5` with recorded ticks; `Desk` restarts it after each kill."""

    def __init__(self, folder: Path, *, ticks: int, crash_at: str = "") -> None:
        """Write the file of ticks; `start` starts the process."""
        folder.mkdir()
        self._folder = folder
        path = folder / "ticks.parquet"
        bids = [round(1.1 + n / 1000, 4) for n in range(ticks)]
        rows = {"ts_ns": [10**18 + n for n in range(ticks)], "bid": bids, "ask": [round(b + 0.0002, 4) for b in bids]}
        pl.DataFrame(rows).write_parquet(path)
        self.url = f"ipc://{folder}/r"
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("MT5_", "PAPERDESK_"))},
            "PAPERDESK_ENV_FILE": "",
            "PAPERDESK_DATA_DIR": str(folder / "data"),
            "PAPERDESK_CRASH_AT": crash_at,
            "PAPERDESK_CRASH_DIR": str(folder / "crashes"),
            "MT5_TICKS": f"{path}:EURUSD",
            "MT5_REQUEST_URL": self.url,
            "MT5_PUBLISH_URL": f"ipc://{folder}/p",
            "MT5_STREAM_ID": "run-1",
        }
        self._process: subprocess.Popen[bytes] | None = None
        self.starts = 0

    def start(self) -> None:
        """Start the process, which continues from its files."""
        self.starts += 1
        command = [sys.executable, "-m", "services.mt5"]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=PROJECT_ROOT, env=self._environment, stdout=log, stderr=subprocess.STDOUT
            )

    def is_alive(self) -> bool:
        """Whether the process runs; if not, it must have been killed and not failed."""
        assert self._process is not None
        code = self._process.poll()
        assert code in (None, -signal.SIGKILL), (self._folder / "log").read_text()
        return code is None

    def wait(self) -> int:
        """Wait until the process ends by itself, and return its exit code."""
        assert self._process is not None
        return self._process.wait(timeout=20)

    def kill(self) -> None:
        """Send SIGKILL, and wait for the end of the process."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(timeout=20)

    def stop(self) -> int:
        """Stop the process by SIGTERM, and return its exit code."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(timeout=10)


class Desk:
    """Repeats a request until it is answered, and restarts the gateway process if it was killed."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()

    def ask(self, **fields: Any) -> dict[str, Any]:
        while True:
            socket = self._context.socket(zmq.REQ)
            socket.setsockopt(zmq.LINGER, 0)
            socket.setsockopt(zmq.RECONNECT_IVL, 20)
            socket.connect(self._process.url)
            socket.send(json.dumps(fields).encode())
            waited_ms = 0
            while self._process.is_alive() and not socket.poll(50):
                waited_ms += 50
                assert waited_ms < ANSWER_MS, fields
            answer = socket.recv() if socket.poll(0) else None
            socket.close()
            if not self._process.is_alive():
                self._process.start()
            if answer is not None:
                reply: dict[str, Any] = json.loads(answer)
                return reply

    def run(self, orders: int) -> list[dict[str, Any]]:
        """Send an order at each tick, every third a SELL; return all replies without their boot ids."""
        replies = [self.ask(action="CONFIRM", stream_id="run-1", ordinal=0)]
        for ordinal in range(1, orders + 1):
            side = "BUY" if ordinal % 3 else "SELL"
            order = {"action": side, "order_id": f"A-{ordinal}", "symbol": "EURUSD", "volume": 0.02, "ordinal": ordinal}
            replies.append(self.ask(**order))
            replies.append(self.ask(action="CONFIRM", stream_id="run-1", ordinal=ordinal))
        replies += [self.ask(action=action) for action in ("GET_DEALS", "GET_ORDERS", "GET_POSITIONS", "GET_ACCOUNT")]
        return [{name: value for name, value in reply.items() if name != "boot_id"} for reply in replies]

    def close(self) -> None:
        self._context.term()


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a short path, because the path of a socket may have at most 107 bytes."""
    return tmp_path_factory.mktemp("g")


@pytest.mark.slow
def test_a_run_with_kills_at_every_step_gets_the_replies_of_a_run_without_kills(folder: Path) -> None:
    orders = len(POINTS) + 3
    kills = [f"{point}@{number}" for number, point in enumerate(POINTS, start=2)]
    kills += ["mt5.after_confirm@4", "mt5.before_publish@5"]
    whole, killed = Process(folder / "a", ticks=orders), Process(folder / "b", ticks=orders, crash_at=",".join(kills))
    answers = []
    for process in (whole, killed):
        process.start()
        desk = Desk(process)
        answers.append(desk.run(orders))
        desk.close()
        assert process.stop() == 0
    assert (whole.starts, killed.starts) == (1, 1 + len(kills))
    assert answers[0] == answers[1]


@pytest.mark.parametrize("name", ["journal.db", "book.db"])
def test_an_idle_gateway_ends_if_one_of_its_files_is_removed(folder: Path, name: str) -> None:
    process = Process(folder / "a", ticks=5)
    process.start()
    try:
        with closing(Desk(process)) as desk:
            assert desk.ask(action="PING")["status"] == "OK"
        (folder / "a" / "data" / "venue" / name).unlink()
        assert process.wait() == 1
    finally:
        process.kill()
    assert f"{name} was removed or replaced while in use" in (folder / "a" / "log").read_text()
