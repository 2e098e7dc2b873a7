"""What the venue keeps and the gateway tells: deals, orders, positions, and what became of the rows of a tick file."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from proto.codes import OrderReplyStatus
from proto.units import Cursor, Name, Sequence, Side, Text, TimeNs, require_exact


def require_all_exact(record: Struct, *fields: str) -> None:
    """Refuse a record with a number that is told and is not finite or of no sane size."""
    for field in fields:
        value: Decimal | None = getattr(record, field)
        if value is not None:
            require_exact(field, value)


class DealKind(StrEnum):
    """What a deal did: trades move positions and cash, a balance deal moves cash only."""

    BUY = "BUY"
    SELL = "SELL"
    BALANCE = "BALANCE"


class DealEntry(StrEnum):
    """How a deal changed the position, in MetaTrader's words."""

    IN = "IN"
    OUT = "OUT"
    INOUT = "INOUT"
    NONE = "NONE"


class VenueDeal(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One execution or cash movement in the venue's book.

    `deal` is the venue's number, rising from 1 in the order of happening; `order_id` the client's id, empty when the
    order was not placed through the gateway. `profit`, `commission`, `swap` in account currency, signed. `ordinal` is
    the tick at which it happened, `stepped` whether the tick itself caused it (a resting order) and not a command.
    """

    deal: Sequence
    ticket: Cursor
    order_id: Annotated[str, Meta(max_length=64)]
    symbol: Annotated[str, Meta(max_length=64)]
    kind: DealKind
    entry: DealEntry
    volume: Decimal
    price: Decimal
    profit: Decimal
    commission: Decimal
    swap: Decimal
    time_ns: TimeNs
    ordinal: Cursor
    stepped: bool
    comment: Text

    def __post_init__(self) -> None:
        """Every number is finite and of a sane size."""
        require_all_exact(self, "volume", "price", "profit", "commission", "swap")

    @property
    def cash(self) -> Decimal:
        """What the deal moved on the balance, in account currency."""
        return self.profit + self.commission + self.swap


class VenueOrder(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One order as the venue's book has it."""

    ticket: Sequence
    order_id: Annotated[str, Meta(max_length=64)]
    symbol: Name
    side: Side
    volume: Decimal
    filled_volume: Decimal
    filled_price: Decimal | None
    status: OrderReplyStatus
    retcode: int
    reason: Text
    deal: Cursor
    time_ns: TimeNs
    ordinal: Cursor

    def __post_init__(self) -> None:
        """Every number that is told is finite and of a sane size."""
        require_all_exact(self, "volume", "filled_volume", "filled_price")


class VenuePosition(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One open position of a netting account; `profit` is unrealised, in account currency, None without a rate."""

    ticket: Sequence
    symbol: Name
    side: Side
    volume: Decimal
    price_open: Decimal
    profit: Decimal | None
    time_ns: TimeNs

    def __post_init__(self) -> None:
        """Every number that is told is finite and of a sane size."""
        require_all_exact(self, "volume", "price_open", "profit")


class TickCounts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the tick source made of its rows: read = published + the sum of rejected."""

    read: Cursor
    published: Cursor
    rejected: dict[str, Cursor]
