"""Portfolio publishes the number of the ledger's last event after its commits."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import zmq

from common.control_client import ControlClient
from common.project_root import PROJECT_ROOT
from common.sockets import Socket, Sockets
from orchestration.address_files import control_url
from orchestration.environment import desk_environment
from proto.codec import decode_ledger_commit
from proto.control import HaltCommand, TradingReply
from services.portfolio.ledger.hash_chain import last_position
from services.portfolio.ledger.ledger import LEDGER_FILE_NAME, open_ledger
from tests.support.waits import receive, wait_for

WAIT_S = 10.0


class Desk:
    """A portfolio process without the other processes, a client of its control socket and a reader of its events."""

    def __init__(self, folder: Path, client: ControlClient, events: Socket) -> None:
        self._ledger = folder / LEDGER_FILE_NAME
        self._client = client
        self.events = events

    def halt(self, reason: str) -> bool:
        """Make one event; whether portfolio has answered."""
        return self._client.request(HaltCommand(reason=reason), TradingReply, timeout_s=WAIT_S) is not None

    def ledger_event(self) -> int:
        db = open_ledger(self._ledger)
        try:
            return last_position(db).number
        finally:
            db.close()

    def event(self) -> int:
        """The number in the next message."""
        [payload] = receive(self.events)
        return decode_ledger_commit(payload).event


@contextmanager
def portfolio(folder: Path) -> Iterator[Desk]:
    environment = desk_environment(
        os.environ, {"TRADING_SYMBOL": "EURUSD", "LOG_LEVEL": "ERROR"}, runtime=folder, data_dir=folder
    )
    sockets = Sockets()
    with ExitStack() as stack:
        stack.callback(sockets.close)
        process = stack.enter_context(
            subprocess.Popen([sys.executable, "-m", "services.portfolio"], env=environment, cwd=PROJECT_ROOT)
        )
        stack.callback(process.terminate)
        yield Desk(
            folder,
            stack.enter_context(ControlClient(control_url(folder))),
            sockets.sub(f"ipc://{folder}/events.ipc", [b""]),
        )


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with portfolio(tmp_path) as running:
        wait_for(lambda: running.halt("first") and running.events.poll(0, zmq.POLLIN), "a message after a commit")
        yield running


def test_each_commit_gives_the_number_of_the_last_event(desk: Desk) -> None:
    while desk.event() < desk.ledger_event():
        pass
    for _ in range(3):
        assert desk.halt("again")
        assert desk.event() == desk.ledger_event()
