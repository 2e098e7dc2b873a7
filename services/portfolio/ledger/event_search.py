"""Search for the events of one order, deal or denial in the ledger's file, without reading the whole file.

The event that created an order is found by bisection, because the numbers of orders increase with the numbers of
events. Most other events of the order follow soon after it. A denial, or a deal without an order, is searched for
backwards from the end. The result for such a deal includes the order that opened its position and the changes of the
position's stops in between. Every search reads a limited number of events, so that a trading desk replies in time.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, TypeAlias

import apsw
import msgspec

from common.errors import StartError
from services.portfolio.core.account.events import DealBooked, Event, OrderCreated, OrderDenied
from services.portfolio.core.account.orders import Order
from services.portfolio.core.accounting.modifications import ModificationCounts
from services.portfolio.core.queries.explain import Subject, is_history_complete
from services.portfolio.ledger import hash_chain
from services.portfolio.ledger.ledger import open_ledger

EVENTS_MAX: Final = 200_000
"""Largest number of events that one search reads.

So many events take about a tenth of a second, and cover some weeks of trading.
"""

STOPS_MAX: Final = 200
"""A result contains at most this many deals and stop changes of a position; a trailing stop may move more often."""

RESETS_MAX: Final = 20
"""Largest number of resets of risk rules in a result."""

_CHUNK: Final = 2_000
_CREATED: Final = b'{"type":"order_created"'
_DENIED: Final = b'{"type":"order_denied"'
_BOOKED: Final = b'{"type":"deal_booked"'
_OPENED: Final = b'{"type":"stream_opened"'
_STOPS_ANSWERED: Final = b'{"type":"protection_answered"'
_CHANGE_ANSWERED: Final = b'{"type":"order_change_answered"'

_events = msgspec.json.Decoder(Event)

_Found: TypeAlias = dict[int, Event]
"""Events by their number."""


def events_about(path: Path, subject: Subject) -> list[Event]:
    """Return the events of the subject in their order; empty if the limited search finds none.

    Raises:
        StartError: the ledger cannot be read, or an event does not fit the chain.
    """
    db = open_ledger(path)
    try:
        with db:
            found = _about(db, subject)
    except (apsw.Error, msgspec.MsgspecError) as error:
        raise StartError(f"{path} cannot be read: {error}") from None
    finally:
        db.close()
    return found


def modification_counts(path: Path, *, of_stream: bool) -> ModificationCounts:
    """Count the venue's answers to modifications in the whole ledger, or with `of_stream` in its last stream.

    Raises:
        StartError: the ledger cannot be read.
    """
    counts = ModificationCounts()
    db = open_ledger(path)
    try:
        with db:
            after = _last_of_kind(db, _OPENED) if of_stream else 0
            rows = db.execute(
                "SELECT payload FROM events WHERE number > ? "
                "AND (substr(payload, 1, ?) = ? OR substr(payload, 1, ?) = ?)",
                (after, len(_STOPS_ANSWERED), _STOPS_ANSWERED, len(_CHANGE_ANSWERED), _CHANGE_ANSWERED),
            )
            for (payload,) in rows:
                counts.add(_events.decode(payload))
    except (apsw.Error, msgspec.MsgspecError) as error:
        raise StartError(f"{path} cannot be read: {error}") from None
    finally:
        db.close()
    return counts


def _last_of_kind(db: apsw.Connection, kind: bytes) -> int:
    row = db.execute(
        "SELECT ifnull(max(number), 0) FROM events WHERE substr(payload, 1, ?) = ?", (len(kind), kind)
    ).fetchone()
    return int(row[0])  # type: ignore[index]  # one row


def _about(db: apsw.Connection, subject: Subject) -> list[Event]:
    last = int(db.execute("SELECT ifnull(max(number), 0) FROM events").fetchone()[0])  # type: ignore[index]  # one row
    if subject.order is not None:
        found = _of_order(db, subject.order, last)
    elif subject.deal is not None:
        found = _of_deal_without_order(db, subject, last)
    elif subject.kind == "rule":
        found = _latest(db, last, _DENIED, f'"code":{_text(subject.name)}', OrderDenied)
        found |= _resets(db, last, f'{{"type":"risk_reset","rule":{_text(subject.name)},')
    elif subject.denial_id:
        name = _text(subject.denial_id)
        found = _latest(db, last, _DENIED, f'"denial_id":{name}', OrderDenied)
        found = found or _latest(db, last, _DENIED, f'"key":{name}', OrderDenied)
    else:
        found = _latest(db, last, _DENIED, f'"symbol":{_text(subject.symbol)}', OrderDenied)
        found |= _resets(db, last, '{"type":"risk_reset",', symbol=subject.symbol)
    return [found[number] for number in sorted(found)]


def _text(value: str) -> str:
    return msgspec.json.encode(value).decode()


def _of_order(db: apsw.Connection, order: Order, last: int) -> _Found:
    found: _Found = {}
    at = _made_at(db, order.number, last)
    if at is None:
        return found
    needle = _text(order.order_id).encode()
    for start in range(at, min(last, at + EVENTS_MAX) + 1, _CHUNK):
        rows = db.execute(
            "SELECT number, payload FROM events WHERE number BETWEEN ? AND ? AND instr(payload, ?) ORDER BY number",
            (start, start + _CHUNK - 1, needle),
        )
        found |= {int(number): _event(db, number, payload) for number, payload in rows}
        if is_history_complete(order, list(found.values())):
            break
    return found


def _of_deal_without_order(db: apsw.Connection, subject: Subject, last: int) -> _Found:
    """Find a deal, the order that opened its position, and the changes of the position's stops in between."""
    assert subject.deal is not None
    found = _booked(db, last, subject.deal.deal)
    if not found or subject.opener is None:
        return found
    (booked_at,) = found
    found |= _of_order(db, subject.opener, last)
    opened_at = next(iter(_booked(db, booked_at, subject.opened_by)), booked_at - EVENTS_MAX)
    return found | _of_stops(db, subject, opened_at, booked_at)


