"""Finding the events of one order, deal or denial in the ledger's file, without walking all of it.

An order is found by bisection: orders are made in the order of their numbers, and events are numbered without a gap. What became of it
follows its making, mostly at once. A denial or a deal without an order is looked for from the end. Every search has a bound, so that
a desk that is asked in the middle of trading answers in time.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import apsw
import msgspec

from common.errors import StartError
from common.storage import open_reader
from services.portfolio.core.events import DealBooked, Event, OrderCreated, OrderDenied
from services.portfolio.core.explaining import Subject, is_told

EVENTS_MAX: Final = 200_000
"""Events that one search looks at: about a tenth of a second, and weeks of trading."""

_CHUNK: Final = 2_000
_CREATED: Final = b'{"type":"order_created"'
_DENIED: Final = b'{"type":"order_denied"'
_BOOKED: Final = b'{"type":"deal_booked"'

_events = msgspec.json.Decoder(Event)


def events_about(path: Path, subject: Subject) -> list[Event]:
    """The ledger's events that tell of the subject, in the order of happening; none where there is none within the bound.

    Raises:
        StartError: the ledger cannot be read.
    """
    db = open_reader(path)
    try:
        with db:
            found = list(_about(db, subject))
    except (apsw.Error, msgspec.MsgspecError) as error:
        raise StartError(f"{path} cannot be read: {error}") from None
    finally:
        db.close()
    return found


def _about(db: apsw.Connection, subject: Subject) -> Iterator[Event]:
    last = int(db.execute("SELECT ifnull(max(number), 0) FROM events").fetchone()[0])  # type: ignore[index]  # one row
    if subject.order is not None:
        yield from _of_order(db, subject, last)
    elif subject.deal is not None:
        yield from _latest(db, last, _BOOKED, f'"deal":{{"deal":{subject.deal.deal},', DealBooked)
    elif subject.denial_id:
        yield from _latest(db, last, _DENIED, f'"denial_id":{_text(subject.denial_id)}', OrderDenied)
    else:
        yield from _latest(db, last, _DENIED, f'"symbol":{_text(subject.symbol)}', OrderDenied)


def _text(words: str) -> str:
    return msgspec.json.encode(words).decode()


def _of_order(db: apsw.Connection, subject: Subject, last: int) -> Iterator[Event]:
    assert subject.order is not None
    order = subject.order
    at = _made_at(db, order.number, last)
    if at is None:
        return
    needle = _text(order.order_id).encode()
    found: list[Event] = []
    for start in range(at, min(last, at + EVENTS_MAX) + 1, _CHUNK):
        rows = db.execute(
            "SELECT payload FROM events WHERE number BETWEEN ? AND ? AND instr(payload, ?) ORDER BY number",
            (start, start + _CHUNK - 1, needle),
        )
        found += [_events.decode(payload) for (payload,) in rows]
        if is_told(order, found):
            break
    yield from found


def _made_at(db: apsw.Connection, number: int, last: int) -> int | None:
    """The number of the event that made an order."""
    low, high = 1, last
    while low <= high:
        middle = (low + high) // 2
        row = db.execute(
            "SELECT number, payload FROM events WHERE number BETWEEN ? AND ? AND substr(payload, 1, ?) = ? "
            "ORDER BY number LIMIT 1",
            (middle, high, len(_CREATED), _CREATED),
        ).fetchone()
        if row is None:
            high = middle - 1
            continue
        at, payload = int(row[0]), row[1]
        made = _events.decode(payload)
        assert isinstance(made, OrderCreated)
        if made.order.number == number:
            return at
        if made.order.number < number:
            low = at + 1
        else:
            high = middle - 1
    return None


def _latest(
    db: apsw.Connection, last: int, kind: bytes, needle: str, expected: type[DealBooked | OrderDenied]
) -> Iterator[Event]:
    row = db.execute(
        "SELECT payload FROM events WHERE number > ? AND substr(payload, 1, ?) = ? AND instr(payload, ?) "
        "ORDER BY number DESC LIMIT 1",
        (last - EVENTS_MAX, len(kind), kind, needle.encode()),
    ).fetchone()
    if row is not None:
        event = _events.decode(row[0])
        assert isinstance(event, expected)
        yield event
