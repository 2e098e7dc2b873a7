"""Waits for a condition with a deadline, which tests use instead of sleeping."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Final, TypeVar

import zmq

DEADLINE_SECONDS: Final = 10.0
"""Default deadline in seconds; it is so long that only a condition that never becomes true reaches it."""

_PAUSE_SECONDS: Final = 0.002

T = TypeVar("T")


def wait_for(condition: Callable[[], T | None], what: str, *, seconds: float = DEADLINE_SECONDS) -> T:
    """Return the first true value of `condition`, which is called repeatedly; fail with `what` after the deadline."""
    pause = threading.Event()
    deadline = monotonic() + seconds
    while not (found := condition()):
        if monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds} s")
        pause.wait(_PAUSE_SECONDS)
    return found


def receive(socket: zmq.Socket[bytes], *, seconds: float = DEADLINE_SECONDS) -> list[bytes]:
    """Return the next message of a socket; fail after the deadline."""
    if not socket.poll(int(seconds * 1_000)):
        raise AssertionError(f"no message within {seconds} s")
    return socket.recv_multipart(zmq.NOBLOCK)


def stays_silent(socket: zmq.Socket[bytes], *, milliseconds: int) -> bool:
    """Whether a socket receives no message within a time."""
    return not socket.poll(milliseconds)


async def until(condition: Callable[[], T | None], what: str, *, seconds: float = DEADLINE_SECONDS) -> T:
    """Return the first true value of `condition` while the event loop runs; fail with `what` after the deadline."""
    deadline = monotonic() + seconds
    while not (found := condition()):
        if monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds} s")
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), _PAUSE_SECONDS)
    return found
