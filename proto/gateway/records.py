"""Records of the venue in gateway replies: deals, orders, positions, and counts of tick rows."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from proto.gateway.codes import OrderReplyStatus
from proto.trading.enums import OrderType, Side, TimeInForce
from proto.trading.units import Cursor, Name, OptionalName, Sequence, Text, TimeNs, is_exact, require_exact


def require_all_exact(record: Struct, *fields: str) -> None:
    """Refuse a record if one of these fields is neither None nor a finite decimal of acceptable size.

    Orders, deals and their replies are not checked when they are made, because the venue computes them from exact
    numbers. The codec of messages refuses inexact numbers, and the code that reads a terminal's rows calls this
    function. Stored records are not checked again: each has a checksum or is in the hash chain.

    Raises:
        ValueError: names the field, the value and the expectation.
    """
    for field in fields:
        value: Decimal | None = getattr(record, field)
        if value is not None and not is_exact(value):
            require_exact(field, value)


class DealKind(StrEnum):
    """Kind of a deal: trades (BUY, SELL) change a position and cash; all other kinds change only cash."""

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
    """How a deal changed the position.

    IN opened or increased it, OUT closed or reduced it, INOUT reversed it. MetaTrader's OUT_BY becomes OUT. NONE did
    not change it, or the venue's entry is unknown.
    """

    IN = "IN"
    OUT = "OUT"
    INOUT = "INOUT"
    NONE = "NONE"


class DealReason(StrEnum):
    """What caused a deal; CLIENT stands for every cause without a name of its own here."""

    CLIENT = "CLIENT"
    STOP_LOSS = "STOP_LOSS"
    TAKE_PROFIT = "TAKE_PROFIT"
    STOP_OUT = "STOP_OUT"
    ROLLOVER = "ROLLOVER"


class VenueDeal(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One execution or cash movement in the venue's book.

    `deal` is the number of the deal, from 1: in the order of execution at the simulated broker, in the order in which
    the gateway first saw the deals at a terminal. `order_id` is the client's id of the order, empty when the order was
    not placed through the gateway. `profit`, `commission` and `swap` are changes of the balance in account currency: a
    charged commission or swap is negative. `ordinal` is the tick at which the deal was executed or, at a terminal,
    first seen. `stepped` is True if a tick caused the deal, for example by filling a resting order, and False if a
    command did. At a terminal it is True only for a stop loss, take profit, stop out or rollover. `position` is the
    ticket of the position that the deal opened or changed, or for which it was charged; 0 for none. `arrived_ns` is the
    time at which a delayed order reached the venue, for the first deal of the order; 0 in any other deal. `limit_gap`,
    in account currency and 0 or more, is the amount by which the market's quote was better than the price of a resting
    limit order or take profit. It does not depend on whether the deal was executed at the quote or at the order's
    price.
    """

    deal: Sequence
    ticket: Cursor
    order_id: OptionalName
    symbol: OptionalName
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

    @property
    def cash(self) -> Decimal:
        """Change of the balance by this deal, in account currency."""
        return self.profit + self.commission + self.swap


class VenueOrder(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One order in the venue's book.

    `price` is the limit or stop price, None for a MARKET order. `position` is the ticket of the position that the order
    closes, 0 for an order without one. `revision` is the number of the last modification.
    """

    ticket: Sequence
    order_id: OptionalName
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


class VenuePosition(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One open position; `profit` is unrealized, in account currency, None without a conversion rate.

    `swap` is the swap accrued but not booked yet, negative when charged. `order_id` is the id of the opening order,
    empty if the order was not placed through the gateway. `revision` is the number of the last modification.
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
    order_id: OptionalName = ""
    revision: Cursor = 0

    def __post_init__(self) -> None:
        """Refuse numbers that are not finite decimals of acceptable size."""
        require_all_exact(self, "volume", "price_open", "profit", "stop_loss", "take_profit", "swap")


class TickCounts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Counts of the tick rows of a file or a terminal.

    `rejected` is by reason; `read` = `published` + the sum of `rejected`.
    """

    read: Cursor
    published: Cursor
    rejected: dict[str, Cursor]
