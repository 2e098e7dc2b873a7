"""Waking a loop that waits in a poll: a pipe, or on Windows, which can wait for sockets only, a pair of sockets."""

from __future__ import annotations

import os
import socket
import sys


class Wakeup:
    """Something that can be waited for by its `fileno`, and set from any thread and from signal handlers."""

    def __init__(self) -> None:
        """Nothing is set."""
        if sys.platform == "win32":
            self._pair = socket.socketpair()
            for end in self._pair:
                end.setblocking(False)
            self._read, self._write = (end.fileno() for end in self._pair)
        else:
            self._read, self._write = os.pipe()
            os.set_blocking(self._read, False)
            os.set_blocking(self._write, False)

    def fileno(self) -> int:
        """What to wait for."""
        return self._read

    @property
    def signal_fd(self) -> int:
        """What the interpreter writes to when a signal comes."""
        return self._write

    def set(self) -> None:
        """Wake whoever waits; nothing happens where that is full of earlier wakes, or closed."""
        try:
            if sys.platform == "win32":
                self._pair[1].send(b"\0")
            else:
                os.write(self._write, b"\0")
        except OSError:
            return

    def clear(self) -> None:
        """Take the wakes that have come."""
        try:
            if sys.platform == "win32":
                self._pair[0].recv(4_096)
            else:
                os.read(self._read, 4_096)
        except BlockingIOError:
            return

    def close(self) -> None:
        """Let it go."""
        if sys.platform == "win32":
            for end in self._pair:
                end.close()
        else:
            os.close(self._read)
            os.close(self._write)
