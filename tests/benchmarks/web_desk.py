"""A live desk with its web process, at 500 ticks a second, for the benchmarks of the page and of its readers.

The desk is a whole one under supervisord. The strategy changes sides at each tenth tick of a symbol, so 50 orders a
second are made and filled.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any, Final

import httpx
import psutil

from common.clock import wall_ns
from common.control_client import ControlClient
from orchestration.address_files import control_url
from orchestration.environment import desk_environment
from orchestration.supervisor import DeskSupervisor
from proto.control import LatencyQuery
from proto.control.views import LatencyReply
from proto.latency_buckets import BucketCounts, counts_between, quantile_us
from proto.time import DAY_NS, SECOND_NS
from services.web.security.auth_store import AuthStore
from services.web.security.identity import Role
from services.web.security.sign_in import one_time_address
from services.web.security.users import UsersFile
from tests.benchmarks.workload import ALTERNATE_EACH_TENTH, a_run, write_ticks
from tests.support.ports import free_port
from tests.support.waits import wait_for

TICKS_PER_S: Final = 500
SYMBOLS: Final = ("EURUSD", "GBPUSD", "AUDUSD", "NZDUSD")
HOP: Final = "tick_to_order"
START_S: Final = 60.0
"""Longest time until the desk trades, and until portfolio answers; the recording is longer by this time."""


class Usage:
    """Use of the processor and of memory by one process since the start of the measurement."""

    def __init__(self, process: psutil.Process) -> None:
        """Start at the current use."""
        self._process = process
        self._begin = (monotonic(), _cpu_s(process))

    def take(self) -> tuple[float, float]:
        """CPU in percent of a core since the last call, and resident memory in MB now."""
        (begin_s, before_s), now = self._begin, (monotonic(), _cpu_s(self._process))
        self._begin = now
        share_pct = 100 * (now[1] - before_s) / (now[0] - begin_s)
        return round(share_pct, 1), round(self._process.memory_info().rss / 1e6, 1)


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


@dataclass(frozen=True)
class WebDesk:
    """The running desk: address of its page, processes by name, and a client of portfolio."""

    url: str
    data_dir: Path
    processes: dict[str, psutil.Process]
    client: ControlClient

    def orders(self) -> BucketCounts:
        """Counts of the times from ticks to orders since the start of portfolio.

        Raises:
            TimeoutError: portfolio does not answer.
        """
        reply = self.client.request(LatencyQuery(), LatencyReply, timeout_s=START_S)
        if reply is None:
            raise TimeoutError("portfolio does not answer LATENCY")
        return reply.hops.get(HOP, [])

    def token(self) -> str:
        """A token with the role read."""
        with closing(self._store()) as store:
            return store.new_token("benchmark", Role.READ, wall_ns() + DAY_NS)

    def sign_in_address(self) -> str:
        """A one-time address of the page with the role trade."""
        with closing(self._store()) as store:
            return one_time_address(self.url, store.new_once(Role.TRADE))

    def _store(self) -> AuthStore:
        return AuthStore(self.data_dir, UsersFile(self.data_dir / "web_users.toml"))


def order_quantiles_us(before: BucketCounts, after: BucketCounts) -> dict[str, float]:
    """Number of orders between two counts, and p50 and p99 of their times from the tick, in microseconds."""
    counts = counts_between(before, after)
    orders = sum(count for _, count in counts)
    assert orders, "the desk made no order"
    return {"orders": orders, "p50": quantile_us(counts, 0.5), "p99": quantile_us(counts, 0.99)}


@contextmanager
def a_web_desk(folder: Path, *, seconds: float, symbols: Sequence[str]) -> Iterator[WebDesk]:
    """Run a desk during the block, which begins when the desk trades and the page is served.

    Args:
        folder: gets the recording and the data of the desk.
        seconds: length of the recording after the start of the desk.
        symbols: the traded symbols, which share the ticks equally.
    """
    interval_ns = SECOND_NS // TICKS_PER_S * len(symbols)
    count = int((seconds + START_S) * SECOND_NS / interval_ns)
    files = [
        write_ticks(
            folder / f"{symbol}.parquet",
            count=count,
            interval_ns=interval_ns,
            seed=seed,
            delay_ns=seed * SECOND_NS // TICKS_PER_S,
        )
        for seed, symbol in enumerate(symbols)
    ]
    spec = a_run(*files, symbols=symbols, strategy=ALTERNATE_EACH_TENTH)
    data_dir = folder / "data"
    settings = {**spec.environment("bench", "live"), "WEB_PORT": str(free_port())}
    url = f"http://127.0.0.1:{settings['WEB_PORT']}"
    with (
        DeskSupervisor(log_dir=folder / "log", has_web=True) as desk,
        ControlClient(control_url(desk.runtime)) as client,
    ):
        environment = desk_environment(os.environ, settings, runtime=desk.runtime, data_dir=data_dir)
        desk.start({**environment, "LOG_LEVEL": "WARNING"})
        wait_for(lambda: _serves(url), "the web process to serve", seconds=START_S)
        states = desk.states()
        assert desk.web is not None
        processes = {name: psutil.Process(state.pid) for name, state in {**states, "web": desk.web}.items()}
        running = WebDesk(url, data_dir, processes, client)
        wait_for(running.orders, "the first order", seconds=START_S)
        yield running
        desk.check()
        desk.states()
        assert desk.web.pid == processes["web"].pid, "the web process was started again"


def _serves(url: str) -> bool:
    try:
        httpx.get(f"{url}/api/v1/session")
    except httpx.TransportError:
        return False
    return True


def pause(seconds: float) -> None:
    """Let the desk run for some seconds."""
    Event().wait(seconds)


def machine() -> dict[str, Any]:
    """Conditions of the figures: processor, number of cores, their load in the last minute, and Python."""
    load, _, _ = os.getloadavg()
    return {
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "load": round(load, 1),
        "python": platform.python_version(),
    }
