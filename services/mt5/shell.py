"""The two sockets of the gateway process: one for requests and replies, the other for published ticks.

Each message with an envelope gets one reply in its own encoding, unless its client has disconnected. Messages without
an envelope are dropped. After each burst of requests, the gateway publishes the ticks that are due.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import zmq

from common import clock
from common.event_loop import EventLoop
from common.fault_injection import crash_point
from common.heartbeat import Heartbeat
from common.logs import get_logger
from common.message_tap import offer_tap
from common.sockets import LOOK_EVERY_MS, Socket, Sockets, begin_reply, send
from common.storage import DISK_FAULTS
from proto.codec import MalformedMessageError, decode_request, encode, looks_like_json
from proto.gateway import (
    Confirm,
    ErrorCode,
    Reply,
    Request,
)
from proto.messages import Tick
from proto.routes import HEARTBEAT_TOPIC, tick_topic
from proto.time import Now
from services.mt5 import metrics
from services.mt5.core.gateway.gateway import Gateway
from services.mt5.framing import encode_reply, open_envelope, readable_fields
from services.mt5.storage_guard import StorageGuard

HEARTBEAT_MS = 1_000

CHECKPOINT_TICKS: Final = 50
"""Published ticks after which a live market makes a checkpoint; a restart may publish about this many again."""

_CHOSEN_BY_LIBZMQ: Final = b"\0"
"""First byte of a socket identity that libzmq has chosen; after a disconnection the client gets another identity."""

_log = get_logger()


class GatewayShell:
    """The sockets around one gateway core."""

    def __init__(
        self,
        gateway: Gateway,
        sockets: Sockets,
        *,
        request_url: str,
        publish_url: str,
        save_market: Callable[[int], None] | None = None,
        require_files: Callable[[], None] | None = None,
        heartbeat: Heartbeat | None = None,
        tapped_in: Path | None = None,
    ) -> None:
        """Bind both sockets; requests are answered once `run` is called.

        Args:
            gateway: the core.
            sockets: the ZeroMQ sockets; the caller opens and closes them.
            request_url: address of the request socket.
            publish_url: address of the tick socket.
            save_market: stores the state of a generated market, given the ordinal of the book's tick.
            require_files: called each second; raises FileLostError if a file of the process was removed or replaced.
            heartbeat: the heartbeat file of the process.
            tapped_in: runtime folder in which `paperdesk tap` asks for the messages; None if it cannot.
        """
        self._gateway = gateway
        self._core = StorageGuard(gateway)
        self._save_market = save_market
        self._require_files = require_files
        self._topics: dict[str, bytes] = {}
        self._gone: set[bytes] = set()
        """Clients found disconnected since the last `_every_second`; their queued requests get no reply."""
        self._ticks_since_checkpoint = 0
        self._router = sockets.router(request_url, setting="MT5_REQUEST_URL")
        self._publisher = sockets.pub(publish_url, setting="MT5_PUBLISH_URL")
        self.request_url = _bound_to(self._router)
        self.publish_url = _bound_to(self._publisher)
        self._loop = EventLoop("mt5")
        self._loop.set_heartbeat(heartbeat)
        self._loop.add_socket(self._router, self._on_request)
        self._loop.drive(self._core, self._perform, self._now)
        self._loop.every(HEARTBEAT_MS, self._every_second)
        self._loop.every(LOOK_EVERY_MS, sockets.require_in_place)
        if tapped_in is not None:
            offer_tap(self._loop, sockets, tapped_in)

    def run(self) -> None:
        """Serve until `stop` is called or a signal ends the process."""
        self._perform(self._core.start(self._now()))
        self._loop.run()

    def stop(self) -> None:
        """End `run`; callable from any thread."""
        self._loop.stop()

    def _on_request(self, frames: list[bytes]) -> None:
        envelope = open_envelope(frames)
        if envelope is None:
            metrics.DROPPED.inc()
            _log.warning("dropped message without an empty frame before its payload", frames=len(frames))
            return
        (peer, *route), payload = envelope
        can_reply = peer not in self._gone and begin_reply(self._router, peer)
        request, is_json = self._decode(payload)
        if not can_reply:
            metrics.UNSENT.inc()
            if peer.startswith(_CHOSEN_BY_LIBZMQ):
                self._gone.add(peer)
            if not isinstance(request, MalformedMessageError) and request.is_query:
                return
        reply = self._answer(request, payload)
        if reply.error_code is not None:
            metrics.REFUSED.inc(reply.error_code)
        ordinal = self._gateway.venue.ordinal
        crash_point("mt5.before_reply", ordinal)
        if can_reply:
            send(self._router, [*route, encode_reply(reply, is_json=is_json)])
        crash_point("mt5.after_reply", ordinal)

    def _decode(self, payload: list[bytes]) -> tuple[Request | MalformedMessageError, bool]:
        """The request or its error, and whether its client uses JSON."""
        if len(payload) != 1:
            error = MalformedMessageError(f"{len(payload)} frames after the empty one, expected 1")
            return error, bool(payload) and looks_like_json(payload[0])
        try:
            return decode_request(payload[0], self._gateway.instrument)
        except MalformedMessageError as error:
            return error, looks_like_json(payload[0])

    def _answer(self, request: Request | MalformedMessageError, payload: list[bytes]) -> Reply:
        if isinstance(request, MalformedMessageError):
            is_legible = len(payload) == 1 and request.code is not ErrorCode.TOO_LARGE
            return self._gateway.refuse(request, readable_fields(payload[0]) if is_legible else {})
        now = self._now()
        [reply] = self._core.handle(request, now)
        metrics.REQUESTS[str(request.__struct_config__.tag)].observe(clock.mono_ns() - now.mono_ns)
        if isinstance(request, Confirm):
            crash_point("mt5.after_confirm", request.ordinal)
        return reply

    def _perform(self, outputs: Sequence[Reply | Tick]) -> None:
        """Publish ticks. `outputs` has no replies, because `_on_request` sends each reply itself."""
        self._ticks_since_checkpoint += len(outputs)
        if self._ticks_since_checkpoint >= CHECKPOINT_TICKS and self._gateway.publisher.is_live:
            self.checkpoint(is_synced=False)
        for tick in outputs:
            assert isinstance(tick, Tick), tick
            crash_point("mt5.before_publish", tick.ordinal)
            topic = self._topics.get(tick.symbol)
            if topic is None:
                topic = self._topics[tick.symbol] = tick_topic(tick.symbol)
            send(self._publisher, [topic, encode(tick)])
            crash_point("mt5.after_publish", tick.ordinal)
            metrics.PUBLISHED_TICKS.inc(tick.symbol)

    def _every_second(self) -> None:
        self._gone.clear()
        send(self._publisher, [HEARTBEAT_TOPIC, encode(self._gateway.heartbeat(self._now()))])
        metrics.update(self._gateway)
        if self._require_files is not None:
            self._require_files()
        if self._gateway.publisher.is_live:
            self.checkpoint()
        self._core.update(self._now())

    def checkpoint(self, *, is_synced: bool = True) -> None:
        """Store the state of the market and the ordinal of the book, from which a live market continues.

        With `is_synced` False a power cut may undo the storage of the ordinal.
        """
        venue = self._gateway.venue
        self._ticks_since_checkpoint = 0
        try:
            if self._save_market is not None:
                self._save_market(venue.ordinal)
            venue.checkpoint(is_synced=is_synced)
        except DISK_FAULTS as error:
            self._core.note_fault(error)

    def _now(self) -> Now:
        mono_ns = clock.mono_ns()
        return Now(self._gateway.domain_ns(mono_ns), mono_ns)


def _bound_to(socket: Socket) -> str:
    """The address that a socket is bound to, with the port that the system chose if the setting has none."""
    endpoint = socket.getsockopt(zmq.LAST_ENDPOINT)
    assert isinstance(endpoint, bytes), endpoint
    return endpoint.rstrip(b"\0").decode()
