"""Interrupts that wait until something is done, because half of it is worse than all or nothing of it."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def held_interrupts() -> Iterator[None]:
    """Hold SIGINT, SIGTERM and SIGHUP back until the block is done, then let the first one through."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    # Handlers and not the mask: with other threads about, the kernel would hand a masked signal to one of them.
    before = {number: signal.signal(number, lambda found, _: held.append(found)) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if held:
            signal.raise_signal(held[0])
