"""ZeroMQ sockets with the options of the desk, and error texts for addresses that cannot be bound.

A queued message is lost when its process is killed, so the desk does not rely on queues. The linger time is 0, no
message is queued for an absent peer (option IMMEDIATE), and a send returns whether the message was queued. A send never
blocks. A SUB socket, which sends nothing, has IMMEDIATE off: with it, libzmq 4.3.5 drops the unread messages when the
publisher dies, and aborts the process if a message of several frames is being read at that moment.

ZMTP heartbeats are disabled, because libzmq 4.3.5 aborts when the heartbeat timer fires on a socket that has reached
its receive high-water mark and whose peer is gone. The kernel reports a dead peer on the same host at once. On another
host, TCP keepalive and the limit on unacknowledged data detect a dead peer. Heartbeats of the application detect a peer
that hangs.
"""

from __future__ import annotations

import os
import socket as unix
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import zmq

from common.errors import InUseError, StartError
from common.file_identity import FileIdentity
from proto.trading.units import MAX_FRAME_BYTES

Socket = zmq.Socket[bytes]

QUEUE_MESSAGES_MAX: Final = 10_000
"""High-water mark, in messages, of every queue except a router's. It is above the largest window of ticks."""

ROUTER_UNREAD_MAX: Final = 64
"""Most unread requests per connection of a router; a client that sends more must wait.

By default no client of the desk has more unanswered requests than this. The limit is low, so that the router soon
finishes reading the requests of dead connections.
"""

ROUTER_UNSENT_MAX: Final = 1_024
"""Most unsent replies per connection of a router; further replies to a client that stopped reading are dropped."""

ROUTER_FRAME_BYTES_MAX: Final = 1024 * 1024
"""Longest frame that a router accepts; longer than the longest valid request.

A request between these two lengths is answered with an error. At a longer frame ZeroMQ drops the connection.
"""

KEEPALIVE_SECONDS: Final = 1
"""Seconds without data after which a TCP connection is probed, and interval of further probes."""

KEEPALIVE_PROBES_MAX: Final = 3
"""Number of unanswered probes after which the connection is dropped and opened again."""

UNACKNOWLEDGED_MS_MAX: Final = 5_000
"""Milliseconds without an acknowledgment, or with a closed TCP window, after which a connection is dropped.

The default of the operating system is a quarter of an hour.
"""

HANDSHAKE_MS: Final = 1_000
"""Milliseconds after which a connection without a handshake is dropped.

With the default of 30 s, connections that send nothing could lock out a client.
"""

RECONNECT_MS: Final = (100, 5_000)
RECONNECT_SAME_HOST_MS: Final = (20, 200)
"""First and longest pause, in milliseconds, before reconnecting. On the same host an attempt is cheap."""

_SAME_HOST: Final = ("ipc://", "tcp://127.", "tcp://localhost:", "tcp://[::1]:")

LEAVING_SECONDS: Final = 0.5
"""Seconds to wait for the end of a process that listens on an address, before the address counts as in use."""

LOOK_EVERY_MS: Final = 1_000
"""Interval in milliseconds at which a process checks the files of its bound sockets."""

IPC_PATH_BYTES_MAX: Final = 107
"""Most bytes of the path of a Unix socket, without the terminating zero."""


