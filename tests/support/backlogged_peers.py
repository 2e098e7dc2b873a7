"""A receiver that does not read and a sender that sends until the queues are full, each in a separate process.

    python -m tests.support.backlogged_peers receive KIND URL
    python -m tests.support.backlogged_peers send KIND URL

KIND is the type of the receiving socket. The receiver prints its address and waits for a line on stdin without reading
from the socket. Then it reads all messages, without a poll while one waits, and prints their number. The sender kills
itself when a send blocks and it has sent more messages than the receiver's queue can hold.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from typing import Final

import zmq

from common.sockets import QUEUE_MESSAGES_MAX, ROUTER_UNREAD_MAX, Socket, Sockets

TOPIC: Final = b"topic"
PAYLOAD: Final = bytes(200)
FULL_MS: Final = 200
"""Milliseconds after which a waiting send counts as blocked by the receiver."""

SENT_HWM: Final = 10
"""High-water mark of the sender in messages, so that nearly all messages that it has sent have left its process."""

SILENCE_MS: Final = 200
"""Milliseconds without a message after which the receiver counts as having read all messages."""

_PEER_OF: Final = {"PULL": zmq.PUSH, "SUB": zmq.XPUB, "ROUTER": zmq.DEALER, "DEALER": zmq.ROUTER}
_NAME: Final = b"receiver"


def binds(kind: str) -> bool:
    """Whether processes of the desk bind receiving sockets of this type, rather than connect them."""
    return kind in ("PULL", "ROUTER")


def _receive(kind: str, url: str) -> None:
    sockets = Sockets()
    if kind == "PULL":
        socket = sockets.pull(url)
    elif kind == "ROUTER":
        socket = sockets.router(url)
    elif kind == "SUB":
        socket = sockets.sub(url, [TOPIC])
    else:
        socket = sockets.dealer(url)
        socket.send(_NAME)
    _print_address(socket)
    if not binds(kind):
        socket.poll()  # libzmq attaches a new connection to the socket only within a call on the socket
    sys.stdin.readline()
    messages = 0
    while socket.poll(SILENCE_MS):
        with suppress(zmq.Again):
            while True:
                socket.recv_multipart(zmq.NOBLOCK)
                messages += 1
    print(messages, flush=True)
    sockets.close()


def _send(kind: str, url: str) -> None:
    context = zmq.Context[Socket]()
    socket = context.socket(_PEER_OF[kind])
    socket.setsockopt(zmq.SNDTIMEO, FULL_MS)
    socket.setsockopt(zmq.SNDHWM, SENT_HWM)
    if kind == "SUB":
        socket.setsockopt(zmq.XPUB_NODROP, 1)
    if kind == "DEALER":
        socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
    if binds(kind):
        socket.connect(url)
    else:
        socket.bind(url)
        _print_address(socket)
    envelope = [TOPIC] if kind == "SUB" else []
    if not binds(kind):
        # The subscription, or the dealer's first message, shows that the receiver is connected.
        first = socket.recv_multipart()
        envelope = first[:1] if kind == "DEALER" else envelope
    queued_max = ROUTER_UNREAD_MAX if kind == "ROUTER" else QUEUE_MESSAGES_MAX
    sent, is_blocked = 0, False
    while not (is_blocked and sent > queued_max):
        try:
            socket.send_multipart([*envelope, PAYLOAD])
            sent, is_blocked = sent + 1, False
        except zmq.Again:  # on a busy machine also before the connection is made
            is_blocked = True
    os.kill(os.getpid(), signal.SIGKILL)


def _print_address(socket: Socket) -> None:
    address = socket.getsockopt(zmq.LAST_ENDPOINT)
    assert isinstance(address, bytes)
    print(address.rstrip(b"\0").decode(), flush=True)


if __name__ == "__main__":
    {"receive": _receive, "send": _send}[sys.argv[1]](*sys.argv[2:])
