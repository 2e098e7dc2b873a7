"""The hash chain of the ledger's events, and the checkpoint up to which it has been walked.

Each row's hash covers the row before it, so that a changed, missing or reordered row shows. A start walks the chain from
the checkpoint on; what lies before it is walked again in the background and by `paperdesk verify`.
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
    """A place in the chain: the number of an event and its hash; the beginning is number 0."""

    number: int
    hash: bytes


BEGINNING: Final = ChainPosition(0, GENESIS)


class ChainLink(NamedTuple):
    """One event of the chain as it is stored; `fault` says in words why the chain ends here, or nothing."""

    position: ChainPosition
    payload: bytes
    fault: str


def next_hash(previous: bytes, payload: bytes) -> bytes:
    """The hash of an event that follows one with the hash `previous`."""
    return hashlib.sha256(previous + payload).digest()


def checked_links(db: apsw.Connection, after: ChainPosition = BEGINNING) -> Iterator[ChainLink]:
    """Walk the chain from a place in it to its end, or to the first event that does not fit."""
    expected = after.hash
    rows = db.execute("SELECT number, hash, payload FROM events WHERE number > ? ORDER BY number", (after.number,))
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
    """The last event as it is stored."""
    row = db.execute("SELECT number, hash FROM events ORDER BY number DESC LIMIT 1").fetchone()
    return BEGINNING if row is None else ChainPosition(row[0], row[1])


def checkpoint_text(position: ChainPosition, payload: bytes) -> str:
    """A checkpoint as it is kept: the place, and a digest that ties it to the event that stands there."""
    return f"{position.number} {position.hash.hex()} {_tie(position, payload)}"


def checkpoint(db: apsw.Connection) -> ChainPosition:
    """Up to where the chain was walked before; the beginning where that is not known or no longer fits the events."""
    try:
        words = (read_note(db, CHECKPOINT) or "").split()
    except DamagedRowError:
        return BEGINNING  # the walk finds out as much
    if len(words) != 3 or not words[0].isdecimal():
        return BEGINNING
    event = db.execute("SELECT hash, payload FROM events WHERE number = ?", (int(words[0]),)).fetchone()
    if event is None:
        return BEGINNING
    position = ChainPosition(int(words[0]), event[0])
    return position if words[1:] == [position.hash.hex(), _tie(position, event[1])] else BEGINNING


def write_checkpoint(db: apsw.Connection, position: ChainPosition) -> None:
    """Note that the chain has been walked to a place in it."""
    row = db.execute("SELECT payload FROM events WHERE number = ?", (position.number,)).fetchone()
    if row is not None:
        write_notes(db, {CHECKPOINT: checkpoint_text(position, row[0])})


def _tie(position: ChainPosition, payload: bytes) -> str:
    return hashlib.sha256(b"paperdesk checkpoint %d " % position.number + position.hash + payload).hexdigest()
