"""The journal of order ids, which ensures that each order has its effect once.

An id is unknown, then CALLING from just before the venue is called until its answer is stored, then DONE for good; or
it is FENCED, void before the venue was ever called. A crash can leave an id at CALLING; the gateway then finds out from
the venue what happened. CLAIMED: the venue reported an execution and shows none. PRESUMED: after long and repeated
looks the id is presumed to have had no effect. Neither is ever called again, and a trace that appears late still
counts.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple, Protocol

from msgspec import Struct

from proto.gateway import KnownIds, OrderReply
from proto.trading.enums import OrderType, TimeInForce
from proto.trading.units import decimal_text
from services.mt5.core.ports.magic import DESK_MAGIC_MIN, desk_ids_around, magic_of


class EntryState(StrEnum):
    """State of an order id."""

    CALLING = "CALLING"
    CLAIMED = "CLAIMED"
    PRESUMED = "PRESUMED"
    DONE = "DONE"
    FENCED = "FENCED"


class Effect(Struct, frozen=True):
    """The effect of an order, in which two requests with one id must agree. Numbers are compared by value.

    `price` is that of a LIMIT or STOP order; that of a MARKET order is not part of the effect. `action` is CLOSE only
    where there was no position to close; otherwise it is the BUY or SELL, with its `position`.
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
        """The effect as text, without values that are the default of a market order."""
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
    """One order id. `effect` is None where an unknown id was fenced; `reply` is None while CALLING or CLAIMED."""

    state: EntryState
    effect: Effect | None
    reply: OrderReply | None


class LeaseRecord(NamedTuple):
    """The durable part of the lease."""

    epoch: int = 0
    """The highest that was ever leased; 0 before the first."""
    holder: str = ""
    """The client that leased this epoch; empty in journals of earlier versions."""
    has_restarted: bool = False
    """Whether the gateway has started since the last renewal; another start then lets the lease lapse at once."""


class Journal(Protocol):
    """Storage of order ids. What a method writes is durable when it returns.

    Replies are kept without `request_id` and `boot_id`; both are filled in when a reply is sent.
    """

    @property
    def journal_id(self) -> str:
        """Incarnation of the journal; a new one knows no ids of an earlier one."""

    def find(self, order_id: str) -> JournalEntry | None:
        """The entry of an id; None for an unknown one."""

    def record_calling(self, order_id: str, effect: Effect, *, ordinal: int) -> None:
        """Record that the venue is about to be called for an id, with the book at tick `ordinal`."""

    def record_done(self, order_id: str, effect: Effect, reply: OrderReply) -> None:
        """Record the final answer of an id."""

    def fence(self, order_id: str, reply: OrderReply) -> None:
        """Record that an id is void: the venue was not called, or shows no trace in a complete book."""

    def record_claimed(self, order_id: str, effect: Effect, *, ordinal: int) -> None:
        """Record that the venue reported an execution and shows none, with the book at tick `ordinal`."""

    def record_presumed(self, order_id: str, effect: Effect, reply: OrderReply) -> None:
        """Record that an id is presumed to have had no effect."""

    def order_id_of(self, magic: int) -> str | None:
        """The id of an order by its magic; None for an unknown one."""

    def known_ids(self) -> dict[str, KnownIds]:
        """The number of known desk ids by incarnation, which shows a desk whose ledger has gone back in time."""

    @property
    def lease(self) -> LeaseRecord:
        """The lease of the account."""

    def set_lease(self, lease: LeaseRecord) -> None:
        """Record a lease: of another client, or the first renewal after a start of the gateway."""

    @property
    def halt_reason(self) -> str:
        """Reason of a person's halt; empty where the gateway is not halted."""

    def set_halt_reason(self, reason: str) -> None:
        """Record a halt by a person, or its end with an empty reason."""


class MemoryJournal:
    """A journal in memory, for backtests, simulations and tests."""

    def __init__(self, journal_id: str) -> None:
        self._journal_id = journal_id
        self._entries: dict[str, JournalEntry] = {}
        self._magics: dict[int, str] = {}
        self._lease = LeaseRecord()
        self._halted = ""

    @property
    def journal_id(self) -> str:
        """See `Journal`."""
        return self._journal_id

    def find(self, order_id: str) -> JournalEntry | None:
        """The entry of an id; None for an unknown one."""
        return self._entries.get(order_id)

    def record_calling(self, order_id: str, effect: Effect, *, ordinal: int) -> None:  # noqa: ARG002 - for stores that die there
        """See `Journal`."""
        self._entries[order_id] = JournalEntry(EntryState.CALLING, effect, None)
        self._magics[magic_of(order_id)] = order_id

    def record_done(self, order_id: str, effect: Effect, reply: OrderReply) -> None:
        """Record the final answer of an id."""
        self._entries[order_id] = JournalEntry(EntryState.DONE, effect, reply)

    def fence(self, order_id: str, reply: OrderReply) -> None:
        """See `Journal`."""
        known = self._entries.get(order_id)
        self._entries[order_id] = JournalEntry(EntryState.FENCED, known.effect if known else None, reply)

    def record_claimed(self, order_id: str, effect: Effect, *, ordinal: int) -> None:  # noqa: ARG002 - as above
        """See `Journal`."""
        self._entries[order_id] = JournalEntry(EntryState.CLAIMED, effect, None)

    def record_presumed(self, order_id: str, effect: Effect, reply: OrderReply) -> None:
        """Record that an id is presumed to have had no effect."""
        self._entries[order_id] = JournalEntry(EntryState.PRESUMED, effect, reply)

    def order_id_of(self, magic: int) -> str | None:
        """The id of an order by its magic; None for an unknown one."""
        return self._magics.get(magic)

    def known_ids(self) -> dict[str, KnownIds]:
        """See `Journal`."""
        known: dict[str, KnownIds] = {}
        for magic in map(magic_of, self._entries):
            if magic >= DESK_MAGIC_MIN:
                ids = desk_ids_around(magic)
                before = known.get(ids.incarnation, KnownIds(0, 0))
                known[ids.incarnation] = KnownIds(before.count + 1, max(before.highest, ids.number))
        return known

    @property
    def lease(self) -> LeaseRecord:
        """The lease of the account."""
        return self._lease

    def set_lease(self, lease: LeaseRecord) -> None:
        """Record a lease: of another client, or the first renewal after a start of the gateway."""
        self._lease = lease

    @property
    def halt_reason(self) -> str:
        """See `Journal`."""
        return self._halted

    def set_halt_reason(self, reason: str) -> None:
        """See `Journal`."""
        self._halted = reason
