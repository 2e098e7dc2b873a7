"""The WebSocket of the page: first a snapshot, or a delta for a client that reconnects, then numbered deltas.

Each connection has three tasks: one sends, one reads the client's answers, one checks flow control and the session. A
client that does not read blocks only its own sending task, and is dropped after `flow.SILENT_NS`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import count
from typing import Annotated, Any, Final, NamedTuple, Protocol

import msgspec
from msgspec import Meta, Struct
from starlette.websockets import WebSocket, WebSocketDisconnect

from common import clock
from common.logs import get_logger
from proto.time import SECOND_NS
from proto.trading.number_text import parse_integer
from services.web.live.cells import Cells
from services.web.live.flow import AnswerError, Flow
from services.web.live.turns import Turns
from services.web.live.websocket_protocol import ABORT

CLIENTS_MAX: Final = 100
"""Largest number of WebSockets at a time."""

IDENTIFY_EVERY_NS: Final = 5 * SECOND_NS
"""Shortest interval in nanoseconds at which the session of a connection is looked up again; see `CHECK_S`."""

SPACING_S: Final = 0.002
"""Seconds between the messages of two connections in a turn. One burst of all messages would occupy a core so long that
an order is delayed."""

CHECK_S: Final = 0.5
"""Seconds between two checks of a connection's flow control and of the end of its session."""

PREPARE_S: Final = 0.3
"""Longest time in seconds that a new connection waits for current values before its first message."""

CLOSE_S: Final = 1.0
"""Longest time in seconds until a closing connection is dropped."""

REASON_BYTES_MAX: Final = 123
"""Longest reason of a close, by the WebSocket protocol."""


class Identity(Protocol):
    """Who has opened a connection."""

    @property
    def expires_ns(self) -> int:
        """UTC nanoseconds at which the session ends."""


class Close(NamedTuple):
    """Code and reason of a close by the server."""

    code: int
    reason: str


INVALID: Final = 1008
TOO_MANY: Final = 1013
SIGNED_OUT: Final = 4001
SILENT: Final = 4008


class _Answer(Struct, forbid_unknown_fields=True):
    drawn: Annotated[int, Meta(ge=0, le=2**53)]


_decode = msgspec.json.Decoder(_Answer).decode

Identify = Callable[[Any], Awaitable[Identity | None]]
"""Returns the current identity of a scope; None when its session has ended."""


async def _same(scope: Any) -> Identity | None:
    identity: Identity | None = scope.get("identity")
    return identity


async def _nothing() -> None:
    pass


