"""uvicorn's HTTP protocol with a time limit for each request and a limit of connections.

uvicorn has no time limit for receiving a request. Connections with incomplete requests could use all file descriptors
of the process, which it also needs for its heartbeat and the ledger.
"""

from __future__ import annotations

import asyncio
from asyncio.transports import Transport
from typing import ClassVar, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_S: Final = 10.0
"""Longest time in seconds from the first byte of a request, or from the connection, to the last byte of the request."""

CONNECTIONS_MAX: Final = 400
"""Largest number of connections, WebSockets included; a further one is dropped at once."""

_RECEIVING: Final = (h11.IDLE, h11.SEND_BODY)
"""States of a peer from which a part of the request is still missing."""


class HttpProtocol(H11Protocol):
    """A connection that is dropped if a request is not complete within `request_s`."""

    request_s: ClassVar[float] = REQUEST_S
    connections_max: ClassVar[int] = CONNECTIONS_MAX
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Start the time limit of a request, or drop the connection above the limit of connections."""
        super().connection_made(transport)
        if len(self.connections) > self.connections_max:
            transport.abort()
        else:
            self._begin()

    def data_received(self, data: bytes) -> None:
        """Take a part of a request."""
        if self._timer is None:
            self._begin()
        super().data_received(data)
        if self.conn.their_state not in _RECEIVING or self.transport.get_protocol() is not self:
            self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        """Expect nothing more."""
        self._end()
        super().connection_lost(exc)

    def _begin(self) -> None:
        self._timer = self.loop.call_later(self.request_s, self.transport.abort)

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
