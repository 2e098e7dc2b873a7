"""Wake-up of a waiting poll by a pipe, or by a pair of sockets on Windows, which can poll only sockets."""

from __future__ import annotations

import os
import socket
import sys


class Wakeup:
    """A flag that a poll can watch by its `fileno`, and that any thread or signal handler can set."""

    def __init__(self) -> None:
        """Create the flag unset."""
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
        """The descriptor to poll."""
        return self._read

    @property
    def signal_fd(self) -> int:
        """The descriptor to which the Python interpreter writes when a signal arrives."""
        return self._write

    def set(self) -> None:
        """Wake the poll. Does nothing if the pipe is full of earlier wake-ups or is closed."""
        try:
            if sys.platform == "win32":
                self._pair[1].send(b"\0")
            else:
                os.write(self._write, b"\0")
        except OSError:
            return

    def clear(self) -> None:
        """Remove the wake-ups, at most 4096 at a call, so that the next poll waits."""
        try:
            if sys.platform == "win32":
                self._pair[0].recv(4_096)
            else:
                os.read(self._read, 4_096)
        except BlockingIOError:
            return

    def close(self) -> None:
        """Close the descriptors."""
        if sys.platform == "win32":
            for end in self._pair:
                end.close()
        else:
            os.close(self._read)
            os.close(self._write)
