"""The simulated broker's book: orders, deals, positions and cash, as a fold of changes.

A change is decided in `venue.py`, committed to a `BookStore` and then folded in here; folding never judges. What a store
loads is equal to what was folded.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

import msgspec
from msgspec import Struct

from proto.gateway import ErrorCode, OrderReplyStatus, VenueDeal, VenueOrder
from services.mt5.core.netting import Position


class BookOrder(Struct, frozen=True, kw_only=True):
    """An order of the book, with what its reply said of the book: everything a lost reply can be made from again.

    The broker knows whose an order is by its `magic` alone; what stands in `order.order_id`, and in that of its deals, is
    the comment that came with it. 0 is somebody else's.
    """

    order: VenueOrder
    magic: int
    error_code: ErrorCode | None
    deal_cursor: int
    quiet: bool


class BookChange(Struct, frozen=True, kw_only=True):
    """One step of the book, committed whole.

    `ordinal` and `time_ns` say where the book stands; `balance` is the one after the change. `position` is the one after
    the deal, None when flat; it counts only where `symbol` is not empty.
    """

    stream_id: str
    currency: str
    ordinal: int
    time_ns: int
    balance: Decimal
    order: BookOrder | None = None
    deal: VenueDeal | None = None
    symbol: str = ""
    position: Position | None = None


def _cursor_key(deal: VenueDeal) -> int:
    """Deals by tick, and within a tick what the tick itself caused before what a command did."""
    return 2 * deal.ordinal + (0 if deal.stepped else 1)


def _same_ticket(one: BookOrder, other: BookOrder) -> bool:
    return one.order.ticket == other.order.ticket


@dataclass
class Book:
    """State of the book; empty until the first change."""

    stream_id: str = ""
    currency: str = ""
    ordinal: int = 0
    time_ns: int = 0
    balance: Decimal = Decimal(0)
    deals_before_stream: int = 0
    last_position_ticket: int = 0
    orders: list[BookOrder] = field(default_factory=list)
    deals: list[VenueDeal] = field(default_factory=list)
    positions: dict[str, Position] = field(default_factory=dict)
    _by_magic: dict[int, BookOrder] = field(default_factory=dict, repr=False)
    _cursor_keys: list[int] = field(default_factory=list, repr=False)
    _resting: dict[int, BookOrder] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        """Index what a store has loaded."""
        for order in self.orders:
            self._index_order(order)
        for number, deal in enumerate(self.deals):
            self._cursor_keys.append(0 if number < self.deals_before_stream else _cursor_key(deal))

    @property
    def is_empty(self) -> bool:
        """Whether no account has been opened yet."""
        return not self.deals

    @property
    def quiet(self) -> bool:
        """Nothing rests that a tick could set off."""
        return not self._resting

    def resting(self) -> list[BookOrder]:
        """Orders that were taken and are not executed yet, by ticket."""
        return [self._resting[ticket] for ticket in sorted(self._resting)]

    def find(self, magic: int) -> BookOrder | None:
        """The first order placed under a magic: a broker takes any number of them."""
        return self._by_magic.get(magic)

    def deals_before_commands_at(self, ordinal: int) -> int:
        """Deals that had happened when the book had stepped to tick `ordinal`, before any command there."""
        keys = self._cursor_keys
        bound = 2 * ordinal + 1
        if not keys or keys[-1] < bound:
            return len(keys)
        return bisect_left(keys, bound)

    def apply(self, change: BookChange) -> None:
        """Fold in a committed change."""
        if change.stream_id != self.stream_id:
            self.stream_id = change.stream_id
            self.deals_before_stream = len(self.deals)
            self._cursor_keys = [0] * len(self.deals)
        self.currency = change.currency
        self.ordinal = change.ordinal
        self.time_ns = change.time_ns
        self.balance = change.balance
        if change.order is not None:
            if (ticket := change.order.order.ticket) > len(self.orders):
                self.orders.append(change.order)
            else:
                self.orders[ticket - 1] = change.order
            self._index_order(change.order)
        if change.deal is not None:
            self.deals.append(change.deal)
            self._cursor_keys.append(_cursor_key(change.deal))
        if change.symbol:
            if change.position is None:
                self.positions.pop(change.symbol, None)
            else:
                self.positions[change.symbol] = change.position
                self.last_position_ticket = max(self.last_position_ticket, change.position.ticket)

    def state_hash(self) -> str:
        """SHA-256 over everything a change can touch."""
        positions = sorted(self.positions.values(), key=lambda position: position.ticket)
        state = (
            (self.stream_id, self.currency, self.ordinal, self.time_ns, self.balance),
            (self.deals_before_stream, self.last_position_ticket, self._cursor_keys),
            (self.orders, self.deals, positions, sorted(self._resting)),
        )
        return hashlib.sha256(msgspec.msgpack.encode(state)).hexdigest()

    def _index_order(self, order: BookOrder) -> None:
        if order.magic and ((known := self._by_magic.get(order.magic)) is None or _same_ticket(known, order)):
            self._by_magic[order.magic] = order
        if order.order.status is OrderReplyStatus.ACCEPTED:
            self._resting[order.order.ticket] = order
        else:
            self._resting.pop(order.order.ticket, None)


class BookStore(Protocol):
    """Where the book survives; a change is there whole or not at all once `commit` has returned."""

    def load(self) -> Book:
        """The book as committed; an empty one when nothing was."""

    def commit(self, change: BookChange) -> None:
        """Make a change durable."""


class MemoryBookStore:
    """A store that lives as long as its process: for backtests, simulations and tests."""

    def __init__(self) -> None:
        self._changes: list[BookChange] = []

    def load(self) -> Book:
        """Fold all the changes again."""
        book = Book()
        for change in self._changes:
            book.apply(change)
        return book

    def commit(self, change: BookChange) -> None:
        """Keep the change."""
        self._changes.append(change)