class Sockets:
    """All sockets of one process, on one ZeroMQ context; `close` closes them without waiting."""

    def __init__(self) -> None:
        self._context: zmq.Context[Socket] = zmq.Context()
        self._sockets: list[Socket] = []
        self._bound: list[FileIdentity] = []
        self._on_close: list[Callable[[], None]] = []
        self.opened: list[tuple[Socket, str]] = []
        """The sockets, in the order of their opening, each with the setting of its address."""

    def pull(self, url: str, bind: bool = True, *, setting: str = "") -> Socket:
        """A PULL socket, bound by default. Error texts name `setting`, as in the other methods."""
        socket = self._make(zmq.PULL, url)
        return self._bind(socket, url, setting) if bind else self._connect(socket, url, setting)

    def push(self, url: str, *, setting: str = "") -> Socket:
        """A PUSH socket that connects."""
        return self._connect(self._make(zmq.PUSH, url), url, setting)

    def pub(self, url: str, bind: bool = True, *, keeps_latest: bool = False, setting: str = "") -> Socket:
        """A PUB socket, bound by default. At the high-water mark it drops messages without an error.

        With `keeps_latest` it queues only the latest message for each subscriber. The message must have one frame, and
        a subscriber must have one subscription, because such a socket keeps only the latest one of a connection.
        """
        socket = self._make(zmq.PUB, url)
        if keeps_latest:
            socket.setsockopt(zmq.CONFLATE, 1)
        return self._bind(socket, url, setting) if bind else self._connect(socket, url, setting)

    def sub(self, url: str, topics: list[bytes], *, bind: bool = False, setting: str = "") -> Socket:
        """A SUB socket that connects, or binds for several publishers.

        Topics match by prefix, so the caller must compare the whole topic frame.
        """
        socket = self._make(zmq.SUB, url)
        socket.setsockopt(zmq.IMMEDIATE, 0)
        for topic in topics:
            socket.setsockopt(zmq.SUBSCRIBE, topic)
        return self._bind(socket, url, setting) if bind else self._connect(socket, url, setting)

    def router(self, url: str, *, setting: str = "") -> Socket:
        """A ROUTER socket that binds; `send` to a peer that has disconnected or stopped reading returns False."""
        socket = self._make(zmq.ROUTER, url, frame_bytes_max=ROUTER_FRAME_BYTES_MAX)
        socket.setsockopt(zmq.RCVHWM, ROUTER_UNREAD_MAX)
        socket.setsockopt(zmq.SNDHWM, ROUTER_UNSENT_MAX)
        socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
        return self._bind(socket, url, setting)

    def dealer(self, url: str, *, setting: str = "") -> Socket:
        """A DEALER socket that connects."""
        return self._connect(self._make(zmq.DEALER, url), url, setting)

    def require_in_place(self) -> None:
        """Check that the files of bound Unix sockets exist, because without them no client can connect.

        Raises:
            FileLostError: a file was removed or replaced.
        """
        for file in self._bound:
            file.require_unchanged()

    def on_close(self, callback: Callable[[], None]) -> None:
        """Call `callback` before the sockets are closed."""
        self._on_close.append(callback)

    def close(self) -> None:
        """Close every socket and the context; queued messages are dropped."""
        for callback in self._on_close:
            callback()
        self._on_close.clear()
        for socket in self._sockets:
            socket.close(linger=0)
        self._sockets.clear()
        self.opened.clear()
        self._context.term()

    def _make(self, kind: int, url: str, frame_bytes_max: int = MAX_FRAME_BYTES) -> Socket:
        socket = self._context.socket(kind)
        first, longest = RECONNECT_SAME_HOST_MS if url.startswith(_SAME_HOST) else RECONNECT_MS
        for option, value in (
            (zmq.LINGER, 0),
            (zmq.SNDHWM, QUEUE_MESSAGES_MAX),
            (zmq.RCVHWM, QUEUE_MESSAGES_MAX),
            (zmq.MAXMSGSIZE, frame_bytes_max),
            (zmq.HEARTBEAT_IVL, 0),
            (zmq.TCP_KEEPALIVE, 1),
            (zmq.TCP_KEEPALIVE_IDLE, KEEPALIVE_SECONDS),
            (zmq.TCP_KEEPALIVE_INTVL, KEEPALIVE_SECONDS),
            (zmq.TCP_KEEPALIVE_CNT, KEEPALIVE_PROBES_MAX),
            (zmq.TCP_MAXRT, UNACKNOWLEDGED_MS_MAX),
            (zmq.HANDSHAKE_IVL, HANDSHAKE_MS),
            (zmq.RECONNECT_IVL, first),
            (zmq.RECONNECT_IVL_MAX, longest),
            (zmq.IMMEDIATE, 1),
        ):
            socket.setsockopt(option, value)
        self._sockets.append(socket)
        return socket

    def _bind(self, socket: Socket, url: str, setting: str) -> Socket:
        if url.startswith("ipc://"):
            _prepare_ipc(url, setting)
        try:
            socket.bind(url)
        except zmq.ZMQError as error:
            problem = f"cannot bind {url}: {_text(error)}"
            if error.errno == zmq.EADDRINUSE:
                raise InUseError(f"{problem}; expected a free port{_setting(setting)}") from None
            raise StartError(
                f"{problem}; expected an address of this host, such as tcp://*:5555{_setting(setting)}"
            ) from None
        if url.startswith("ipc://"):
            self._bound.append(
                FileIdentity(url.removeprefix("ipc://"), why="because no client can connect until the next start")
            )
        self.opened.append((socket, setting))
        return socket

    def _connect(self, socket: Socket, url: str, setting: str) -> Socket:
        try:
            socket.connect(url)
        except zmq.ZMQError as error:
            raise StartError(
                f"cannot connect to {url}: {_text(error)}; expected tcp://HOST:PORT or ipc://PATH{_setting(setting)}"
            ) from None
        self.opened.append((socket, setting))
        return socket


