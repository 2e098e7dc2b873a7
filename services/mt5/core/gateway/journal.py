"""What the gateway remembers of each client's order id, so that an order has its effect once.

An id is unknown, then CALLING from just before the venue is called until its answer is stored, then DONE for good; or it is
FENCED, dead before it was ever called. A crash can leave an id at CALLING; what that means is for the gateway to find out
from the venue. CLAIMED is an id of which the venue said that it was executed, and shows nothing; PRESUMED one that is taken to
have had no effect, after long and repeated looks. Neither is ever called again, and a trace that shows up late still counts.
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
    """How far an order id has come."""

    CALLING = "CALLING"
    CLAIMED = "CLAIMED"
    PRESUMED = "PRESUMED"
    DONE = "DONE"
    FENCED = "FENCED"


class Effect(Struct, frozen=True):
    """What an order is to do; two requests with one id must agree in it. Numbers are compared by value.

    `price` is that of a LIMIT or STOP order: of a MARKET order it is no part of the effect. `action` CLOSE is that of a
    position which was not there to be closed; one that was has the BUY or SELL with its `position`.
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
        """The effect in words; what is as in a plain market order is not said."""
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
    """What survives of the lease: who has it, and whether the gateway has started since it was renewed last."""

    epoch: int = 0
    """The highest that was ever leased; 0 for none."""
    holder: str = ""
    """Who leased that epoch; empty where the journal was written before holders were kept."""
    has_restarted: bool = False
    """The gateway has started since the last renewal: the lease is not counted from the beginning once more."""


class Journal(Protocol):
    """Where order ids survive. What a method has written is durable when it returns.

    Replies are kept with no `request_id` and no boot's `boot_id`: both are those of whoever asks and answers later.
    """

    @property
    def journal_id(self) -> str:
        """Incarnation of the journal: another one knows nothing of the ids of this one."""

    def find(self, order_id: str) -> JournalEntry | None:
        """What is known of an id."""

    def record_calling(self, order_id: str, effect: Effect, *, ordinal: int) -> None:
        """The venue is about to be called for an id, with the book at tick `ordinal`."""

    def record_done(self, order_id: str, effect: Effect, reply: OrderReply) -> None:
        """The id has its answer for good."""

    def fence(self, order_id: str, reply: OrderReply) -> None:
        """The id is dead; it was not called, or left no trace at a venue whose book is complete."""

    def record_claimed(self, order_id: str, effect: Effect, *, ordinal: int) -> None:
        """The venue said of an id that it was executed, and shows nothing; the book stands at tick `ordinal`."""

    def record_presumed(self, order_id: str, effect: Effect, reply: OrderReply) -> None:
        """The id is taken to have had no effect."""

    def order_id_of(self, magic: int) -> str | None:
        """The id that was called under a magic."""

    def known_ids(self) -> dict[str, KnownIds]:
        """The ids of the desk's own form, by incarnation: a desk that knows fewer has gone back in time."""

    @property
    def lease(self) -> LeaseRecord:
        """Who may open exposure."""

    def set_lease(self, lease: LeaseRecord) -> None:
        """Another client leases the account, or the same one after a start of the gateway."""

    @property
    def halt_reason(self) -> str:
        """Why a person has halted the gateway; empty when it is not halted."""

    def set_halt_reason(self, reason: str) -> None:
        """A person halts the gateway, or with an empty reason lets it go on."""


class MemoryJournal:
    """A journal that lives as long as its process: for backtests, simulations and tests."""

    def __init__(self, journal_id: str) -> None:
        self._journal_id = journal_id
        self._entries: dict[str, JournalEntry] = {}
        self._magics: dict[int, str] = {}
        self._lease = LeaseRecord()
        self._halted = ""

    @property
    def journal_id(self) -> str:
        """Incarnation of the journal."""
        return self._journal_id

    def find(self, order_id: str) -> JournalEntry | None:
        """What is known of an id."""
        return self._entries.get(order_id)

    def record_calling(self, order_id: str, effect: Effect, *, ordinal: int) -> None:  # noqa: ARG002 - for stores that die there
        """The venue is about to be called for an id."""
        self._entries[order_id] = JournalEntry(EntryState.CALLING, effect, None)
        self._magics[magic_of(order_id)] = order_id

    def record_done(self, order_id: str, effect: Effect, reply: OrderReply) -> None:
        """The id has its answer for good."""
        self._entries[order_id] = JournalEntry(EntryState.DONE, effect, reply)

    def fence(self, order_id: str, reply: OrderReply) -> None:
        """The id is dead."""
        known = self._entries.get(order_id)
        self._entries[order_id] = JournalEntry(EntryState.FENCED, known.effect if known else None, reply)

    def record_claimed(self, order_id: str, effect: Effect, *, ordinal: int) -> None:  # noqa: ARG002 - as above
        """The venue said of an id that it was executed, and shows nothing."""
        self._entries[order_id] = JournalEntry(EntryState.CLAIMED, effect, None)

    def record_presumed(self, order_id: str, effect: Effect, reply: OrderReply) -> None:
        """The id is taken to have had no effect."""
        self._entries[order_id] = JournalEntry(EntryState.PRESUMED, effect, reply)

    def order_id_of(self, magic: int) -> str | None:
        """The id that was called under a magic."""
        return self._magics.get(magic)

    def known_ids(self) -> dict[str, KnownIds]:
        """The ids of the desk's own form, by incarnation."""
        known: dict[str, KnownIds] = {}
        for magic in map(magic_of, self._entries):
            if magic >= DESK_MAGIC_MIN:
                ids = desk_ids_around(magic)
                before = known.get(ids.incarnation, KnownIds(0, 0))
                known[ids.incarnation] = KnownIds(before.count + 1, max(before.highest, ids.number))
        return known

    @property
    def lease(self) -> LeaseRecord:
        """Who may open exposure."""
        return self._lease

    def set_lease(self, lease: LeaseRecord) -> None:
        """Another client leases the account, or the same one after a start of the gateway."""
        self._lease = lease

    @property
    def halt_reason(self) -> str:
        """Why a person has halted the gateway."""
        return self._halted

    def set_halt_reason(self, reason: str) -> None:
        """A person halts the gateway, or lets it go on."""
        self._halted = reason
