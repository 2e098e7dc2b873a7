"""One question to a supervisord over its own socket, with an end: one that is held must not hold who asks."""

from __future__ import annotations

import http.client
import socket
import xmlrpc.client
from pathlib import Path
from typing import Final
from xml.parsers.expat import ExpatError

from supervisor.xmlrpc import SupervisorTransport

ANSWER_TIMEOUT_S: Final = 1.0
"""It answers from memory, within milliseconds."""

RPC_ERRORS: Final = (OSError, http.client.HTTPException, xmlrpc.client.Error, ExpatError)


class _BoundedConnection(http.client.HTTPConnection):
    """HTTP over a local socket whose every step ends after `timeout` seconds."""

    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        """Connect to the path instead of a host."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def ask_supervisor(path: Path, method: str, *arguments: object, timeout_s: float = ANSWER_TIMEOUT_S) -> object:
    """What supervisord answers at the socket; None where it does not in time, or refuses."""
    transport = SupervisorTransport(None, None, f"unix://{path}")
    transport._get_connection = lambda: _BoundedConnection(path, timeout_s)
    server = xmlrpc.client.ServerProxy("http://localhost", transport=transport)
    try:
        return getattr(server.supervisor, method)(*arguments)
    except RPC_ERRORS:
        return None
    finally:
        transport.close()
