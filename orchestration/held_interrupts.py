"""Defer interrupts during work that must be completed."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def held_interrupts() -> Iterator[None]:
    """Defer SIGINT, SIGTERM and SIGHUP until the end of the block, then raise the first of them.

    In other threads than the main thread this has no effect, because Python runs signal handlers in the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    # Handlers and not a signal mask, because the kernel delivers a masked signal to another thread.
    before = {number: signal.signal(number, lambda found, _: held.append(found)) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if held:
            signal.raise_signal(held[0])
