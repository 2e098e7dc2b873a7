"""The cells of a real desk over a WebSocket, while portfolio and gateway are killed and restarted.

Under a minute on two cores:

  python -m pytest tests/system/test_live_state.py
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, NamedTuple

import msgspec
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from websockets.sync.client import ClientConnection, connect

from services.web.desk.live_desk import LiveDesk
from services.web.live.websocket_protocol import LiveProtocol
from services.web.settings import WebSettings
from tests.integration.web.live_server import Visitor, draw, next_message
from tests.support.desk_processes import DeskProcesses, running_desk
from tests.support.waits import wait_for

SHOWN_S = 30.0
"""Longest time until a change of the desk is shown, on a busy machine."""


class Page:
    """The state of a page that answers every message."""

    def __init__(self, client: ClientConnection) -> None:
        self._client = client
        self.cells: dict[str, Any] = {}

    def read(self) -> None:
        message = next_message(self._client)
        draw(self._client, message)
        if message["type"] == "snapshot":
            self.cells = message["cells"]
        else:
            self.cells |= message["set"]
            for key in message["gone"]:
                del self.cells[key]

    def wait(self, condition: Callable[[], object], what: str) -> None:
        def is_true() -> bool:
            self.read()
            return bool(condition())

        wait_for(is_true, what, seconds=SHOWN_S)


class Server(NamedTuple):
    """A server of the state: the address of its WebSocket, its event loop, and its parts."""

    url: str
    loop: asyncio.AbstractEventLoop
    live: LiveDesk


@contextmanager
def serving(desk: DeskProcesses) -> Iterator[Server]:
    """Serve the state of a desk from a thread."""
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    port = bound.getsockname()[1]
    servers = list[uvicorn.Server]()
    found = list[Server]()

    async def main() -> None:
        settings = WebSettings(
            trading_symbol=("EURUSD",),
            paperdesk_runtime_dir=desk.runtime,
            paperdesk_data_dir=desk.data_dir,
            zmq_market_data_url=desk.ticks_url,
            web_port=port,
        )
        live = LiveDesk(settings, identify=_visitor)

        @asynccontextmanager
        async def lifespan(_app: Starlette) -> Any:
            async with live.running():
                yield

        app = Starlette(routes=[WebSocketRoute("/live", live.sockets.serve)], lifespan=lifespan)
        config = uvicorn.Config(_identified(app), log_config=None, ws=LiveProtocol, timeout_graceful_shutdown=1)
        servers.append(uvicorn.Server(config))
        found.append(Server(f"ws://127.0.0.1:{port}/live", asyncio.get_running_loop(), live))
        await servers[0].serve(sockets=[bound])

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    try:
        wait_for(lambda: bool(servers) and servers[0].started, "the server to start")
        yield found[0]
    finally:
        servers[0].should_exit = True
        thread.join(10)
        bound.close()
    assert not thread.is_alive()


async def _visitor(_scope: Any) -> Visitor:
    return Visitor()


def _identified(app: ASGIApp) -> ASGIApp:
    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        scope["identity"] = Visitor()
        await app(scope, receive, send)

    return call


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskProcesses]:
    with running_desk(tmp_path_factory.mktemp("desk"), STRATEGY="tests.support.flipping:Flipping") as desk:
        yield desk


@pytest.fixture
def page(desk: DeskProcesses) -> Iterator[Page]:
    with serving(desk) as server, connect(server.url, max_size=None, close_timeout=1) as client:
        page = Page(client)
        page.wait(lambda: page.cells.get("state", {}).get("state") == "RUNNING", "the desk to run")
        yield page


def problem(page: Page, source: str) -> str:
    return str(page.cells["sources"][source]["problem"])


def commissions(page: Page) -> list[str]:
    """The known commissions of the open tickets."""
    legs = page.cells.get("position:EURUSD", {}).get("legs", [])
    return [leg["commission"] for leg in legs if leg["commission"] is not None]


def test_every_cell_of_a_trading_desk_arrives(page: Page) -> None:
    expected = [
        "state",
        "sources",
        "account",
        "risk",
        "latency",
        "processes",
        "system",
        "fills",
        "denials",
        "pnl",
        "revisions",
    ]
    per_symbol = ("quote", "bars", "market", "signal", "model", "position")
    keys = {*expected, *(f"{kind}:EURUSD" for kind in per_symbol)}
    page.wait(lambda: keys <= set(page.cells), "every cell")
    assert page.cells["state"]["symbols"] == ["EURUSD"]
    assert page.cells["model:EURUSD"]["strategy"] == "flipping"
    assert page.cells["sources"]["failed"] == {}
    assert {one["name"] for one in page.cells["processes"]} == {"mt5", "execution", "portfolio", "signal"}
    [leg] = page.cells["position:EURUSD"]["legs"]
    assert leg["volume"] == page.cells["position:EURUSD"]["net_volume"].removeprefix("-")
    page.wait(lambda: commissions(page), "the charges of the position")
    first = page.cells["quote:EURUSD"]["sequence"]
    page.wait(lambda: page.cells["quote:EURUSD"]["sequence"] > first, "a newer quote")
    deal = page.cells["fills"][0]["deal"]
    page.wait(lambda: page.cells["fills"][0]["deal"] > deal, "a newer fill")
    assert page.cells["revisions"]["fills"] > 0
    assert problem(page, "ledger") == ""


def test_portfolio_is_killed_and_restarted(page: Page, desk: DeskProcesses) -> None:
    desk.kill("portfolio")
    page.wait(lambda: problem(page, "portfolio"), "the silence of portfolio")
    answered_ns = page.cells["sources"]["portfolio"]["answered_ns"]
    first = page.cells["quote:EURUSD"]["sequence"]
    page.wait(lambda: page.cells["quote:EURUSD"]["sequence"] > first, "quotes without portfolio")
    desk.start("portfolio")
    page.wait(lambda: not problem(page, "portfolio"), "an answer of the new portfolio")
    assert page.cells["sources"]["portfolio"]["answered_ns"] > answered_ns


def test_the_gateway_is_killed_and_restarted(page: Page, desk: DeskProcesses) -> None:
    page.wait(lambda: "quote:EURUSD" in page.cells and not problem(page, "gateway"), "a quote")
    desk.kill("mt5")
    page.wait(lambda: problem(page, "gateway"), "the silence of the gateway")
    received_ns = page.cells["quote:EURUSD"]["received_ns"]
    desk.start("mt5")
    page.wait(lambda: not problem(page, "gateway"), "a message of the new gateway")
    page.wait(lambda: page.cells["quote:EURUSD"]["received_ns"] > received_ns, "a newer quote")


def test_a_page_that_reconnects_gets_only_the_changes(desk: DeskProcesses) -> None:
    with serving(desk) as server:
        url = server.url
        with connect(url, max_size=None, close_timeout=1) as client:
            page = Page(client)
            page.wait(lambda: "state" in page.cells and "model:EURUSD" in page.cells, "the state")
            last = next_message(client)
        with connect(url, max_size=None, close_timeout=1) as client:
            boot = next_message(client)["boot"]
        with connect(f"{url}?since={last['number']}&boot={boot}", max_size=None, close_timeout=1) as client:
            message = msgspec.json.decode(client.recv(10))
            assert message["type"] == "delta"
            assert len(message["set"]) < len(page.cells)


def test_without_a_page_each_value_is_read_on_demand(desk: DeskProcesses) -> None:
    with serving(desk) as server:

        async def refreshed(key: str) -> Any:
            live = server.live
            await live.watch.refresh()
            await live.processes.refresh()
            await live.system.refresh()
            return live.cells.get(key)

        def read(key: str) -> Any:
            return asyncio.run_coroutine_threadsafe(refreshed(key), server.loop).result(10)

        assert server.live.watch.watchers == 0
        state = read("state")
        assert state.state == "RUNNING"
        assert {one.name for one in read("processes")} == {"mt5", "execution", "portfolio", "signal"}
        assert read("system").ledger.bytes > 0
        assert server.live.sources.view().portfolio.problem == ""
        wait_for(lambda: read("quote:EURUSD"), "a quote", seconds=SHOWN_S)
        wait_for(lambda: read("state").ordinal > state.ordinal, "a newer state", seconds=SHOWN_S)
