"""A client that sends thousands of requests, reads no reply, and resets its connection.

It writes the frames of ZMTP 3.0 itself, because a socket of libzmq would read the replies and close the connection
without a reset.
"""

from __future__ import annotations

import socket
import struct
from pathlib import Path
from typing import Final

from proto.codec import encode
from proto.gateway import Ping

GREETING: Final = b"\xff" + bytes(7) + b"\x01\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
_READY: Final = b"\x05READY\x0bSocket-Type" + struct.pack(">I", 6) + b"DEALER" + b"\x08Identity" + struct.pack(">I", 0)
_MORE, _COMMAND = 1, 4
_TIMEOUT_S: Final = 1.0


def send_pings_and_reset(path: Path, *, count: int) -> int:
    """Connect to the gateway's local socket, send `count` PINGs without reading a reply, and reset the connection.

    Returns:
        Number of bytes sent; fewer than those of `count` PINGs if the gateway stopped reading.

    Raises:
        OSError: no process listens, or the gateway closed the connection at the greeting.
    """
    message = _frame(b"", flags=_MORE) + _frame(encode(Ping()))
    data = message * count
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_TIMEOUT_S)
        connection.connect(str(path))
        connection.sendall(GREETING)
        _receive(connection, len(GREETING))
        connection.sendall(_frame(_READY, flags=_COMMAND))
        sent = 0
        try:
            while sent < len(data):
                sent += connection.send(data[sent:])
        except OSError:  # the gateway stopped reading or closed the connection; both are allowed
            return sent
        # The close with unread data resets the connection.
        return sent


def _frame(body: bytes, *, flags: int = 0) -> bytes:
    return bytes([flags, len(body)]) + body


def _receive(connection: socket.socket, count: int) -> None:
    while count:
        data = connection.recv(count)
        if not data:
            raise ConnectionResetError("the gateway closed the connection at its greeting")
        count -= len(data)
