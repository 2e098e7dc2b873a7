"""A gateway with real sockets in a thread of the test, and clients that use only ZeroMQ and an encoding."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgpack
import zmq

from common.sockets import Sockets
from services.mt5.core.gateway.gateway import Gateway
from services.mt5.shell import GatewayShell

TIMEOUT_MS = 5_000


class Server:
    """A running gateway shell on ports chosen by the system."""

    def __init__(self, gateway: Gateway) -> None:
        """Bind the sockets; `running` starts the thread."""
        self.gateway = gateway
        self.sockets = Sockets()
        self.shell = GatewayShell(
            gateway, self.sockets, request_url="tcp://127.0.0.1:*", publish_url="tcp://127.0.0.1:*"
        )
        self._thread = threading.Thread(target=self.shell.run)

    @contextmanager
    def running(self) -> Iterator[Server]:
        """Serve while the context is open."""
        self._thread.start()
        try:
            yield self
        finally:
            self.shell.stop()
            self._thread.join(timeout=10)
            self.sockets.close()


class Client:
    """A client that uses ZeroMQ and one encoding, but no code of this project."""

    def __init__(self, url: str, *, kind: int = zmq.REQ, is_json: bool = True) -> None:
        """Connect to `url` with a socket of type `kind`."""
        self.is_json = is_json
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.socket = self._context.socket(kind)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.RCVTIMEO, TIMEOUT_MS)
        self.socket.connect(url)

    def ask(self, **fields: Any) -> dict[str, Any]:
        """Send a map and return the reply as a map."""
        payload = json.dumps(fields).encode() if self.is_json else msgpack.packb(fields)
        return self.ask_bytes(payload)

    def ask_bytes(self, payload: bytes) -> dict[str, Any]:
        """Send bytes and return the reply as a map, in either encoding."""
        self.socket.send(payload)
        return read(self.socket.recv())

    def close(self) -> None:
        """Disconnect."""
        self.socket.close()
        self._context.term()


def read(payload: bytes) -> dict[str, Any]:
    """A reply in either encoding as a map."""
    fields = json.loads(payload) if payload.startswith(b"{") else msgpack.unpackb(payload)
    assert isinstance(fields, dict), fields
    return fields
