"""The keyboard of a terminal: single keys without echo, and the terminal as before at the end.

Ctrl-C, SIGTERM and the end of the terminal end the process as they do without a screen. Ctrl-Z has no effect while the
keys are read: a suspended process would leave the terminal without echo.
"""

from __future__ import annotations

import os
import select
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final, Self

from cli.screen.keys import Key, KeyDecoder

ESCAPE_S: Final = 0.05
"""Time after an escape byte after which it is the key Escape; the rest of a sequence comes at once."""

READ_BYTES: Final = 1_024
_ECHO_AND_LINES: Final = termios.ICANON | termios.ECHO


class Keyboard:
    """Reads keys; another thread or a signal handler may end the wait."""

    def __init__(self, fd: int) -> None:
        """Read from the terminal with the file descriptor `fd`."""
        self._fd = fd
        self._decoder = KeyDecoder()
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)
        os.set_blocking(self._wake_read, False)
        self.is_closed = False
        """Whether the terminal has ended: it gives no further key."""

    def __enter__(self) -> Self:
        """Return the keyboard."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the pipe of `wake`."""
        os.close(self._wake_read)
        os.close(self._wake_write)

    def wake(self) -> None:
        """End the wait of `read`."""
        with suppress(BlockingIOError, OSError):  # a full pipe wakes as well
            os.write(self._wake_write, b"x")

    def read(self, timeout_s: float) -> list[Key]:
        """The next keys; empty after `timeout_s` or a call of `wake`."""
        timeout_s = ESCAPE_S if self._decoder.is_waiting else timeout_s
        fds = [self._wake_read] if self.is_closed else [self._fd, self._wake_read]
        found, _, _ = select.select(fds, (), (), timeout_s)
        if self._wake_read in found:
            with suppress(BlockingIOError):
                os.read(self._wake_read, READ_BYTES)
        if self._fd not in found:
            return [] if found else self._decoder.flush()
        try:
            received = os.read(self._fd, READ_BYTES)
        except OSError:
            received = b""
        self.is_closed = not received
        return self._decoder.feed(received)


@contextmanager
def open_keyboard() -> Iterator[Keyboard | None]:
    """The keyboard of stdin; None if stdin is no terminal, or this process is not in the terminal's foreground."""
    try:
        fd = sys.stdin.fileno()
        before = termios.tcgetattr(fd)
        is_foreground = os.tcgetpgrp(fd) == os.getpgrp()
    except (OSError, ValueError, AttributeError, termios.error):
        yield None
        return
    if not is_foreground:
        yield None
        return
    single = termios.tcgetattr(fd)
    single[3] &= ~_ECHO_AND_LINES
    single[6] = list(single[6])
    single[6][termios.VMIN], single[6][termios.VTIME] = 1, 0
    single[6][termios.VSUSP] = os.fpathconf(fd, "PC_VDISABLE").to_bytes(1, "little")
    try:
        termios.tcsetattr(fd, termios.TCSADRAIN, single)
        with Keyboard(fd) as keyboard:
            yield keyboard
    finally:
        with suppress(termios.error):  # the terminal may be gone
            termios.tcsetattr(fd, termios.TCSAFLUSH, before)
