"""Fuzzing of every bound socket of the desk: frames that are not messages must neither crash nor change it.

Gateway, execution and portfolio run on a recorded stream. It does not advance, because there is no signal process. The
contents of their files must not change, and their memory must not grow with the number of frames.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import psutil
import zmq

from common.control_client import ControlClient
from common.sockets import Socket, Sockets
from common.storage import open_reader, state_hash
from orchestration.address_files import control_url
from orchestration.environment import desk_environment
from proto.control import DeskState, StatusQuery, StatusReply
from tests.benchmarks.workload import a_run, write_ticks
from tests.fuzz.decoders import check_decoder
from tests.fuzz.frames import Frames
from tests.support.waits import wait_for

SERVICES: Final = ("mt5", "execution", "portfolio")
SOCKETS: Final = {
    "signal": "signal",
    "command": "call",
    "report": "report",
    "control": "control request",
    "gw": "request",
}
"""Name of each socket, and the decoder of its messages."""

FILES: Final = {
    "ledger.db": ("events", "orders", "deals", "lots", "account", "meta"),
    "venue/journal.db": ("entries",),
    "venue/book.db": ("orders", "deals", "positions", "modifications"),
}
GROWTH_MB_MAX: Final = 64.0
"""Allowed growth of memory in MB, for allocators and queues; ten million kept frames would need a gigabyte."""

START_S: Final = 60.0


def run(folder: Path, frames: int, seed: int) -> dict[str, Any]:
    """Send `frames` frames to the sockets of a desk in `folder`; return the frames by socket and the growth by process.

    Raises:
        AssertionError: a process died, the content of a file changed, or memory grew by more than `GROWTH_MB_MAX`.
    """
    data_dir, runtime = folder / "desk", folder / "run"
    for made in (data_dir, runtime):
        made.mkdir()
    spec = a_run(write_ticks(folder / "ticks.parquet", count=100, interval_ns=1_000_000))
    settings = {**spec.environment("fuzz", "lockstep"), "LOG_LEVEL": "ERROR"}
    environment = desk_environment(os.environ, settings, runtime=runtime, data_dir=data_dir)
    with ExitStack() as stack:
        processes = {}
        for name in SERVICES:
            process = subprocess.Popen([sys.executable, "-m", f"services.{name}"], env=environment)
            stack.callback(_end, process)
            processes[name] = process
        client = stack.enter_context(ControlClient(control_url(runtime)))
        wait_for(lambda: _state(client) is DeskState.WAITING_FOR_SIGNALS, "a desk that waits", seconds=START_S)
        wait_for(lambda: _is_reconciliation_stored(data_dir), "the stored reconciliation", seconds=START_S)
        before = hashes(data_dir)
        sockets = Sockets()
        stack.callback(sockets.close)
        sender = FrameSender(sockets, runtime, seed)
        sender.send(frames // 10)
        wait_for(lambda: _state(client) is not None, "an answer between the frames", seconds=START_S)
        memory = {name: rss_mb(process.pid) for name, process in processes.items()}
        sender.send(frames - frames // 10)
        wait_for(lambda: _state(client) is DeskState.WAITING_FOR_SIGNALS, "an answer at the end", seconds=START_S)
        grown = {name: round(rss_mb(process.pid) - memory[name], 1) for name, process in processes.items()}
        dead = [name for name, process in processes.items() if process.poll() is not None]
        assert not dead, f"seed {seed}: {', '.join(dead)} died"
        assert hashes(data_dir) == before, f"seed {seed}: frames that are not messages changed stored data"
        assert max(grown.values()) < GROWTH_MB_MAX, f"seed {seed}: memory grew by {grown} MB"
    return {"frames": sender.counts, "memory grown MB": grown}


class FrameSender:
    """A client connected to every socket."""

    def __init__(self, sockets: Sockets, runtime: Path, seed: int) -> None:
        """Connect to the sockets."""
        self._frames, self._dice = Frames(seed), random.Random(seed)
        self._sockets: dict[str, Socket] = {
            name: sockets.push(f"ipc://{runtime}/{name}.ipc") for name in ("signal", "command", "report")
        }
        self._sockets |= {name: sockets.dealer(f"ipc://{runtime}/{name}.ipc") for name in ("control", "gw")}
        for name, socket in self._sockets.items():
            wait_for(lambda socket=socket: socket.poll(0, zmq.POLLOUT), f"a connection to {name}")  # type: ignore[misc]
        self.counts = dict.fromkeys(SOCKETS, 0)

    def send(self, frames: int) -> None:
        """Send `frames` frames that are not messages, to the sockets in turn."""
        names = list(SOCKETS)
        for number in range(frames):
            name = names[number % len(names)]
            frame = self._frames.next()
            while check_decoder(SOCKETS[name], frame):
                frame = self._frames.next()
            socket = self._sockets[name]
            envelope = [b""] if socket.type == zmq.DEALER and self._dice.random() < 0.9 else []
            more = [frame] if self._dice.random() < 0.05 else []
            while True:
                try:
                    socket.send_multipart([*envelope, frame, *more], zmq.NOBLOCK)
                    break
                except zmq.Again:
                    assert socket.poll(int(START_S * 1_000), zmq.POLLOUT), f"{name} does not receive any more"
            self.counts[name] += 1
            if socket.type == zmq.DEALER:
                while socket.poll(0):
                    socket.recv_multipart()


def hashes(data_dir: Path) -> dict[str, str]:
    """Digests of the contents of a desk's database files."""
    found = {}
    for name, tables in FILES.items():
        db = open_reader(data_dir / name)
        found[name] = state_hash(db, tables)
        db.close()
    return found


def _is_reconciliation_stored(data_dir: Path) -> bool:
    """Whether the ledger has the reconciliation of the start, which may be committed after the status shows it."""
    db = open_reader(data_dir / "ledger.db")
    payloads = [bytes(payload) for (payload,) in db.execute("SELECT payload FROM events")]
    db.close()
    return any(payload.startswith(b'{"type":"reconciled"') for payload in payloads)


def rss_mb(pid: int) -> float:
    """Resident memory in MB."""
    return float(psutil.Process(pid).memory_info().rss) / 1e6


def _state(client: ControlClient) -> DeskState | None:
    status = client.request(StatusQuery(), StatusReply, timeout_s=5.0)
    return None if status is None else status.state


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(timeout=30)
