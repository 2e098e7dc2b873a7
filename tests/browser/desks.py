"""Desks with a web process for the browser tests.

Each has its own folder: a desk that trades by itself, run by the command; a desk without a supervisor on a recorded
market, of which a test can end each process; and a replay, whose web process stays when the replay has ended.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx
from websockets.sync.client import connect

from common.clock import wall_ns
from common.project_root import PROJECT_ROOT
from orchestration.address_files import CONTROL_FILE, read_address
from orchestration.environment import desk_environment
from proto.time import DAY_NS
from services.mt5.settings import INPUTS_SEPARATOR
from services.web.security.auth_store import AuthStore
from services.web.security.identity import Role
from services.web.security.sign_in import one_time_address
from services.web.security.users import UsersFile
from tests.support.command_line import PAPERDESK, TIMEOUT_S
from tests.support.desk_processes import DeskProcesses
from tests.support.ports import free_port
from tests.support.tick_files import a_tick_file
from tests.support.waits import wait_for

SYMBOL: Final = "EURUSD"
MARKUP_SYMBOL: Final = "<img>EUR"

LIMITS: Final = """\
confidence_min = 0.5
orders_per_second_max = "none"
orders_per_minute_max = "none"
orders_per_day_max = "none"
repeated_orders_max = "none"
breaker_losses = "none"
"""

PLAN: Final = """\
[exits]
stop_loss_points = 200
take_profit_points = 300
"""

INSTRUMENT: Final = f"""\
["{MARKUP_SYMBOL}"]
digits = 5
tick_size = 0.00001
contract_size = 100000
volume_min = 0.01
volume_max = 100
volume_step = 0.01
base_currency = "EUR"
profit_currency = "USD"
margin_currency = "EUR"
calculation_mode = "FOREX"
margin_rates_long = [1, 1]
margin_rates_short = [1, 1]
margin_hedged = "larger"
swap = {{ mode = "DISABLED" }}
swap_weekdays = [1, 1, 3, 1, 1, 0, 0]
commission = {{ per_lot = 4 }}
trade_sessions = []
stops_level = 0
freeze_level = 0
filling = ["FOK", "IOC"]
"""


@dataclass(frozen=True)
class ServedDesk:
    """A desk with a web process; `token` is that of a script with the role trade.

    `kept` has the last answers of an ended desk, by path of the API.
    """

    data_dir: Path
    url: str
    token: str
    kept: dict[str, Any] = field(default_factory=dict)

    def one_time_address(self, role: Role) -> str:
        """A new one-time address."""
        with closing(self.auth()) as store:
            return one_time_address(self.url, store.new_once(role))

    def auth(self, **options: Any) -> AuthStore:
        """The store of sessions; `options` are those of its constructor."""
        return AuthStore(self.data_dir, UsersFile(self.data_dir / "web_users.toml"), **options)

    def read(self, path: str) -> Any:
        """The value of a path of the API; None without a reply."""
        if path in self.kept:
            return self.kept[path]
        with self.client() as api:
            reply = api.get(path)
        return reply.json() if reply.is_success else None

    def client(self) -> httpx.Client:
        """A client of the API with the role trade."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx.Client(base_url=f"{self.url}/api/v1", headers=headers, timeout=TIMEOUT_S)


def served_desk(data_dir: Path, url: str) -> ServedDesk:
    """Describe a desk whose web process serves `url`."""
    with closing(AuthStore(data_dir, UsersFile(data_dir / "web_users.toml"))) as store:
        token = store.new_token("browser-tests", Role.TRADE, wall_ns() + DAY_NS)
    return ServedDesk(data_dir, url.rstrip("/"), token)


