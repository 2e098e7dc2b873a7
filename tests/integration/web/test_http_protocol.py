"""Connections that send half a request are dropped, and so are those above the limit; the others are served."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.sync.client import connect

from services.web.http_protocol import HttpProtocol
from services.web.live.websocket_protocol import LiveProtocol
from tests.support.waits import wait_for

REQUEST_S = 0.3
CONNECTIONS_MAX = 3
HEAD = b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 10\r\n"


class Impatient(HttpProtocol):
    """The protocol with limits that a test reaches quickly."""

    request_s = REQUEST_S
    connections_max = CONNECTIONS_MAX


async def _answer(request: Request) -> Response:
    return PlainTextResponse(f"{len(await request.body())} bytes")


async def _echo(websocket: WebSocket) -> None:
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(text)


@contextmanager
def serving() -> Iterator[int]:
    """Serve on a port of loopback in a thread."""
    routes = [Route("/", _answer, methods=["GET", "POST"]), WebSocketRoute("/echo", _echo)]
    config = uvicorn.Config(Starlette(routes=routes), log_config=None, http=Impatient, ws=LiveProtocol, lifespan="off")
    server = uvicorn.Server(config)
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, args=([bound],))
        thread.start()
        try:
            wait_for(lambda: server.started, "the server")
            yield bound.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=5)


def is_dropped(peer: socket.socket) -> bool:
    """Whether the server drops the connection, without a reply."""
    try:
        return peer.recv(1) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize("sent", [b"", b"GET / HT", HEAD, HEAD + b"\r\nhalf"])
def test_a_request_that_does_not_end_is_dropped(sent: bytes) -> None:
    with serving() as port, connected(port) as peer:
        peer.sendall(sent)
        assert is_dropped(peer)


def test_a_second_request_that_does_not_end_is_dropped() -> None:
    with serving() as port, connected(port) as peer:
        peer.sendall(HEAD + b"\r\n0123456789")
        reply = b""
        while not reply.endswith(b"10 bytes"):
            reply += peer.recv(1_000)
        peer.sendall(HEAD)
        assert is_dropped(peer)


def test_a_websocket_has_no_limit_of_time() -> None:
    with serving() as port, connect(f"ws://127.0.0.1:{port}/echo") as client, connected(port) as peer:
        peer.sendall(HEAD)
        assert is_dropped(peer), "so much time has passed"
        client.send("here")
        assert client.recv(5) == "here"


def test_connections_above_the_limit_are_dropped() -> None:
    with serving() as port, ExitStack() as stack:
        client = stack.enter_context(connect(f"ws://127.0.0.1:{port}/echo"))
        peers = [stack.enter_context(connected(port)) for _ in range(CONNECTIONS_MAX)]
        assert is_dropped(peers[-1])
        client.send("here")
        assert client.recv(5) == "here"
        assert all(is_dropped(peer) for peer in peers[:-1])
        assert httpx.get(f"http://127.0.0.1:{port}/").text == "0 bytes"
