"""The journal of order ids, which ensures that each order has its effect at most once.

An unknown id becomes CALLING just before the venue is called, and DONE once its final answer is stored. An id that is
fenced before it has had an effect becomes FENCED and void. A crash can leave an id at CALLING; the gateway then
searches the venue for the order. CLAIMED: the venue reported an execution but shows no such order. PRESUMED: repeated
searches found no trace, so the order is presumed to have had no effect. The venue is never called again for a CLAIMED
or PRESUMED id. If the order appears later, the order's state replaces the presumption.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple, Protocol

from msgspec import Struct

from proto.gateway import KnownIds, OrderReply
from proto.trading.enums import OrderType, TimeInForce
from proto.trading.units import decimal_text
from services.mt5.core.ports.magic import DESK_MAGIC_MIN, decode_desk_magic, magic_of


class EntryState(StrEnum):
    """State of an order id."""

    CALLING = "CALLING"
    CLAIMED = "CLAIMED"
    PRESUMED = "PRESUMED"
    DONE = "DONE"
    FENCED = "FENCED"


class Effect(Struct, frozen=True):
    """The effect of an order. Two requests with one id must have equal effects; numbers are compared by value.

    `price` is the order price of a LIMIT or STOP order, and None for a MARKET order. `position` is the ticket of the
    position to close, 0 for none. `action` is CLOSE only if there was no position to close. Any other CLOSE is kept as
    its BUY or SELL.
    """

    action: str
    symbol: str
    volume: Decimal
    type: OrderType = OrderType.MARKET
    time_in_force: TimeInForce = TimeInForce.FOK
    price: Decimal | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    expires_ns: int = 0
    position: int = 0

    def __str__(self) -> str:
        """The effect as text; values that equal the default of a market order are left out."""
        parts = [self.action, decimal_text(self.volume), self.symbol]
        if (self.type, self.time_in_force) != (OrderType.MARKET, TimeInForce.FOK):
            parts += [self.type, self.time_in_force]
        for name in ("price", "stop_loss", "take_profit"):
            if (value := getattr(self, name)) is not None:
                parts.append(f"{name} {decimal_text(value)}")
        for name in ("expires_ns", "position"):
            if value := getattr(self, name):
                parts.append(f"{name} {value}")
        return " ".join(parts)


class JournalEntry(NamedTuple):
    """The entry of one id. `effect` is None if an unknown id was fenced; `reply` is None while CALLING or CLAIMED."""

    state: EntryState
    effect: Effect | None
    reply: OrderReply | None


class LeaseRecord(NamedTuple):
    """The durable part of the lease."""

    epoch: int = 0
    """The highest epoch that was ever leased; 0 before the first."""
    holder: str = ""
    """The client that leased this epoch; empty in journals of earlier versions."""
    has_restarted: bool = False
    """Whether the gateway has restarted since the last renewal. If so, the lease lapses at once at the next restart."""


class Journal(Protocol):
    """Storage of order ids. Every write is durable when its method returns.

    Replies are kept without `request_id` and `boot_id`; both are filled in when a reply is sent.
    """

    @property
    def journal_id(self) -> str:
        """Id of this journal; a new journal has none of the order ids of an earlier one."""

    def find(self, order_id: str) -> JournalEntry | None:
        """The entry of an id; None for an unknown id."""

    def record_calling(self, order_id: str, effect: Effect, *, ordinal: int) -> None:
        """Record that the venue is about to be called for an id, with the book at tick `ordinal`."""

    def record_done(self, order_id: str, effect: Effect, reply: OrderReply) -> None:
        """Record the final answer of an id."""

    def fence(self, order_id: str, reply: OrderReply) -> None:
        """Record that an id is void: the venue was not called, or its complete history shows no such order."""

    def record_claimed(self, order_id: str, effect: Effect, *, ordinal: int) -> None:
        """Record that the venue reported an execution but shows no such order, with the book at tick `ordinal`."""

    def record_presumed(self, order_id: str, effect: Effect, reply: OrderReply) -> None:
        """Record that an id is presumed to have had no effect."""

    def order_id_of(self, magic: int) -> str | None:
        """The id of an order by its `magic`; None if unknown."""

    def known_ids(self) -> dict[str, KnownIds]:
        """Count and highest number of the known desk ids, by incarnation.

        A desk compares them with its ledger: a ledger restored from an old backup has lower numbers.
        """

    @property
    def lease(self) -> LeaseRecord:
        """The lease of the account."""

    def set_lease(self, lease: LeaseRecord) -> None:
        """Record a lease of a new epoch or holder, a restart of the gateway, or the first renewal after a restart."""

    @property
    def halt_reason(self) -> str:
        """A person's reason for the gateway halt; empty while the gateway is not halted."""

    def set_halt_reason(self, reason: str) -> None:
        """Record a halt by a person, or its end with an empty reason."""