def send(socket: Socket, frames: list[bytes]) -> bool:
    """Send without waiting; returns False if there is no peer or the queue is full."""
    try:
        if len(frames) == 1:
            socket.send(frames[0], zmq.NOBLOCK)
        else:
            socket.send_multipart(frames, zmq.NOBLOCK)
    except zmq.ZMQError as error:
        return _unsent(error)
    return True


def begin_reply(router: Socket, peer: bytes) -> bool:
    """Begin a message to a peer of a router; `send` must complete it.

    Returns:
        False if the peer has disconnected or stopped reading.
    """
    try:
        router.send(peer, zmq.NOBLOCK | zmq.SNDMORE)
    except zmq.ZMQError as error:
        return _unsent(error)
    return True


def _unsent(error: zmq.ZMQError) -> bool:
    """Return False for the error of a send without a peer or with a full queue; raise any other error."""
    if error.errno in (zmq.EAGAIN, zmq.EHOSTUNREACH):
        return False
    raise error


def _prepare_ipc(url: str, setting: str) -> None:
    """Create the folder of a Unix socket, and remove the socket file of a dead process.

    A bind would also replace the file of a live process without an error, so this function first checks that no process
    listens.
    """
    path = Path(url.removeprefix("ipc://"))
    if (length := len(os.fsencode(path))) > IPC_PATH_BYTES_MAX:
        raise StartError(
            f"cannot bind {url}: a path of {length} bytes, expected at most {IPC_PATH_BYTES_MAX}; "
            f"choose a shorter runtime folder{_setting(setting or 'PAPERDESK_RUNTIME_DIR')}"
        )
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            return
        if not stat.S_ISSOCK(path.stat().st_mode):
            raise StartError(f"cannot bind {url}: {path} exists and is not a socket{_setting(setting)}")
        if _stays_taken(path):
            raise InUseError(f"cannot bind {url}: another process listens there; stop it first{_setting(setting)}")
        path.unlink(missing_ok=True)
    except OSError as error:
        raise StartError(
            f"cannot bind {url}: {error.strerror}; expected a writable folder{_setting(setting)}"
        ) from None


def _stays_taken(path: Path) -> bool:
    deadline = time.monotonic() + LEAVING_SECONDS
    while _answers(path):
        if time.monotonic() > deadline:
            return True
        time.sleep(0.01)
    return False


def _answers(path: Path) -> bool:
    with unix.socket(unix.AF_UNIX, unix.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except BlockingIOError:
            return True
        return True


def _text(error: zmq.ZMQError) -> str:
    return zmq.strerror(error.errno) if error.errno else str(error)


def _setting(name: str) -> str:
    return f" (setting {name})" if name else ""