@contextmanager
def a_busy_desk(folder: Path, **settings: str) -> Iterator[ServedDesk]:
    """Run a desk by the command during the block: it trades, is denied, and has positions with stops within seconds."""
    folder.mkdir(parents=True, exist_ok=True)
    strategy = f"{SYMBOL}=tests.browser.strategies:Busy,XAUUSD=xgboost"
    options = ["--symbols", f"{SYMBOL},XAUUSD", "--strategy", strategy, *_limits_and_plan(folder)]
    with (folder / "output").open("wb") as output:
        command = subprocess.Popen(
            [PAPERDESK, "run", "--data-dir", folder / "desk", *options],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "WEB_PORT": str(free_port()), **settings},
        )
        try:
            yield served_desk(folder / "desk", _printed_url(folder / "output", command))
        finally:
            command.send_signal(signal.SIGINT)
            try:
                command.wait(TIMEOUT_S)
            finally:
                command.kill()


def _limits_and_plan(folder: Path) -> list[str | Path]:
    (folder / "limits.toml").write_text(LIMITS)
    (folder / "plan.toml").write_text(PLAN)
    return ["--risk", folder / "limits.toml", "--plan", folder / "plan.toml"]


def _runtime_of(data_dir: Path) -> Path:
    control = wait_for(lambda: read_address(data_dir, CONTROL_FILE), "the desk to start", seconds=TIMEOUT_S)
    return Path(control.removeprefix("ipc://")).parent


def _printed_url(output: Path, command: subprocess.Popen[bytes]) -> str:
    """The address of the page without its one-time token, once the page is served."""

    def printed() -> str | None:
        assert command.poll() is None, output.read_text()
        found = re.search(r"^page (http://\S+)#once=", output.read_text(), re.MULTILINE)
        return found.group(1) if found else None

    url = wait_for(printed, "the address of the page", seconds=TIMEOUT_S)
    wait_for(lambda: serves(url), "the page to be served", seconds=TIMEOUT_S)
    return url


def serves(url: str) -> bool:
    """Whether a web process replies."""
    try:
        return httpx.get(url).status_code == 200
    except httpx.TransportError:
        return False


@dataclass(frozen=True)
class HandDesk:
    """A desk on a recorded market with orders by hand only; `processes` are ended and started by the test."""

    served: ServedDesk
    processes: DeskProcesses

    def make_ready(self) -> None:
        """Start the processes that have ended, and let the desk be active without open orders and positions.

        Raises:
            AssertionError: the desk does not become ready.
        """
        self.processes.start_ended()
        wait_for(lambda: serves(self.served.url), "the page to be served", seconds=TIMEOUT_S)
        if not self._is_flat():
            for order in self._open_orders():
                self.command("cancel", order_id=order["order_id"])
            self.command("flatten")
            wait_for(self._is_flat, "no order and no position", seconds=TIMEOUT_S)
        if self._read("/state")["trading_state"] != "ACTIVE":
            assert self.command("resume").is_success
        wait_for(lambda: self._read("/state")["headline"] == "TRADING", "the desk to trade", seconds=TIMEOUT_S)

    def command(self, name: str, **body: object) -> httpx.Response:
        """The reply to a command, which is sent by the API with a new key."""
        with self.served.client() as api:
            headers = {"Idempotency-Key": str(uuid4())}
            return api.post(f"/commands/{name}", json={"reason": "a command of a test", **body}, headers=headers)

    def _is_flat(self) -> bool:
        return not self._read("/positions") and not self._open_orders()

    def _open_orders(self) -> list[dict[str, Any]]:
        return list(self._read("/orders?status=open")["rows"])

    def _read(self, path: str) -> Any:
        """The value of a path of the API, as soon as the desk answers."""
        [value] = wait_for(
            lambda: [found] if (found := self.served.read(path)) is not None else None, path, seconds=TIMEOUT_S
        )
        return value


