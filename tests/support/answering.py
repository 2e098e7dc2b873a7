"""A desk that answers on a real control socket, with no process around it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread

import zmq

from proto.codec import decode_control_request, encode
from proto.control import ControlReply, ControlRequest

STOP = b"stop"


@contextmanager
def answering(url: str, answer: Callable[[ControlRequest], ControlReply | None]) -> Iterator[list[ControlRequest]]:
    """Answer every request on `url` as portfolio's ROUTER does, with silence for None; the requests that came are given."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    router, asked = context.socket(zmq.ROUTER), list[ControlRequest]()
    router.bind(url)

    def serve() -> None:
        while True:
            *envelope, payload = router.recv_multipart()
            if payload == STOP:
                return
            request = decode_control_request(payload)
            asked.append(request)
            reply = answer(request)
            if reply is not None:
                router.send_multipart([*envelope, encode(reply)])

    thread = Thread(target=serve)
    thread.start()
    try:
        yield asked
    finally:
        stopper = context.socket(zmq.DEALER)
        stopper.connect(url)
        stopper.send(STOP)
        thread.join()
        context.destroy(linger=0)