class MemoryJournal:
    """A journal in memory, for backtests, simulations and tests."""

    def __init__(self, journal_id: str) -> None:
        self._journal_id = journal_id
        self._entries: dict[str, JournalEntry] = {}
        self._magics: dict[int, str] = {}
        self._lease = LeaseRecord()
        self._halt_reason = ""

    @property
    def journal_id(self) -> str:
        """See `Journal`."""
        return self._journal_id

    def find(self, order_id: str) -> JournalEntry | None:
        """The entry of an id; None for an unknown id."""
        return self._entries.get(order_id)

    def record_calling(self, order_id: str, effect: Effect, *, ordinal: int) -> None:  # noqa: ARG002 - part of the port
        """Record that the venue is about to be called for an id; `ordinal` is ignored."""
        self._entries[order_id] = JournalEntry(EntryState.CALLING, effect, None)
        self._magics[magic_of(order_id)] = order_id

    def record_done(self, order_id: str, effect: Effect, reply: OrderReply) -> None:
        """Record the final answer of an id."""
        self._entries[order_id] = JournalEntry(EntryState.DONE, effect, reply)

    def fence(self, order_id: str, reply: OrderReply) -> None:
        """See `Journal`."""
        known = self._entries.get(order_id)
        self._entries[order_id] = JournalEntry(EntryState.FENCED, known.effect if known else None, reply)

    def record_claimed(self, order_id: str, effect: Effect, *, ordinal: int) -> None:  # noqa: ARG002 - part of the port
        """Record that the venue reported an execution but shows no such order; `ordinal` is ignored."""
        self._entries[order_id] = JournalEntry(EntryState.CLAIMED, effect, None)

    def record_presumed(self, order_id: str, effect: Effect, reply: OrderReply) -> None:
        """Record that an id is presumed to have had no effect."""
        self._entries[order_id] = JournalEntry(EntryState.PRESUMED, effect, reply)

    def order_id_of(self, magic: int) -> str | None:
        """The id of an order by its `magic`; None if unknown."""
        return self._magics.get(magic)

    def known_ids(self) -> dict[str, KnownIds]:
        """See `Journal`."""
        known: dict[str, KnownIds] = {}
        for magic in map(magic_of, self._entries):
            if magic >= DESK_MAGIC_MIN:
                ids = decode_desk_magic(magic)
                before = known.get(ids.incarnation, KnownIds(0, 0))
                known[ids.incarnation] = KnownIds(before.count + 1, max(before.highest, ids.number))
        return known

    @property
    def lease(self) -> LeaseRecord:
        """The lease of the account."""
        return self._lease

    def set_lease(self, lease: LeaseRecord) -> None:
        """See `Journal`."""
        self._lease = lease

    @property
    def halt_reason(self) -> str:
        """See `Journal`."""
        return self._halt_reason

    def set_halt_reason(self, reason: str) -> None:
        """See `Journal`."""
        self._halt_reason = reason
