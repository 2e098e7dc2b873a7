"""The hash chain of the ledger's events, and its checkpoint.

The hash of each row covers the previous row, which reveals a changed, missing or reordered row. A start verifies the
chain after the checkpoint; the audit and `paperdesk verify` verify the whole chain.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final, NamedTuple

import apsw

from common.checksums import DamagedRowError
from services.portfolio.ledger.notes import CHECKPOINT, read_note, write_notes

GENESIS: Final = hashlib.sha256(b"paperdesk ledger 1").digest()


class ChainPosition(NamedTuple):
    """Position in the chain: number and hash of an event. Number 0 is the position before the first event."""

    number: int
    hash: bytes


BEGINNING: Final = ChainPosition(0, GENESIS)


class ChainLink(NamedTuple):
    """A stored event. `fault` states why the chain is broken at this event; it is empty if the chain is intact."""

    position: ChainPosition
    payload: bytes
    fault: str


def next_hash(previous: bytes, payload: bytes) -> bytes:
    """Return the hash of the event that follows the event with hash `previous`."""
    return hashlib.sha256(previous + payload).digest()


def checked_links(
    db: apsw.Connection, after: ChainPosition = BEGINNING, *, events_max: int | None = None
) -> Iterator[ChainLink]:
    """Yield the events after a position with the result of their check; stop after the first that does not fit.

    With `events_max`, at most so many events are read.
    """
    expected = after.hash
    rows = db.execute(
        "SELECT number, hash, payload FROM events WHERE number > ? ORDER BY number LIMIT ?",
        (after.number, -1 if events_max is None else events_max),
    )
    for position, (number, stored, payload) in enumerate(rows, after.number + 1):
        expected = next_hash(expected, payload)
        fault = ""
        if number != position:
            fault = f"event {position} is missing: the next one is number {number}"
        elif stored != expected:
            fault = f"event {number} does not fit the chain: hash {stored.hex()[:16]}, expected {expected.hex()[:16]}"
        yield ChainLink(ChainPosition(number, stored), payload, fault)
        if fault:
            return


def last_position(db: apsw.Connection) -> ChainPosition:
    """Return the position of the last event."""
    row = db.execute("SELECT number, hash FROM events ORDER BY number DESC LIMIT 1").fetchone()
    return BEGINNING if row is None else ChainPosition(row[0], row[1])


def checkpoint_text(position: ChainPosition, payload: bytes) -> str:
    """Return the stored form of a checkpoint: its position, and a digest over the position and its event."""
    return f"{position.number} {position.hash.hex()} {_digest(position, payload)}"


def checkpoint(db: apsw.Connection) -> ChainPosition:
    """Return the last checkpoint; `BEGINNING` if there is none or it does not fit the events."""
    try:
        fields = (read_note(db, CHECKPOINT) or "").split()
    except DamagedRowError:
        return BEGINNING  # then the whole chain is verified, and the damage is reported later
    if len(fields) != 3 or not fields[0].isdecimal():
        return BEGINNING
    event = db.execute("SELECT hash, payload FROM events WHERE number = ?", (int(fields[0]),)).fetchone()
    if event is None:
        return BEGINNING
    position = ChainPosition(int(fields[0]), event[0])
    return position if fields[1:] == [position.hash.hex(), _digest(position, event[1])] else BEGINNING


def write_checkpoint(db: apsw.Connection, position: ChainPosition) -> None:
    """Store a checkpoint."""
    row = db.execute("SELECT payload FROM events WHERE number = ?", (position.number,)).fetchone()
    if row is not None:
        write_notes(db, {CHECKPOINT: checkpoint_text(position, row[0])})


def _digest(position: ChainPosition, payload: bytes) -> str:
    return hashlib.sha256(b"paperdesk checkpoint %d " % position.number + position.hash + payload).hexdigest()
