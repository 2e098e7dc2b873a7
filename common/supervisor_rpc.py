"""Calls to a supervisord over its socket; each step has a timeout, because supervisord may be stopped or hang."""

from __future__ import annotations

import http.client
import socket
import xmlrpc.client
from typing import Any, Final
from urllib.parse import urlsplit
from xml.parsers.expat import ExpatError

RPC_ERRORS: Final = (OSError, http.client.HTTPException, xmlrpc.client.Error, ExpatError)
"""No answer in time, none that can be read, or a refusal."""

_UNIX: Final = "unix://"


def call_supervisor(url: str, method: str, *arguments: object, timeout_s: float) -> Any:
    """Call a method of supervisord's interface.

    Args:
        url: `unix://PATH` or `http://HOST:PORT`.
        method: without its prefix `supervisor.`.
        arguments: of the method.
        timeout_s: of each step; supervisord answers from memory, within milliseconds.

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
        """Connect to the URL and ignore the host that the call names."""
        connection: http.client.HTTPConnection
        if self._url.startswith(_UNIX):
            connection = _UnixConnection(self._url.removeprefix(_UNIX), self._timeout_s)
        else:
            address = urlsplit(self._url)
            connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=self._timeout_s)
        self._connection = host, connection  # which `close` closes
        return connection


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        """Connect to the path instead of a host."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