@contextmanager
def a_hand_desk(folder: Path, *, port: int = 0, **further: str) -> Iterator[HandDesk]:
    """Run the processes of a desk and of its page during the block.

    Args:
        folder: a new folder for the desk's files.
        port: port of the page; 0 for a free one.
        further: settings of the processes.
    """
    data_dir = folder / "desk"
    data_dir.mkdir(parents=True)
    inputs = [
        f"{a_tick_file(folder / f'{seed}.parquet', rows=20_000, seed=seed, pause_ms_max=400)}:{symbol}"
        for seed, symbol in enumerate((SYMBOL, MARKUP_SYMBOL), 1)
    ]
    (folder / "instruments.toml").write_text(INSTRUMENT)
    port = port or free_port()
    settings = {
        **further,
        "MT5_TICKS": INPUTS_SEPARATOR.join(inputs),
        "MT5_INSTRUMENTS": str(folder / "instruments.toml"),
        "TRADING_SYMBOL": f"{SYMBOL},{MARKUP_SYMBOL}",
        "STRATEGY": "tests.browser.strategies:Markup",
        "WEB_PORT": str(port),
    }
    url = f"http://127.0.0.1:{port}"
    with (
        tempfile.TemporaryDirectory(prefix="pd-") as runtime,
        DeskProcesses(data_dir, Path(runtime), **settings) as desk,
    ):
        desk.start("web")
        wait_for(lambda: serves(url), "the page to be served", seconds=TIMEOUT_S)
        yield HandDesk(served_desk(data_dir, url), desk)


@contextmanager
def an_ended_replay(folder: Path) -> Iterator[ServedDesk]:
    """Run a replay to its end, with its web process, which also serves during the block."""
    folder.mkdir(parents=True, exist_ok=True)
    data_dir = folder / "desk"
    ticks = a_tick_file(folder / "ticks.parquet", rows=600)
    options = ["--strategy", "tests.browser.strategies:Busy", "--fills", "realistic", *_limits_and_plan(folder)]
    command = subprocess.Popen(
        [PAPERDESK, "replay", f"{ticks}:{SYMBOL}", "--data-dir", data_dir, "--speed", "100", *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        runtime = _runtime_of(data_dir)
        port = free_port()
        with _a_web_process(data_dir, runtime, port):
            served = served_desk(data_dir, f"http://127.0.0.1:{port}")
            wait_for(lambda: _has_ended(command, served), "the end of the replay", seconds=TIMEOUT_S)
            assert command.returncode == 0
            served.kept.update(_last_values(served))
            assert served.kept["/models"]
            yield served
    finally:
        command.kill()
        command.wait()


@contextmanager
def _a_web_process(data_dir: Path, runtime: Path, port: int) -> Iterator[None]:
    """Run a web process beside the desk in a folder during the block; it serves when the block begins."""
    environment = desk_environment(os.environ, {"TRADING_SYMBOL": SYMBOL}, runtime=runtime, data_dir=data_dir)
    environment |= {"WEB_PORT": str(port), "LOG_LEVEL": "WARNING"}
    web = subprocess.Popen([sys.executable, "-m", "services.web"], env=environment, cwd=PROJECT_ROOT)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(lambda: web.poll() is not None or serves(url), "the web process to serve", seconds=TIMEOUT_S)
        assert web.poll() is None, "the web process has ended"
        yield
    finally:
        web.terminate()
        try:
            web.wait(TIMEOUT_S)
        finally:
            web.kill()


def _has_ended(command: subprocess.Popen[bytes], served: ServedDesk) -> bool:
    """Whether a replay has ended; until then the web process queries portfolio."""
    return served.read("/state") is None and command.poll() is not None


def _last_values(served: ServedDesk) -> dict[str, Any]:
    """The values of portfolio and the strategies that a web process shows after their end, by path of the API."""
    address = f"{served.url.replace('http', 'ws', 1)}/api/v1/live"
    with connect(address, additional_headers={"Authorization": f"Bearer {served.token}"}, max_size=None) as live:
        cells: dict[str, Any] = json.loads(live.recv(TIMEOUT_S))["cells"]

    def by_symbol(prefix: str) -> dict[str, Any]:
        return {key.removeprefix(prefix): value for key, value in cells.items() if key.startswith(prefix)}

    single = {f"/{key}": cells[key] for key in ("state", "account", "risk", "latency")}
    return {**single, "/models": by_symbol("model:"), "/positions": by_symbol("position:")}
