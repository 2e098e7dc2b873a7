r"""Decoding of supervisord's protocol for event listeners.

supervisord writes a header line `ver:3.0 … eventname:NAME len:N` and N bytes of payload, whose first line also consists
of `key:value` pairs. It sends the next event only after the previous event was answered. So each event is answered at
once, before it is processed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

READY: Final = b"READY\n"
"""Line that asks supervisord for an event."""

RESULT_OK: Final = b"RESULT 2\nOK"
"""Answer to an event."""

HEADER_BYTES_MAX: Final = 4_096
PAYLOAD_BYTES_MAX: Final = 1 << 20


class EventProtocolError(ValueError):
    """The bytes are not events of supervisord."""


class SupervisorEvent(NamedTuple):
    """An event: its name, such as PROCESS_STATE_FATAL, and the `key:value` pairs of its payload."""

    name: str
    facts: Mapping[str, str]


class SupervisorEventParser:
    """Splits the byte stream of supervisord into events."""

    def __init__(self) -> None:
        """Start at the beginning of the stream."""
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[SupervisorEvent]:
        """Return the events that these bytes complete; the caller answers each with `RESULT_OK` and `READY`.

        Raises:
            EventProtocolError: the bytes are not events of supervisord.
        """
        self._buffer += data
        events = []
        while (event := self._next()) is not None:
            events.append(event)
        return events

    def _next(self) -> SupervisorEvent | None:
        end = self._buffer.find(b"\n")
        if end < 0:
            if len(self._buffer) > HEADER_BYTES_MAX:
                raise EventProtocolError(f"no end of a header within {HEADER_BYTES_MAX} bytes")
            return None
        header = _facts(bytes(self._buffer[:end]))
        length = header.get("len", "")
        if "eventname" not in header or not length.isdecimal() or int(length) > PAYLOAD_BYTES_MAX:
            raise EventProtocolError(f"a header {bytes(self._buffer[:60])!r}, expected one with eventname and len")
        begin, until = end + 1, end + 1 + int(length)
        if len(self._buffer) < until:
            return None
        facts = _facts(bytes(self._buffer[begin:until]).partition(b"\n")[0])
        del self._buffer[:until]
        return SupervisorEvent(header["eventname"], facts)


def _facts(line: bytes) -> dict[str, str]:
    parts = line.decode("utf-8", errors="replace").split()
    return {key: value for key, _, value in (part.partition(":") for part in parts)}
