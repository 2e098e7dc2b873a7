"""Servers of portfolio's, notify's or a gateway's replies on a real socket, without a separate process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread

import zmq

from proto.codec import decode_control_request, decode_request, encode
from proto.control import ControlReply, ControlRequest
from proto.gateway import Request
from proto.notify import NotifyReply, NotifyRequest, decode_notify_request
from proto.time import Now
from services.mt5.core.gateway.gateway import Gateway
from tests.support.builders import START_NS

STOP = b"stop"


@contextmanager
def serve_control(url: str, answer: Callable[[ControlRequest], ControlReply | None]) -> Iterator[list[ControlRequest]]:
    """Reply to each request on `url` with the result of `answer`, if it is not None; yield the list of requests."""
    asked = list[ControlRequest]()

    def reply_to(payload: bytes) -> bytes | None:
        request = decode_control_request(payload)
        asked.append(request)
        reply = answer(request)
        return None if reply is None else encode(reply)

    with _serving(url, reply_to):
        yield asked


@contextmanager
def serve_notify(url: str, answer: Callable[[NotifyRequest], NotifyReply | None]) -> Iterator[list[NotifyRequest]]:
    """Reply to each request on `url` with the result of `answer`, if it is not None; yield the list of requests."""
    asked = list[NotifyRequest]()

    def reply_to(payload: bytes) -> bytes | None:
        request = decode_notify_request(payload)
        asked.append(request)
        reply = answer(request)
        return None if reply is None else encode(reply)

    with _serving(url, reply_to):
        yield asked


@contextmanager
def serve_gateway(url: str, gateway: Gateway) -> Iterator[list[Request]]:
    """Serve a gateway core on a socket, with a market that publishes no ticks; yield the list of requests."""
    asked = list[Request]()

    def reply_to(payload: bytes) -> bytes:
        request, _ = decode_request(payload)
        asked.append(request)
        return encode(gateway.handle(request, Now(START_NS, 1))[0])

    with _serving(url, reply_to):
        yield asked


@contextmanager
def _serving(url: str, reply_to: Callable[[bytes], bytes | None]) -> Iterator[None]:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    router = context.socket(zmq.ROUTER)
    router.bind(url)

    def serve() -> None:
        while True:
            *envelope, payload = router.recv_multipart()
            if payload == STOP:
                return
            reply = reply_to(payload)
            if reply is not None:
                router.send_multipart([*envelope, reply])

    thread = Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        stopper = context.socket(zmq.DEALER)
        stopper.connect(url)
        stopper.send(STOP)
        thread.join()
        context.destroy(linger=0)
