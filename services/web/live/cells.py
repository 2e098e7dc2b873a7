"""The state for pages as numbered cells, each encoded once for all clients.

A cell is a key with a value, such as `quote:EURUSD` with the latest quote. A change gets the current number, which
`turn` closes. A client that has number n needs exactly the cells with a higher number, and the keys that were removed
since. So a client that missed many numbers gets one merged delta instead of every change.

Cells belong to the thread of the event loop; no method waits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec
from msgspec import Raw, Struct

TOMBSTONES_MAX: Final = 1_000
"""Largest number of removed keys that are kept. A client older than a key that is no longer kept gets a snapshot."""

MESSAGES_MAX: Final = 64
"""Largest number of encoded messages that are kept for the current number."""


class Delta(NamedTuple):
    """Changes since a number: encoded values by key, and the removed keys; `number` is the state's number."""

    number: int
    set: dict[str, Raw]
    gone: list[str]


class _Cell(NamedTuple):
    number: int
    value: object
    encoded: bytes


class _SnapshotBody(Struct):
    boot: str
    number: int
    cells: dict[str, Raw]


class _DeltaBody(Struct):
    number: int
    set: dict[str, Raw]
    gone: list[str]


class Cells:
    """All cells of the web process, and the removed keys."""

    def __init__(self, boot_id: str, *, encode: Callable[[object], bytes] = msgspec.json.encode) -> None:
        """Start without cells, at number 0.

        Args:
            boot_id: id of this start of the process; numbers of different starts cannot be compared.
            encode: returns the JSON of a value.
        """
        self.boot_id = boot_id
        self.number = 0
        self._encode = encode
        self._cells: dict[str, _Cell] = {}
        self._gone: dict[str, int] = {}
        """Numbers of the removed keys, in the order of removal."""
        self._forgotten = 0
        """The largest number of a removed key that is no longer kept."""
        self._is_changed = False
        self._deltas: dict[int | None, bytes] = {}
        """Encoded deltas to the current number, by the number that the client has."""
        self._snapshot = b""
        """Encoded snapshot of the current number; empty before a client needs it."""

    def set(self, key: str, value: object) -> None:
        """Set a cell. It gets no new number if its encoded value is unchanged."""
        encoded = self._encode(value)
        before = self._cells.get(key)
        if before is not None and before.encoded == encoded:
            return
        self._gone.pop(key, None)
        self._cells[key] = _Cell(self.number + 1, value, encoded)
        self._is_changed = True

    def remove(self, key: str) -> None:
        """Remove a cell, if it exists."""
        if self._cells.pop(key, None) is None:
            return
        self._gone[key] = self.number + 1
        self._is_changed = True
        if len(self._gone) > TOMBSTONES_MAX:
            oldest = next(iter(self._gone))
            self._forgotten = self._gone.pop(oldest)

    def get(self, key: str) -> object | None:
        """The value of a cell; None without a cell of this key."""
        cell = self._cells.get(key)
        return None if cell is None else cell.value

    def keys(self, prefix: str = "") -> list[str]:
        """The keys that begin with `prefix`, sorted."""
        return sorted(key for key in self._cells if key.startswith(prefix))

    def turn(self, *, keep_alive: bool = False) -> int:
        """Close the number if a cell changed, or if `keep_alive`, and return the number of the state."""
        if self._is_changed or keep_alive:
            self.number += 1
            self._is_changed = False
            self._deltas.clear()
            self._snapshot = b""
        return self.number

    def delta(self, since: int) -> Delta | None:
        """The changes since number `since`; None if they are not known, so that a snapshot is needed."""
        if not self._forgotten <= since <= self.number:
            return None
        changed = {key: Raw(cell.encoded) for key, cell in self._cells.items() if cell.number > since}
        return Delta(self.number, changed, [key for key, number in self._gone.items() if number > since])

    def message(self, since: int | None, server_ns: int) -> tuple[int, str]:
        """The message for a client that has number `since`: a delta, or a snapshot if it has none or an unknown one.

        Args:
            since: number of the state that the client has; None for none.
            server_ns: wall time of this server, in UTC nanoseconds.

        Returns:
            The number of the state that the client has after the message, and the message as JSON.
        """
        body = self._deltas.get(since)
        kind = "delta"
        if body is None and since is not None and (delta := self.delta(since)) is not None:
            body = msgspec.json.encode(_DeltaBody(*delta))
            if len(self._deltas) < MESSAGES_MAX:
                self._deltas[since] = body
        if body is None:
            kind = "snapshot"
            body = self._snapshot = self._snapshot or msgspec.json.encode(self._snapshot_body())
        return self.number, f'{{"type":"{kind}","server_ns":{server_ns},' + body[1:].decode()

    def _snapshot_body(self) -> _SnapshotBody:
        return _SnapshotBody(self.boot_id, self.number, {key: Raw(cell.encoded) for key, cell in self._cells.items()})
