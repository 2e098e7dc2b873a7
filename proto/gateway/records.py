"""Records of the venue in gateway replies: deals, orders, positions, and counts of a tick file's rows."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from proto.gateway.codes import OrderReplyStatus
from proto.trading.enums import OrderType, Side, TimeInForce
from proto.trading.units import Cursor, Name, Sequence, Text, TimeNs, require_exact


def require_all_exact(record: Struct, *fields: str) -> None:
    """Refuse a record if one of these fields is neither None nor a finite decimal of acceptable size.

    Raises:
        ValueError: names the field, the value and the expectation.
    """
    for field in fields:
        value: Decimal | None = getattr(record, field)
        if value is not None:
            require_exact(field, value)


class DealKind(StrEnum):
    """Kind of a deal: trades (BUY, SELL) change a position and cash, all others cash only."""

    BUY = "BUY"
    SELL = "SELL"
    BALANCE = "BALANCE"
    SWAP = "SWAP"
    COMMISSION = "COMMISSION"
    CORRECTION = "CORRECTION"

    @property
    def is_trade(self) -> bool:
        """Whether the deal is an execution, which changes a position."""
        return self in (DealKind.BUY, DealKind.SELL)


class DealEntry(StrEnum):
    """How a deal changed the position, by MetaTrader's names."""

    IN = "IN"
    OUT = "OUT"
    INOUT = "INOUT"
    NONE = "NONE"


class DealReason(StrEnum):
    """What caused a deal, by MetaTrader's names."""

    CLIENT = "CLIENT"
    STOP_LOSS = "STOP_LOSS"
    TAKE_PROFIT = "TAKE_PROFIT"
    STOP_OUT = "STOP_OUT"
    ROLLOVER = "ROLLOVER"


class VenueDeal(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One execution or cash movement in the venue's book.

    `deal` is the venue's number, rising from 1 in the order of execution; `order_id` the client's id, empty when the
    order was not placed through the gateway. `profit`, `commission` and `swap` are changes of the balance in account
    currency: a charged commission or swap is negative. This is the sign of commission everywhere except in terms and
    costs (docs/glossary.md). `ordinal` is the tick at which it happened, `stepped` whether the tick itself caused it (a
    resting order) and not a command. `position` is the ticket of the position that it opened, changed or was charged
    for; 0 for none. `arrived_ns` is when its order reached the venue, known for the first deal of an order that was
    delayed, else 0; a later deal was matched at the next quote. `limit_gap`, in account currency and 0 or more, is the
    advantage of the market's quote over the price of a resting limit order or take profit, whichever of the two prices
    the deal has.
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
        """Refuse numbers that are not finite decimals of acceptable size."""
        require_all_exact(self, "volume", "price", "profit", "commission", "swap", "limit_gap")

    @property
    def cash(self) -> Decimal:
        """Change of the balance by this deal, in account currency."""
        return self.profit + self.commission + self.swap


class VenueOrder(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One order in the venue's book.

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
        """Refuse numbers that are not finite decimals of acceptable size."""
        require_all_exact(self, "volume", "filled_volume", "filled_price", "price", "stop_loss", "take_profit")


class VenuePosition(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One open position; `profit` is unrealised, in account currency, None without a rate.

    `swap` is the swap accrued so far and not booked yet, negative when charged; `order_id` the id of the order that
    opened it, empty where the gateway did not place it; `revision` that of its last modification.
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
        """Refuse numbers that are not finite decimals of acceptable size."""
        require_all_exact(self, "volume", "price_open", "profit", "stop_loss", "take_profit", "swap")


class TickCounts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rows of a tick file by outcome: read = published + the sum of rejected."""

    read: Cursor
    published: Cursor
    rejected: dict[str, Cursor]