class LiveSockets:
    """The open WebSockets of the process; `serve` is the endpoint."""

    def __init__(
        self,
        cells: Cells,
        turns: Turns,
        *,
        attach: Callable[[], AbstractContextManager[None]] = nullcontext,
        prepare: Callable[[], Awaitable[None]] = _nothing,
        identify: Identify = _same,
        mono_ns: Callable[[], int] = clock.mono_ns,
        wall_ns: Callable[[], int] = clock.wall_ns,
    ) -> None:
        """Serve the state of `cells`.

        Args:
            cells: the state.
            turns: the turns of the state.
            attach: returns a context that counts a connected client; with a client, sources are read more often.
            prepare: brings the cells up to date; called for each new connection, and not waited for longer than
                `PREPARE_S`.
            identify: returns the current identity of a connection.
            mono_ns: returns monotonic nanoseconds, for flow control.
            wall_ns: returns UTC nanoseconds, for messages and the end of sessions.
        """
        self._cells = cells
        self._turns = turns
        self._attach = attach
        self._prepare = prepare
        self._identify = identify
        self._mono_ns = mono_ns
        self._wall_ns = wall_ns
        self._preparing: asyncio.Task[None] | None = None
        self._places = set[int]()
        """Places of the connections that are served, from 0: their order within a turn."""
        self.count = 0
        """Number of open connections."""

    async def serve(self, websocket: WebSocket) -> None:
        """Serve one connection until one side closes it."""
        await websocket.accept()
        self.count += 1
        try:
            close = await self._serve(websocket)
            if close is not None:
                await _close(websocket, close)
        finally:
            self.count -= 1

    async def _serve(self, websocket: WebSocket) -> Close | None:
        if websocket.scope.get("identity") is None:
            return Close(SIGNED_OUT, "not signed in, or the session has ended")
        if self.count > CLIENTS_MAX:
            return Close(TOO_MANY, f"{CLIENTS_MAX} connections are open, expected fewer")
        try:
            flow = self._flow(websocket)
        except AnswerError as error:
            return Close(INVALID, str(error))
        with self._attach(), self._place() as place:
            works = (self._send(websocket, flow, place), self._read(websocket, flow), self._check(websocket, flow))
            tasks = [asyncio.create_task(work) for work in works]
            try:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
            return next(task.result() for task in tasks if task in done)

    @contextmanager
    def _place(self) -> Iterator[int]:
        """Hold the lowest free place during the block."""
        place = next(place for place in count() if place not in self._places)
        self._places.add(place)
        try:
            yield place
        finally:
            self._places.remove(place)

    def _flow(self, websocket: WebSocket) -> Flow:
        """Read the query of a new connection.

        Raises:
            AnswerError: an unknown parameter, or `since` is not a number.
        """
        given = websocket.query_params
        if unknown := sorted(set(given) - {"since", "boot"}):
            raise AnswerError(f"unknown parameter {unknown[0][:40]}, expected since and boot")
        try:
            since = parse_integer(given["since"]) if "since" in given else None
        except ValueError as error:
            raise AnswerError(f"since is {error}"[:100]) from None
        if since is None or given.get("boot") != self._cells.boot_id:
            return Flow(self._mono_ns())
        return Flow(self._mono_ns(), has_number=since)

    async def _send(self, websocket: WebSocket, flow: Flow, place: int) -> Close | None:
        if self._preparing is None or self._preparing.done():
            self._preparing = asyncio.ensure_future(self._prepare())
        await asyncio.wait([self._preparing], timeout=PREPARE_S)
        try:
            while True:
                if flow.is_due(self._cells.number):
                    number, text = self._cells.message(flow.number, self._wall_ns())
                    flow.sent(number)
                    await websocket.send_text(text)
                await self._turns.next()
                await asyncio.sleep(place * SPACING_S)
        except WebSocketDisconnect:
            return None

    async def _read(self, websocket: WebSocket, flow: Flow) -> Close | None:
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                return None
            text = message.get("text")
            try:
                if text is None:
                    raise AnswerError("a binary message, expected text")
                flow.answer(_decode(text).drawn, self._mono_ns())
            except (AnswerError, msgspec.MsgspecError) as error:
                return Close(INVALID, f'{error}; send {{"drawn": number}} once a second')

    async def _check(self, websocket: WebSocket, flow: Flow) -> Close:
        identity: Identity | None = websocket.scope["identity"]
        identified_ns = self._mono_ns()
        while identity is not None and self._wall_ns() < identity.expires_ns:
            await asyncio.sleep(CHECK_S)
            now_ns = self._mono_ns()
            if flow.is_silent(now_ns):
                return Close(SILENT, "no answer for 10 s; connect again")
            if now_ns - identified_ns >= IDENTIFY_EVERY_NS:
                identified_ns = now_ns
                identity = await self._identify(websocket.scope)
        return Close(SIGNED_OUT, "the session has ended; sign in again")


async def _close(websocket: WebSocket, close: Close) -> None:
    """Close with code and reason, and drop the connection if the peer does not read."""
    reason = close.reason.encode()[:REASON_BYTES_MAX].decode(errors="ignore")
    abort = websocket.scope.get("extensions", {}).get(ABORT, {}).get("call")
    try:
        await asyncio.wait_for(websocket.close(close.code, reason), CLOSE_S)
    except (TimeoutError, WebSocketDisconnect, OSError):
        if abort is not None:
            abort()
        return
    get_logger().info("live connection closed", code=close.code, reason=reason)
    if abort is not None:
        asyncio.get_running_loop().call_later(CLOSE_S, abort)
