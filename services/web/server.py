"""The HTTP server: uvicorn on asyncio, with TLS if it is set, until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Final

import uvicorn

from common.errors import InUseError, StartError
from common.heartbeat import BEAT_MS, Heartbeat, Progress
from common.logs import get_logger
from services.web.http_protocol import HttpProtocol
from services.web.live.websocket_protocol import CLIENT_MESSAGE_BYTES_MAX, LiveProtocol
from services.web.security.request_checks import Application
from services.web.settings import WebSettings

BACKLOG: Final = 128
"""Connections that may wait to be accepted."""

START_LOOK_S: Final = 0.05
"""Interval in seconds at which the first heartbeat is due while the server starts."""

SHUTDOWN_S: Final = 3
"""Longest time in seconds that a stopping server waits for its connections to close."""

UNREAD_MS_MAX: Final = 30_000
"""A connection is dropped after so many milliseconds in which its peer has read nothing of the waiting data."""


_log = get_logger()


def bound_socket(settings: WebSettings) -> socket.socket:
    """Return a socket bound to the server's address.

    Raises:
        InUseError: another process has the address.
        StartError: the host has no such address.
    """
    family = socket.AF_INET6 if ":" in settings.web_host else socket.AF_INET
    # asyncio sends small messages at once (TCP_NODELAY) only on a socket whose protocol is given.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # accepted connections inherit it
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_MS_MAX)
    try:
        bound.bind((settings.web_host, settings.web_port))
    except OSError as error:
        bound.close()
        kind = InUseError if error.errno == errno.EADDRINUSE else StartError
        raise kind(
            f"WEB_HOST and WEB_PORT: value '{settings.web_host}:{settings.web_port}' cannot be bound: "
            f"{error.strerror}; expected a free address of this host"
        ) from None
    bound.set_inheritable(False)
    return bound


def require_certificate(settings: WebSettings) -> None:
    """Check the certificate and its key, if they are set.

    Raises:
        StartError: they cannot be used.
    """
    if settings.web_tls_cert is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
            settings.web_tls_cert, settings.web_tls_key, password=lambda: ""
        )
    except (OSError, ValueError) as error:  # OSError is also that of OpenSSL
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise StartError(
            f"WEB_TLS_CERT and WEB_TLS_KEY: values '{settings.web_tls_cert}' and '{settings.web_tls_key}' cannot be "
            f"used: {why}; expected a certificate chain and its private key without a password, in PEM"
        ) from None


def serve(
    app: Application,
    settings: WebSettings,
    bound: socket.socket,
    *,
    heartbeat: Heartbeat | None = None,
    on_beat: Callable[[], None] = lambda: None,
) -> None:
    """Serve requests until SIGTERM or SIGINT, and call `on_beat` with each heartbeat.

    Raises:
        StartError: the certificate or its key cannot be used.
    """
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="on",
        http=HttpProtocol,
        ws=LiveProtocol,
        ws_max_size=CLIENT_MESSAGE_BYTES_MAX,
        ws_per_message_deflate=False,
        proxy_headers=False,
        server_header=False,
        date_header=True,
        backlog=BACKLOG,
        timeout_graceful_shutdown=SHUTDOWN_S,
        ssl_certfile=settings.web_tls_cert,
        ssl_keyfile=settings.web_tls_key,
    )
    require_certificate(settings)
    scheme = "http" if settings.web_tls_cert is None else "https"
    _log.info("serving the page", address=f"{scheme}://{settings.web_host}:{settings.web_port}/")
    asyncio.run(_serve(uvicorn.Server(config), bound, heartbeat, on_beat))


async def _serve(
    server: uvicorn.Server, bound: socket.socket, heartbeat: Heartbeat | None, on_beat: Callable[[], None]
) -> None:
    async with _beating(server, heartbeat, on_beat):
        await server.serve(sockets=[bound])


@contextlib.asynccontextmanager
async def _beating(
    server: uvicorn.Server, heartbeat: Heartbeat | None, on_beat: Callable[[], None]
) -> AsyncIterator[None]:
    """Write the heartbeat from the event loop while the server accepts connections; a blocked loop writes none."""
    if heartbeat is None:
        yield
        return
    task = asyncio.create_task(_beat(server, heartbeat, on_beat))
    try:
        yield
    finally:
        task.cancel()
        heartbeat.end()


async def _beat(server: uvicorn.Server, heartbeat: Heartbeat, on_beat: Callable[[], None]) -> None:
    while not server.started:
        await asyncio.sleep(START_LOOK_S)
    beats = 0
    while True:
        beats += 1
        heartbeat.beat(Progress(beats, False))
        on_beat()
        await asyncio.sleep(BEAT_MS / 1_000)
