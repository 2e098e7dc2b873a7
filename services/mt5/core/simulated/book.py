"""The simulated broker's book: orders, deals, positions and cash.

Each change is first committed to a `BookStore` and then applied here without any check. A book loaded from its store
equals the book to which the same changes were applied.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from decimal import Decimal

import msgspec
from msgspec import Struct

from proto.gateway import VenueDeal
from proto.time import NEVER_NS
from proto.trading.enums import AccountMode
from services.mt5.core.ports.book_records import BookOrder, Modification
from services.mt5.core.simulated.positions import Position


class BookChange(Struct, frozen=True, kw_only=True):
    """One change of the book, committed as a whole.

    `ordinal` and `time_ns` (UTC) are those of the book's tick. `balance` is the balance after the change, in account
    currency. `is_within_tick`: the tick caused the change and may cause more. `removed` is the ticket of a closed
    position, 0 for none; `position` is a new or changed position. With `is_synced` False a power cut may undo the
    change, but the death of the process cannot.
    """

    stream_id: str
    currency: str
    account_mode: AccountMode = AccountMode.NETTING
    ordinal: int
    time_ns: int
    balance: Decimal
    is_within_tick: bool = False
    order: BookOrder | None = None
    deal: VenueDeal | None = None
    removed: int = 0
    position: Position | None = None
    modification: Modification | None = None
    is_synced: bool = True


def _cursor_key(deal: VenueDeal) -> int:
    """Sort key of deals: by tick, and within a tick, deals caused by the tick before deals caused by commands."""
    return 2 * deal.ordinal + (0 if deal.stepped else 1)


def _ticket(position: Position) -> int:
    return position.ticket


def _same_ticket(one: BookOrder, other: BookOrder) -> bool:
    return one.order.ticket == other.order.ticket


@dataclass
class Book:
    """The state of the book; it is empty before the first change."""

    stream_id: str = ""
    currency: str = ""
    account_mode: AccountMode = AccountMode.NETTING
    ordinal: int = 0
    time_ns: int = 0
    balance: Decimal = Decimal(0)
    is_within_tick: bool = False
    last_set_off: int = 0
    """Ordinal of the stream's last tick that caused a change; 0 before the first."""

    deals_before_stream: int = 0
    endings_before_stream: int = 0
    last_position_ticket: int = 0
    orders: list[BookOrder] = field(default_factory=list)
    deals: list[VenueDeal] = field(default_factory=list)
    positions: dict[int, Position] = field(default_factory=dict)
    modifications: dict[str, Modification] = field(default_factory=dict)
    _by_magic: dict[int, BookOrder] = field(default_factory=dict, repr=False)
    _cursor_keys: list[int] = field(default_factory=list, repr=False)
    _report_times_ns: list[int] = field(default_factory=list, repr=False)
    _ending_ordinals: list[int] = field(default_factory=list, repr=False)
    _resting: dict[int, BookOrder] = field(default_factory=dict, repr=False)
    _resting_by_ticket: tuple[BookOrder, ...] | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Build the indexes of a book that a store has loaded."""
        for order in self.orders:
            self._index_order(order)
        for number, deal in enumerate(self.deals):
            is_of_stream = number >= self.deals_before_stream
            self._cursor_keys.append(_cursor_key(deal) if is_of_stream else 0)
            self._record_report_time(self.orders[deal.ticket - 1].told_ns if is_of_stream and deal.ticket else 0)
        for order in sorted((order for order in self.orders if order.ending), key=lambda order: order.ending):
            self._note_ending(order)

    @property
    def is_empty(self) -> bool:
        """Whether the book has no account yet."""
        return not self.deals

    @property
    def endings(self) -> int:
        """Number of orders that ticks have ended before a complete fill."""
        return len(self._ending_ordinals)

    def resting(self) -> tuple[BookOrder, ...]:
        """Open orders, by ticket."""
        if self._resting_by_ticket is None:
            self._resting_by_ticket = tuple(self._resting[ticket] for ticket in sorted(self._resting))
        return self._resting_by_ticket

    def find(self, magic: int) -> BookOrder | None:
        """The first order under a `magic`; a broker accepts several orders with the same magic."""
        return self._by_magic.get(magic)

    def positions_in(self, symbol: str) -> list[Position]:
        """Open positions in a symbol, by ticket; a netting account has at most one."""
        found = [position for position in self.positions.values() if position.symbol == symbol]
        found.sort(key=_ticket)
        return found

    @property
    def told_ns(self) -> int:
        """Time at which the last deal's report reaches the client, UTC; 0 if no report of this stream was delayed."""
        return self._report_times_ns[-1] if self._report_times_ns else 0

    def next_report_ns(self, time_ns: int) -> int:
        """Time of the first deal report that reaches the client after `time_ns`, UTC; `NEVER_NS` if there is none."""
        times_ns = self._report_times_ns
        if not times_ns or times_ns[-1] <= time_ns:
            return NEVER_NS
        return times_ns[bisect_right(times_ns, time_ns)]

    def deal_cursor_at(self, ordinal: int, time_ns: int) -> int:
        """Number of deals executed and reported up to tick `ordinal`, without those of commands at that tick.

        Args:
            ordinal: a tick of the stream.
            time_ns: the tick's time, UTC; a deal reported later is not counted, nor is any deal after it.
        """
        keys, reported_ns = self._cursor_keys, self._report_times_ns
        bound = 2 * ordinal + 1
        happened = len(keys) if not keys or keys[-1] < bound else bisect_left(keys, bound)
        return (
            happened
            if not reported_ns or reported_ns[-1] <= time_ns
            else min(happened, bisect_right(reported_ns, time_ns))
        )

    def order_cursor_at(self, ordinal: int) -> int:
        """Number of orders that ticks up to `ordinal` have ended before a complete fill."""
        return bisect_right(self._ending_ordinals, ordinal)

    def apply(self, change: BookChange) -> None:
        """Apply a committed change."""
        if change.stream_id != self.stream_id:
            self.stream_id = change.stream_id
            self.last_set_off = 0
            self.deals_before_stream = len(self.deals)
            self._cursor_keys = [0] * len(self.deals)
            self._report_times_ns = [0] * len(self.deals)
            self.endings_before_stream = len(self._ending_ordinals)
            self._ending_ordinals = [0] * len(self._ending_ordinals)
        self.currency = change.currency
        self.account_mode = change.account_mode
        self.ordinal = change.ordinal
        self.time_ns = change.time_ns
        self.balance = change.balance
        self.is_within_tick = change.is_within_tick
        if change.is_within_tick:
            self.last_set_off = change.ordinal
        if change.order is not None:
            if (ticket := change.order.order.ticket) > len(self.orders):
                self.orders.append(change.order)
            else:
                self.orders[ticket - 1] = change.order
            self._index_order(change.order)
            if change.order.ending > len(self._ending_ordinals):
                self._note_ending(change.order)
        if change.deal is not None:
            self.deals.append(change.deal)
            self._cursor_keys.append(_cursor_key(change.deal))
            self._record_report_time(0 if change.order is None else change.order.told_ns)
        if change.removed:
            del self.positions[change.removed]
        if change.position is not None:
            self.positions[change.position.ticket] = change.position
            self.last_position_ticket = max(self.last_position_ticket, change.position.ticket)
        if change.modification is not None:
            self.modifications[change.modification.target] = change.modification

    def state_hash(self) -> str:
        """SHA-256 of all parts of the book that a change can affect, as hexadecimal digits."""
        state = (
            (self.stream_id, self.currency, self.account_mode, self.ordinal, self.time_ns, self.balance),
            (self.is_within_tick, self.last_set_off),
            (self.deals_before_stream, self.last_position_ticket, self._cursor_keys, self._report_times_ns),
            (self.endings_before_stream, self._ending_ordinals),
            (self.orders, self.deals, sorted(self._resting)),
            [self.positions[ticket] for ticket in sorted(self.positions)],
            [self.modifications[target] for target in sorted(self.modifications)],
        )
        return hashlib.sha256(msgspec.msgpack.encode(state)).hexdigest()

    def _record_report_time(self, reported_ns: int) -> None:
        """Record when a deal is reported; deals are reported in order, so not before any earlier deal."""
        self._report_times_ns.append(max(self.told_ns, reported_ns))

    def _note_ending(self, order: BookOrder) -> None:
        assert order.ending == len(self._ending_ordinals) + 1, order
        is_earlier = order.ending <= self.endings_before_stream
        self._ending_ordinals.append(0 if is_earlier else order.order.ordinal)

    def _index_order(self, order: BookOrder) -> None:
        if order.magic and ((known := self._by_magic.get(order.magic)) is None or _same_ticket(known, order)):
            self._by_magic[order.magic] = order
        if order.is_open:
            self._resting[order.order.ticket] = order
            self._resting_by_ticket = None
        elif self._resting.pop(order.order.ticket, None) is not None:
            self._resting_by_ticket = None