def _of_stops(db: apsw.Connection, subject: Subject, first: int, last: int) -> _Found:
    """Find a position's deals, the desk's changes of its stops, and the venue's answers to them, between two events."""
    symbol = _text(subject.symbol)
    ticket = subject.key.removeprefix(subject.symbol).removeprefix("#")
    was_set = f'{{"type":"protection_set","protection":{{"symbol":{symbol},"position":{ticket or 0},'.encode()
    answered = f'{{"type":"protection_answered","key":{_text(subject.key)},'.encode()
    of_ticket = f'"position":{ticket},' if ticket else ""
    rows = db.execute(
        "SELECT number, payload FROM events WHERE number BETWEEN ? AND ? AND (substr(payload, 1, ?) = ? "
        "OR substr(payload, 1, ?) = ? OR substr(payload, 1, ?) = ? AND instr(payload, ?) AND instr(payload, ?)) "
        "ORDER BY number DESC LIMIT ?",
        (
            *(first, last, len(was_set), was_set, len(answered), answered, len(_BOOKED), _BOOKED),
            *(f'"symbol":{symbol},'.encode(), of_ticket.encode(), STOPS_MAX),
        ),
    )
    return {int(number): _event(db, number, payload) for number, payload in rows}


def _made_at(db: apsw.Connection, number: int, last: int) -> int | None:
    """Return the number of the event that created an order; None if it is not found."""
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
        made = _event(db, at, payload)
        assert isinstance(made, OrderCreated)
        if made.order.number == number:
            return at
        if made.order.number < number:
            low = at + 1
        else:
            high = middle - 1
    return None


def _booked(db: apsw.Connection, last: int, deal: int) -> _Found:
    return _latest(db, last, _BOOKED, f'"deal":{{"deal":{deal},', DealBooked)


def _resets(db: apsw.Connection, last: int, head: str, *, symbol: str = "") -> _Found:
    """Find the latest resets of risk rules whose payload begins with `head`.

    With a symbol, only resets of this symbol and of the whole desk are found.
    """
    start = head.encode()
    rows = db.execute(
        "SELECT number, payload FROM events WHERE number BETWEEN ? AND ? AND substr(payload, 1, ?) = ? "
        "AND (instr(payload, ?) OR instr(payload, ?)) ORDER BY number DESC LIMIT ?",
        (
            *(last - EVENTS_MAX + 1, last, len(start), start),
            *(f'"symbol":{_text(symbol)},'.encode(), b'"symbol":"",' if symbol else b'"symbol":', RESETS_MAX),
        ),
    )
    return {int(number): _event(db, number, payload) for number, payload in rows}


def _latest(
    db: apsw.Connection, last: int, kind: bytes, needle: str, expected: type[DealBooked | OrderDenied]
) -> _Found:
    row = db.execute(
        "SELECT number, payload FROM events WHERE number BETWEEN ? AND ? AND substr(payload, 1, ?) = ? "
        "AND instr(payload, ?) ORDER BY number DESC LIMIT 1",
        (last - EVENTS_MAX + 1, last, len(kind), kind, needle.encode()),
    ).fetchone()
    if row is None:
        return {}
    event = _event(db, row[0], row[1])
    assert isinstance(event, expected)
    return {int(row[0]): event}


def _event(db: apsw.Connection, number: Any, payload: Any) -> Event:
    """Decode an event after checking its hash against the previous event.

    Raises:
        StartError: the hash does not fit the chain.
    """
    rows: Any = db.execute("SELECT number, hash FROM events WHERE number IN (?, ?)", (number - 1, number)).fetchall()
    links: dict[int, bytes] = dict(rows)
    before = hash_chain.GENESIS if number == 1 else links.get(number - 1)
    if before is None or hash_chain.next_hash(before, payload) != links[number]:
        raise StartError(f"{db.filename}: event {number} does not fit the chain; restore the ledger from a backup")
    event: Event = _events.decode(payload)
    return event
