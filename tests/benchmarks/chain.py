"""Measurement of the desk: signal, portfolio and execution in real processes, the gateway in the benchmark's process.

The gateway is the real one, with sockets, and with journal and book on disk. A wrapper of its core records when a tick
is published and when its order arrives.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import zmq

from common.clock import mono_ns
from common.sockets import Sockets
from proto.codec import decode_control_reply, encode
from proto.control import DeskState, StatusQuery, StatusReply
from proto.gateway import Buy, Confirm, Reply, Request, Sell
from proto.messages import Tick
from proto.time import Now
from services.mt5.core.compose import account_name, simulated_gateway
from services.mt5.core.gateway.gateway import Gateway
from services.mt5.core.simulated.account import AccountTerms
from services.mt5.settings import parse_pace
from services.mt5.shell import GatewayShell
from services.mt5.stores.book_store import DurableBookStore
from services.mt5.stores.journal_store import DurableJournal
from tests.benchmarks.workload import a_run

STATUS_TIMEOUT_S = 60


def _nothing() -> None:
    pass


class TimedGateway:
    """A wrapper of the gateway core that records when ticks are published and orders arrive."""

    def __init__(self, gateway: Gateway, last_ordinal: int) -> None:
        """Start without records."""
        self._gateway = gateway
        self._last = last_ordinal
        self._published: dict[int, int] = {}
        self.received_ns: list[int] = []
        self.first_ns = 0
        self.last_ns = 0
        self.stop: Callable[[], None] = _nothing

    def __getattr__(self, name: str) -> Any:
        return getattr(self._gateway, name)

    def on_timer(self, now: Now) -> list[Tick]:
        """Record when each tick is published for the first time."""
        ticks = self._gateway.on_timer(now)
        for tick in ticks:
            self._published.setdefault(tick.ordinal, tick.published_mono_ns)
            self.first_ns = self.first_ns or tick.published_mono_ns
        return ticks

    def handle(self, request: Request, now: Now) -> list[Reply]:
        """Record when an order arrives, and when the last tick is confirmed."""
        if isinstance(request, Buy | Sell):
            self.received_ns.append(now.mono_ns - self._published[request.ordinal])
        replies = self._gateway.handle(request, now)
        if isinstance(request, Confirm) and request.ordinal == self._last:
            self.last_ns = now.mono_ns
            self.stop()
        return replies


def measure(folder: Path, ticks_file: Path, *, pace: str, strategy: str) -> dict[str, Any]:
    """Run a stream through the desk to its end.

    Returns:
        `received_ns`: for each order, the time from the publication of its tick to its arrival at the gateway.
        `status`: portfolio's last status. `ticks_per_s`: from the first tick to the last confirmation. `start_up_s`:
        from the start of the gateway to the first tick. `rss_mb`: resident memory of execution, portfolio and signal
        at the end.
    """
    spec = a_run(ticks_file, strategy=strategy)
    stream = spec.load()
    stream_id = spec.stream_id(stream.data_sha256)
    environment = {
        **os.environ,
        **spec.environment(stream_id, pace),
        "PAPERDESK_RUNTIME_DIR": str(folder / "run"),
        "PAPERDESK_DATA_DIR": str(folder / "data"),
        "ZMQ_EXECUTION_URL": f"ipc://{folder}/gw.ipc",
        "ZMQ_MARKET_DATA_URL": f"ipc://{folder}/ticks.ipc",
        "LOG_LEVEL": "WARNING",
    }
    with ExitStack() as files:
        journal = DurableJournal(folder / "journal.db", new_id="bench", account=account_name("USD"))
        store = DurableBookStore(folder / "book.db")
        sockets = Sockets()
        for thing in (journal, store, sockets):
            files.enter_context(closing(thing))
        gateway = simulated_gateway(
            stream=stream,
            stream_id=stream_id,
            journal=journal,
            book_store=store,
            boot_id="bench",
            terms=AccountTerms(spec.balance),
            pace=parse_pace(pace, window=2_000),
        )
        timed = TimedGateway(gateway, stream.last_ordinal)
        shell = GatewayShell(
            timed,  # type: ignore[arg-type]
            sockets,
            request_url=environment["ZMQ_EXECUTION_URL"],
            publish_url=environment["ZMQ_MARKET_DATA_URL"],
        )
        processes = {
            name: subprocess.Popen(
                [sys.executable, "-m", f"services.{name}"], env=environment, stdout=subprocess.DEVNULL
            )
            for name in ("execution", "portfolio", "signal")
        }
        try:
            timed.stop = shell.stop
            started_ns = mono_ns()
            shell.run()
            status = _last_status(f"ipc://{folder}/run/control.ipc")
            memory = {name: _rss_mb(process.pid) for name, process in processes.items()}
        finally:
            for process in processes.values():
                process.terminate()
            for process in processes.values():
                process.wait(timeout=20)
    return {
        "received_ns": timed.received_ns,
        "status": status,
        "ticks_per_s": stream.last_ordinal / ((timed.last_ns - timed.first_ns) / 1e9),
        "start_up_s": (timed.first_ns - started_ns) / 1e9,
        "rss_mb": memory,
    }


def _last_status(url: str) -> StatusReply:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    socket = context.socket(zmq.DEALER)
    socket.setsockopt(zmq.LINGER, 0)
    socket.connect(url)
    try:
        socket.send_multipart([b"", encode(StatusQuery())])
        if not socket.poll(STATUS_TIMEOUT_S * 1_000):
            raise TimeoutError("portfolio does not answer STATUS")
        reply = decode_control_reply(socket.recv_multipart()[-1])
        assert isinstance(reply, StatusReply), reply
        assert reply.state is not DeskState.FAILED, reply.waiting_for
        return reply
    finally:
        context.destroy()


def _rss_mb(pid: int) -> float:
    import psutil

    return round(psutil.Process(pid).memory_info().rss / 1e6, 1)
