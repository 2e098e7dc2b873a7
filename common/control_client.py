"""Clients of the control sockets of portfolio and notify."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import count
from types import TracebackType
from typing import Any, Self, TypeVar

import zmq
from msgspec import Struct

from common.errors import StartError
from common.sockets import Sockets, send
from proto.codec import MalformedMessageError, decode_control_reply, encode
from proto.control import ControlError, ControlReply, ControlRequest
from proto.notify import NotifyReply, NotifyRequest, decode_notify_reply

R = TypeVar("R", bound=ControlReply)
N = TypeVar("N", bound=NotifyReply)
S = TypeVar("S", bound=Struct)


class RefusedError(StartError):
    """The process refused a request; `reason` is its text, without the address and the request."""

    def __init__(self, url: str, tag: str, reason: str) -> None:
        """Create the error: the process at `url` refused the request `tag` for `reason`."""
        super().__init__(f"{url} refused {tag}: {reason}")
        self.reason = reason


class _Connection:
    """One connection to a control socket.

    Each request has an id, which the process repeats in its reply, so that a late reply to another request is dropped.
    Without a reply the outcome of a request is unknown; it can be repeated.
    """

    def __init__(self, url: str, decode: Callable[[bytes], Any]) -> None:
        """Connect to `url` without waiting for the process; `decode` reads its replies."""
        self._url = url
        self._decode = decode
        self._sockets = Sockets()
        self._socket = self._sockets.dealer(url)
        self._ids = count(1)

    def __enter__(self) -> Self:
        """Return the client; nothing is sent yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Drop unanswered requests."""
        self._sockets.close()

    def _exchange(self, request: Struct, expected: type[S], *, timeout_s: float) -> S | None:
        deadline = time.monotonic() + timeout_s
        envelope = [next(self._ids).to_bytes(8, "big"), b""]
        # With ZMQ_IMMEDIATE the socket refuses messages until it is connected, so wait for the connection first.
        if not self._socket.poll(int(timeout_s * 1_000), zmq.POLLOUT):
            return None
        if not send(self._socket, [*envelope, encode(request)]):
            return None
        while (left_s := deadline - time.monotonic()) > 0:
            if not self._socket.poll(int(left_s * 1_000) + 1, zmq.POLLIN):
                return None
            *found, payload = self._socket.recv_multipart()
            if found != envelope:
                continue  # a late reply to an earlier request
            try:
                reply = self._decode(payload)
            except MalformedMessageError as error:
                raise StartError(f"{self._url} sent no control reply: {error}") from None
            if isinstance(reply, ControlError):
                raise RefusedError(self._url, str(request.__struct_config__.tag), reply.error)
            if not isinstance(reply, expected):
                raise StartError(
                    f"{self._url} answered {request.__struct_config__.tag} with {reply.__struct_config__.tag}, "
                    f"expected {expected.__struct_config__.tag}"
                )
            return reply
        return None


class ControlClient(_Connection):
    """One connection to portfolio's control socket."""

    def __init__(self, url: str) -> None:
        """Connect to `url` without waiting for the desk."""
        super().__init__(url, decode_control_reply)

    def request(self, request: ControlRequest, expected: type[R], *, timeout_s: float) -> R | None:
        """The reply of type `expected`; None when none arrives within `timeout_s`.

        Raises:
            RefusedError: the request is refused.
            StartError: the reply is not one of this version's portfolio.
        """
        return self._exchange(request, expected, timeout_s=timeout_s)


class NotifyClient(_Connection):
    """One connection to notify's control socket."""

    def __init__(self, url: str) -> None:
        """Connect to `url` without waiting for notify."""
        super().__init__(url, decode_notify_reply)

    def request(self, request: NotifyRequest, expected: type[N], *, timeout_s: float) -> N | None:
        """The reply of type `expected`; None when none arrives within `timeout_s`.

        Raises:
            RefusedError: the request is refused.
            StartError: the reply is not one of this version's notify.
        """
        return self._exchange(request, expected, timeout_s=timeout_s)
