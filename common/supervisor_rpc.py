"""Calls to supervisord over its socket, with a timeout of each step, because supervisord may be stopped or hang."""

from __future__ import annotations

import http.client
import socket
import xmlrpc.client
from typing import Any, Final
from urllib.parse import urlsplit
from xml.parsers.expat import ExpatError

RPC_ERRORS: Final = (OSError, http.client.HTTPException, xmlrpc.client.Error, ExpatError)
"""Errors of a call: no answer in time, an answer that cannot be parsed, or a refusal."""

_UNIX: Final = "unix://"


def call_supervisor(url: str, method: str, *arguments: object, timeout_s: float) -> Any:
    """Call a method of supervisord's XML-RPC interface, and return its result.

    Args:
        url: `unix://PATH` or `http://HOST:PORT`.
        method: name of the method without its prefix `supervisor.`.
        arguments: arguments of the method.
        timeout_s: timeout of each step; supervisord usually answers within milliseconds.

    Raises:
        One of RPC_ERRORS.
    """
    transport = _Transport(url, timeout_s)
    try:
        return getattr(xmlrpc.client.ServerProxy("http://localhost", transport=transport).supervisor, method)(
            *arguments
        )
    finally:
        transport.close()


class _Transport(xmlrpc.client.Transport):
    def __init__(self, url: str, timeout_s: float) -> None:
        super().__init__()
        self._url = url
        self._timeout_s = timeout_s

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        """Create a connection to the URL of this transport; `host` is ignored."""
        connection: http.client.HTTPConnection
        if self._url.startswith(_UNIX):
            connection = _UnixConnection(self._url.removeprefix(_UNIX), self._timeout_s)
        else:
            address = urlsplit(self._url)
            connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=self._timeout_s)
        self._connection = host, connection  # `close` of the base class closes this connection
        return connection


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        """Connect to the path of the Unix socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
