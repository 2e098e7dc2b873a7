"""What the venue keeps and the gateway tells: deals, orders, positions, and what became of the rows of a tick file."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from proto.gateway.codes import OrderReplyStatus
from proto.trading.enums import OrderType, Side, TimeInForce
from proto.trading.units import Cursor, Name, Sequence, Text, TimeNs, require_exact


def require_all_exact(record: Struct, *fields: str) -> None:
    """Refuse a record with a number that is told and is not finite or of no sane size."""
    for field in fields:
        value: Decimal | None = getattr(record, field)
        if value is not None:
            require_exact(field, value)


class DealKind(StrEnum):
    """What a deal did: trades (BUY, SELL) move positions and cash, all others move cash only."""

    BUY = "BUY"
    SELL = "SELL"
    BALANCE = "BALANCE"
    SWAP = "SWAP"
    COMMISSION = "COMMISSION"
    CORRECTION = "CORRECTION"

    @property
    def is_trade(self) -> bool:
        """Whether it is an execution, and moves a position."""
        return self in (DealKind.BUY, DealKind.SELL)


class DealEntry(StrEnum):
    """How a deal changed the position, in MetaTrader's words."""

    IN = "IN"
    OUT = "OUT"
    INOUT = "INOUT"
    NONE = "NONE"


class DealReason(StrEnum):
    """Who or what made a deal happen, in MetaTrader's words."""

    CLIENT = "CLIENT"
    STOP_LOSS = "STOP_LOSS"
    TAKE_PROFIT = "TAKE_PROFIT"
    STOP_OUT = "STOP_OUT"
    ROLLOVER = "ROLLOVER"


class VenueDeal(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One execution or cash movement in the venue's book.

    `deal` is the venue's number, rising from 1 in the order of happening; `order_id` the client's id, empty when the
    order was not placed through the gateway. `profit`, `commission`, `swap` in account currency, signed. `ordinal` is
    the tick at which it happened, `stepped` whether the tick itself caused it (a resting order) and not a command.
    `position` is the ticket of the position that it opened, changed or was charged for; 0 for none. `arrived_ns` is
    when its order reached the venue, where that took time and this is the order's first deal; 0 where it is not known.
    A deal that is later was matched at the next quote. `limit_gap`, in account currency and 0 or more, is what the
    market's quote was better than the price of the limit order or target, whichever the deal has.
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
    position: Cursor = 0
    reason: DealReason = DealReason.CLIENT
    arrived_ns: TimeNs = 0
    limit_gap: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        """Every number is finite and of a sane size."""
        require_all_exact(self, "volume", "price", "profit", "commission", "swap", "limit_gap")

    @property
    def cash(self) -> Decimal:
        """What the deal moved on the balance, in account currency."""
        return self.profit + self.commission + self.swap


class VenueOrder(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One order as the venue's book has it.

    `price` is that of a LIMIT or STOP order; `position` the ticket of the one position that it may close, 0 for any;
    `revision` that of its last modification.
    """

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
    type: OrderType = OrderType.MARKET
    time_in_force: TimeInForce = TimeInForce.FOK
    price: Decimal | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    expires_ns: TimeNs = 0
    position: Cursor = 0
    revision: Cursor = 0

    def __post_init__(self) -> None:
        """Every number that is told is finite and of a sane size."""
        require_all_exact(self, "volume", "filled_volume", "filled_price", "price", "stop_loss", "take_profit")


class VenuePosition(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One open position; `profit` is unrealised, in account currency, None without a rate.

    `swap` is what it has been charged (< 0) or paid overnight so far and is not booked yet; `order_id` the id of the order that opened it,
    empty where that was not placed here; `revision` that of its last modification.
    """

    ticket: Sequence
    symbol: Name
    side: Side
    volume: Decimal
    price_open: Decimal
    profit: Decimal | None
    time_ns: TimeNs
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    swap: Decimal = Decimal(0)
    order_id: Annotated[str, Meta(max_length=64)] = ""
    revision: Cursor = 0

    def __post_init__(self) -> None:
        """Every number that is told is finite and of a sane size."""
        require_all_exact(self, "volume", "price_open", "profit", "stop_loss", "take_profit", "swap")


class TickCounts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the tick source made of its rows: read = published + the sum of rejected."""

    read: Cursor
    published: Cursor
    rejected: dict[str, Cursor]
