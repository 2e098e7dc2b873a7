"""Wake-up of a waiting poll: a pipe, or a pair of sockets on Windows, which polls only sockets."""

from __future__ import annotations

import os
import socket
import sys


class Wakeup:
    """A flag to poll by its `fileno`; set from any thread and from signal handlers."""

    def __init__(self) -> None:
        """Create it unset."""
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
        """The descriptor that the interpreter writes to at a signal."""
        return self._write

    def set(self) -> None:
        """Wake the poll; does nothing when full of earlier wake-ups or closed."""
        try:
            if sys.platform == "win32":
                self._pair[1].send(b"\0")
            else:
                os.write(self._write, b"\0")
        except OSError:
            return

    def clear(self) -> None:
        """Consume the wake-ups."""
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
