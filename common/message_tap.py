"""A tap on the sockets of a process, through which `paperdesk tap` sees every message that is sent and received.

The tap is off until a reader asks for it. Off, it costs one look for a folder each second, and no line of this module
is on the path of a message. To ask, a reader puts a file into the folder `tap` of the runtime folder. The file has the
identity of the reader's process, so the request ends with that process. While there is a request, the sockets of the
process are of a subclass that publishes a copy of each message on a PUB socket in that folder. The PUB socket drops
copies for a reader that is too slow, and never waits.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import zmq
from msgspec import Struct

from common.clock import mono_ns, wall_ns
from common.errors import StartError
from common.event_loop import EventLoop
from common.logs import get_logger
from common.process_identity import process_identity
from common.sockets import LOOK_EVERY_MS, Socket, Sockets

TAP_FOLDER: Final = "tap"
REQUEST_SUFFIX: Final = ".reader"
SOCKET_SUFFIX: Final = ".ipc"

SENT: Final = "sent"
RECEIVED: Final = "received"
ALIVE: Final = "alive"
"""Directions of a copy. `ALIVE` is no message: the tap sends it each second, with the number of copies so far."""

ROUTES: Final = {
    "MT5_PUBLISH_URL": "ticks",
    "ZMQ_MARKET_DATA_URL": "ticks",
    "MT5_REQUEST_URL": "requests",
    "ZMQ_EXECUTION_URL": "requests",
    "SIGNAL_URL": "signals",
    "STRATEGY_URL": "strategies",
    "COMMAND_URL": "commands",
    "REPORT_URL": "reports",
    "CONTROL_URL": "control",
    "EVENTS_URL": "events",
}
"""The route of a socket, as PROTOCOL.md names it, by the setting of its address."""

_log = get_logger()


class TapHead(Struct, frozen=True, array_like=True):
    """First frame of a copy; the frames of the message follow.

    `sequence` numbers the copies of one tap from 1 without a gap. `time_ns` is UTC, `mono_ns` of the host's
    monotonic clock.
    """

    sequence: int
    time_ns: int
    mono_ns: int
    pid: int
    process: str
    direction: str
    route: str


_encode_head = msgspec.msgpack.Encoder().encode
_head_decoder = msgspec.msgpack.Decoder(TapHead)


def decode_head(frame: bytes) -> TapHead:
    """Decode the first frame of a copy.

    Raises:
        msgspec.DecodeError: the frame has another form.
    """
    return _head_decoder.decode(frame)


def offer_tap(loop: EventLoop, sockets: Sockets, runtime: Path) -> MessageTap:
    """Let readers in the runtime folder tap the sockets of this process; they are served by `loop`."""
    tap = MessageTap(loop, sockets, runtime)
    loop.every(LOOK_EVERY_MS, tap.look)
    sockets.on_close(tap.close)
    return tap


class MessageTap:
    """Copies the messages of one process to readers while there are any."""

    def __init__(self, loop: EventLoop, sockets: Sockets, runtime: Path) -> None:
        """Make a tap that is off; `loop` names the process."""
        self._loop = loop
        self._sockets = sockets
        self._folder = runtime / TAP_FOLDER
        self._path = self._folder / f"{loop.name}{SOCKET_SUFFIX}"
        self._own: Sockets | None = None
        self._publisher: Socket | None = None
        self._copies = 0
        self._is_warned = False

    @property
    def is_on(self) -> bool:
        """Whether messages are copied."""
        return self._publisher is not None

    def look(self) -> None:
        """Turn the tap on or off by the requests in its folder; called each second."""
        if not _has_reader(self._folder):
            self.close()
            return
        if self._publisher is None:
            self._open()
        if self._publisher is not None:
            self._tap_sockets()  # also those that were opened since the last look
            self._publish(ALIVE, "", [], mono_ns())

    def close(self) -> None:
        """Turn the tap off."""
        if self._own is None:
            return
        for socket, _ in self._sockets.opened:
            if isinstance(socket, _TappedSocket):
                _change_class(socket, zmq.Socket)
        self._loop.renew_receivers()
        self._own.close()
        self._own = self._publisher = None
        self._path.unlink(missing_ok=True)

    def _open(self) -> None:
        own = Sockets()  # a context of its own, so that the process does not end when the socket's file is removed
        try:
            self._publisher = own.pub(f"ipc://{self._path}")
        except StartError as error:
            own.close()
            if not self._is_warned:
                self._is_warned = True
                _log.warning("messages cannot be tapped", error=str(error))
            return
        self._own, self._copies = own, 0

    def _tap_sockets(self) -> None:
        found = [(socket, setting) for socket, setting in self._sockets.opened if type(socket) is zmq.Socket]
        for socket, setting in found:
            _change_class(socket, _TappedSocket)
            assert isinstance(socket, _TappedSocket)
            socket.route = ROUTES.get(setting, setting.lower())
            socket.unsent = []
            socket.copy_to = self._copy
        if found:
            self._loop.renew_receivers()

    def _copy(self, direction: str, route: str, frames: Sequence[bytes], at_mono_ns: int) -> None:
        self._copies += 1
        self._publish(direction, route, frames, at_mono_ns)

    def _publish(self, direction: str, route: str, frames: Sequence[bytes], at_mono_ns: int) -> None:
        if self._publisher is None:
            return
        time_ns = wall_ns() - (mono_ns() - at_mono_ns)
        head = TapHead(self._copies, time_ns, at_mono_ns, os.getpid(), self._loop.name, direction, route)
        self._publisher.send_multipart([_encode_head(head), *frames], zmq.NOBLOCK)


class _TappedSocket(zmq.Socket[bytes]):
    """A socket that copies the frames of each message that it sent or received."""

    route: str = ""
    unsent: list[bytes]
    begun_mono_ns: int = 0
    copy_to: Callable[[str, str, Sequence[bytes], int], None]

    def send(self, data: Any, flags: int = 0, *arguments: Any, **options: Any) -> Any:
        if not self.unsent:
            self.begun_mono_ns = mono_ns()  # before it is sent, so that it is earlier than its receipt
        try:
            result = super().send(data, flags, *arguments, **options)
        except zmq.ZMQError:
            self.unsent.clear()
            raise
        self.unsent.append(bytes(data))
        if not flags & zmq.SNDMORE:
            frames = self.unsent.copy()
            self.unsent.clear()
            self.copy_to(SENT, self.route, frames, self.begun_mono_ns)
        return result

    def recv_multipart(self, *arguments: Any, **options: Any) -> Any:
        frames = super().recv_multipart(*arguments, **options)
        self.copy_to(RECEIVED, self.route, frames, mono_ns())
        return frames


def _change_class(socket: object, kind: type[Socket]) -> None:
    """Change a socket to one of another class with the same attributes; its connections and queues stay."""
    socket.__class__ = kind


def _has_reader(folder: Path) -> bool:
    """Whether a process that asked for the messages is alive."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.name.endswith(REQUEST_SUFFIX)]
    except OSError:
        return False
    return any(is_reading(folder / name) for name in names)


def is_reading(request: Path) -> bool:
    """Whether the process that wrote a request is alive."""
    pid = request.name.removesuffix(REQUEST_SUFFIX)
    try:
        return pid.isdigit() and request.read_text(encoding="utf-8") == process_identity(int(pid))
    except (OSError, ValueError):
        return False
