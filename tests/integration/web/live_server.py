"""A real uvicorn server with the WebSocket of the cells, in a thread of the test, and a client of it."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from common import clock
from services.web.live.cells import Cells
from services.web.live.socket import LiveSockets
from services.web.live.turns import Turns
from services.web.live.websocket_protocol import CLIENT_MESSAGE_BYTES_MAX, LiveProtocol
from tests.support.waits import DEADLINE_SECONDS, wait_for

T = TypeVar("T")

NEVER_NS = 2**62


@dataclass
class Visitor:
    """Identity of every connection of the test server."""

    expires_ns: int = NEVER_NS


@dataclass
class LiveServer:
    """A server whose cells, identity and clocks the test sets."""

    port: int
    loop: asyncio.AbstractEventLoop
    cells: Cells
    turns: Turns
    sockets: LiveSockets
    offset_ns: list[int]
    visitor: list[Visitor | None] = field(default_factory=lambda: [Visitor()])

    def call(self, function: Callable[..., T], *arguments: object) -> T:
        """Call a function in the thread of the server's event loop, and return its result."""

        async def call() -> T:
            return function(*arguments)

        return self.run(call())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the server's event loop, and return its result."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(DEADLINE_SECONDS)

    def set(self, key: str, value: object) -> None:
        """Set a cell."""
        self.call(self.cells.set, key, value)

    def advance(self, seconds: float) -> None:
        """Advance the clocks of the server's connections."""
        self.offset_ns[0] += int(seconds * 1e9)

    def connect(self, query: str = "") -> ClientConnection:
        """Open a WebSocket."""
        return connect(
            f"ws://127.0.0.1:{self.port}/api/v1/live{query}", compression=None, max_size=None, close_timeout=1
        )


@contextmanager
def a_live_server() -> Iterator[LiveServer]:
    """Serve until the end of the block."""
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    started = threading.Event()
    found = list[LiveServer]()
    servers = list[uvicorn.Server]()

    async def main() -> None:
        cells, offset_ns = Cells("boot-1"), [0]
        turns = Turns(cells)
        sockets = LiveSockets(
            cells,
            turns,
            identify=lambda _scope: _now(server.visitor[0]),
            mono_ns=lambda: clock.mono_ns() + offset_ns[0],
            wall_ns=lambda: clock.wall_ns() + offset_ns[0],
        )
        server = LiveServer(bound.getsockname()[1], asyncio.get_running_loop(), cells, turns, sockets, offset_ns)
        app = _identified(Starlette(routes=[WebSocketRoute("/api/v1/live", sockets.serve)]), server)
        config = uvicorn.Config(
            app,
            log_config=None,
            lifespan="off",
            ws=LiveProtocol,
            ws_max_size=CLIENT_MESSAGE_BYTES_MAX,
            ws_per_message_deflate=False,
            timeout_graceful_shutdown=1,
        )
        servers.append(uvicorn.Server(config))
        found.append(server)
        taking = asyncio.create_task(turns.run())
        asyncio.get_running_loop().call_soon(started.set)
        await servers[0].serve(sockets=[bound])
        taking.cancel()

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    try:
        assert started.wait(DEADLINE_SECONDS)
        wait_for(lambda: servers[0].started, "the server to start")
        yield found[0]
    finally:
        servers[0].should_exit = True
        thread.join(DEADLINE_SECONDS)
        bound.close()
    assert not thread.is_alive()


async def _now(value: T) -> T:
    return value


def _identified(app: ASGIApp, server: LiveServer) -> ASGIApp:
    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        scope["identity"] = server.visitor[0]
        await app(scope, receive, send)

    return call


def next_message(client: ClientConnection) -> dict[str, Any]:
    """The next message of the server."""
    message: dict[str, Any] = msgspec.json.decode(client.recv(DEADLINE_SECONDS))
    return message


def next_delta_with(client: ClientConnection, key: str) -> dict[str, Any]:
    """The next delta that sets `key`; each message before it is answered as drawn."""
    while key not in (message := next_message(client)).get("set", {}):
        draw(client, message)
    return message


def draw(client: ClientConnection, message: dict[str, Any]) -> None:
    """Answer that a message was drawn."""
    client.send(msgspec.json.encode({"drawn": message["number"]}).decode())


def close_of(client: ClientConnection) -> tuple[int, str]:
    """Read until the server closes; return its code and reason."""
    with suppress(ConnectionClosed):
        while True:
            client.recv(DEADLINE_SECONDS)
    received = client.protocol.close_rcvd
    assert received is not None, "no close frame"
    return received.code, received.reason
