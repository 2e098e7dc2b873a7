"""Counting and logging of dropped messages: received frames that are not a message of PROTOCOL.md."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from common.logs import get_logger
from common.metrics import CounterMetric

_SHOWN_BYTES: Final = 32
_ERROR_CHARS_MAX: Final = 200

_log = get_logger()


def drop_malformed(
    socket: str, frames: Sequence[bytes], error: object, *, counter: CounterMetric | None = None
) -> None:
    """Log a malformed message that the caller drops, and count it if `counter` is given.

    The last of `frames` is the payload.
    """
    if counter is not None:
        counter.inc(socket)
    _log.warning(
        "dropped malformed message",
        socket=socket,
        error=str(error)[:_ERROR_CHARS_MAX],
        frames=len(frames),
        bytes=sum(map(len, frames)),
        begins=b"".join(frames[-1:])[:_SHOWN_BYTES].hex(),
    )
