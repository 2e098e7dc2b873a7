"""A gateway for a list of ticks. A thread replies to requests, and the test publishes the ticks."""

from __future__ import annotations

import threading
from pathlib import Path

import msgspec
import zmq

from common.clock import mono_ns
from common.event_loop import EventLoop
from common.sockets import QUEUE_MESSAGES_MAX, Sockets, send
from proto.codec import decode_request, encode
from proto.gateway import GetTicks, Hello
from proto.messages import MarketHeartbeat, Tick
from proto.routes import HEARTBEAT_TOPIC, tick_topic
from tests.support.waits import receive
from tests.unit.signal.builders import TickGateway


class GatewayPeer:
    """Serves `core` on sockets in `folder`."""

    def __init__(self, folder: Path, core: TickGateway) -> None:
        self.core = core
        self.request_url = f"ipc://{folder}/request.ipc"
        self.publish_url = f"ipc://{folder}/publish.ipc"
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        # XPUB reports subscriptions, so that no tick is published before a process has subscribed.
        self._publisher = self._context.socket(zmq.XPUB)
        self._publisher.setsockopt(zmq.LINGER, 0)
        self._publisher.setsockopt(zmq.XPUB_VERBOSE, 1)
        self._publisher.setsockopt(zmq.SNDHWM, QUEUE_MESSAGES_MAX)
        self._publisher.bind(self.publish_url)
        self._loop = EventLoop("gateway")
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def await_subscriptions(self, count: int) -> None:
        """Wait until this number of topics is subscribed to."""
        while count:
            (frame,) = receive(self._publisher)
            count -= frame[:1] == b"\x01"

    def publish(self, *ticks: Tick, is_sent: bool = True) -> None:
        """Publish ticks; if `is_sent` is False, they are not sent and are available only by GET_TICKS."""
        for tick in ticks:
            self.core.published = max(self.core.published, tick.ordinal)
            if is_sent:
                self.send(tick_topic(tick.symbol), encode(msgspec.structs.replace(tick, published_mono_ns=mono_ns())))

    def beat(self) -> None:
        """Publish a heartbeat."""
        sequences = self.core.hello().sequences
        beat = MarketHeartbeat("mt5-test", "boot", self.core.stream_id, self.core.published, sequences, 0)
        self.send(HEARTBEAT_TOPIC, encode(beat))

    def send(self, *frames: bytes) -> None:
        """Publish arbitrary frames."""
        self._publisher.send_multipart(frames, zmq.NOBLOCK)

    def close(self) -> None:
        """Close the sockets."""
        self._loop.stop()
        self._thread.join(timeout=10)
        self._loop.close()
        self._publisher.close()
        self._context.term()

    def _serve(self) -> None:
        sockets = Sockets()
        router = sockets.router(self.request_url)

        def answer(frames: list[bytes]) -> None:
            request, _ = decode_request(frames[-1])
            assert isinstance(request, Hello | GetTicks)
            send(router, [*frames[:-1], encode(self.core.answer(request))])

        self._loop.add_socket(router, answer)
        try:
            self._loop.run()
        finally:
            sockets.close()
