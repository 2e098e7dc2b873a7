"""uvicorn's WebSocket protocol with a bounded buffer, and with a way to drop a peer that does not read.

uvicorn waits before each message until the transport's buffer is below its limit, so a peer that does not read delays
only its own messages. But it also waits so before a close, and a transport that is closed keeps its buffer and its
descriptor until the peer has read everything. Therefore an application can abort the connection through the extension
`ABORT` of the scope.
"""

from __future__ import annotations

from asyncio.transports import BaseTransport, WriteTransport
from typing import Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

ABORT: Final = "paperdesk.abort"
"""Key of `extensions` in the scope of a WebSocket: a map whose `call` drops the connection at once."""

CLIENT_MESSAGE_BYTES_MAX: Final = 1_024
"""Longest message of a client; a longer one closes the connection with 1009."""

UNSENT_BYTES_MAX: Final = 16_384
"""Bytes in the transport's buffer above which the next message waits. The kernel buffers more in addition."""


class LiveProtocol(WebSocketsSansIOProtocol):
    """A connection whose application can abort it."""

    def connection_made(self, transport: BaseTransport) -> None:
        """Limit the buffer of a new connection."""
        super().connection_made(transport)
        assert isinstance(transport, WriteTransport)
        transport.set_write_buffer_limits(high=UNSENT_BYTES_MAX)

    async def run_asgi(self) -> None:
        """Run the application with `ABORT` in its scope."""
        extensions: dict[str, dict[Any, Any]] = {**(self.scope.get("extensions") or {})}
        extensions[ABORT] = {"call": self.transport.abort}
        self.scope["extensions"] = extensions
        await super().run_asgi()
