"""Requests to the MT5 gateway: flat maps with an `action`. A reply repeats the `request_id` of its request."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, ClassVar, Final

from msgspec import Meta, Struct

from proto.gateway.codes import Fault
from proto.gateway.records import require_all_exact
from proto.gateway.replies import (
    AccountReply,
    ConfirmReply,
    DealsReply,
    HaltReply,
    HelloReply,
    LeaseReply,
    ModifyReply,
    OrderReply,
    OrdersReply,
    PingReply,
    PositionsReply,
    RequestId,
    SimulateReply,
    SymbolReply,
    TicksReply,
)
from proto.trading.enums import OrderType, Side, TimeInForce
from proto.trading.units import Cursor, Name, OptionalName, Probability, Sequence, TimeNs

TICKS_LIMIT_MAX: Final = 1_000
ROWS_LIMIT_MAX: Final = 100
"""Largest number of orders, deals or positions in one reply; `after` requests the rest."""


class _Request(Struct, frozen=True, kw_only=True, tag_field="action", forbid_unknown_fields=True):
    reply_type: ClassVar[type[Struct]]
    """Type of the reply to a request that is not refused."""
    is_query: ClassVar[bool] = False
    """Whether the request changes nothing, so that the gateway may drop it when its client has disconnected."""
    needs_venue: ClassVar[bool] = False
    """Whether the gateway refuses the request while it cannot call the terminal."""

    request_id: RequestId = ""


class Ping(_Request, frozen=True, kw_only=True, tag="PING"):
    """Check that the gateway answers; the reply has the venue's time."""

    reply_type = PingReply
    is_query = True


class Hello(_Request, frozen=True, kw_only=True, tag="HELLO"):
    """First request of a client; the reply has the gateway's boot and the state of the stream."""

    reply_type = HelloReply

    client: Name


class _PlaceOrder(_Request, frozen=True, kw_only=True):
    """An order to buy or sell.

    `order_id` is the idempotency key. A repeat must have the same symbol, side, volume, `type`, `price` of a LIMIT or
    STOP order, `time_in_force`, `stop_loss`, `take_profit`, `expires_ns` (0 without GTD) and `position` as the first
    request. `price` of a MARKET order is the price at the time of the decision. With `deviation_points`, the venue
    refuses to execute a MARKET order at a price that is worse by more than that number of points. `time_in_force` None
    means FOK for a MARKET order and GTC for the other types. With `position` > 0 the order only closes that position.
    With 0 it trades the symbol, and opens a position on a hedging account. `ordinal` > 0 executes the order at that
    tick of a lock-step stream and confirms every tick before it; 0 means the current tick. `valid_until_ns` is venue
    time, 0 for no deadline. `epoch` > 0 is the epoch of the client's lease. 0 is for a client without a lease, whose
    orders the gateway executes without checking a lease.
    """

    reply_type = OrderReply
    needs_venue = True
    side: ClassVar[Side]

    order_id: Name
    symbol: Name
    volume: Decimal
    price: Decimal | None = None
    type: OrderType = OrderType.MARKET
    time_in_force: TimeInForce | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    expires_ns: TimeNs = 0
    position: Cursor = 0
    deviation_points: Annotated[int, Meta(ge=0, le=1_000_000)] | None = None
    ordinal: Cursor = 0
    valid_until_ns: TimeNs = 0
    epoch: Cursor = 0

    def __post_init__(self) -> None:
        require_all_exact(self, "volume", "price", "stop_loss", "take_profit")

    @property
    def effective_time_in_force(self) -> TimeInForce:
        """The time in force, with the default of the type in place of None: FOK for a MARKET order, else GTC."""
        if self.time_in_force is not None:
            return self.time_in_force
        return TimeInForce.FOK if self.type is OrderType.MARKET else TimeInForce.GTC


class Buy(_PlaceOrder, frozen=True, kw_only=True, tag="BUY"):
    """An order to buy; a MARKET order is executed at the ask."""

    side = Side.BUY


class Sell(_PlaceOrder, frozen=True, kw_only=True, tag="SELL"):
    """An order to sell; a MARKET order is executed at the bid."""

    side = Side.SELL


class Close(_Request, frozen=True, kw_only=True, tag="CLOSE"):
    """Close a position at the market; the gateway derives the side.

    `order_id` is the idempotency key. `position` is a ticket, 0 for the one position in the symbol on a netting
    account. `volume` is in lots, None for the whole position.
    """

    reply_type = OrderReply
    needs_venue = True

    order_id: Name
    symbol: Name
    position: Cursor = 0
    volume: Decimal | None = None
    ordinal: Cursor = 0
    valid_until_ns: TimeNs = 0
    epoch: Cursor = 0

    def __post_init__(self) -> None:
        require_all_exact(self, "volume")


class Cancel(_Request, frozen=True, kw_only=True, tag="CANCEL"):
    """Cancel a resting order. A repeat has no effect; each reply has the current state of the order.

    `ordinal` and `epoch` are as in an order. For an order that had ended before without being canceled, the reply has
    the order's status and error code, or ORDER_ENDED if the order has no error code.
    """

    reply_type = OrderReply
    needs_venue = True

    order_id: Name
    ordinal: Cursor = 0
    epoch: Cursor = 0


class Modify(_Request, frozen=True, kw_only=True, tag="MODIFY"):
    """Set prices of a resting order or of a position; None removes a stop, but leaves `price` unchanged.

    With an `order_id` the request changes that order: `price`, `expires_ns` if above 0, and stops. Without one it
    changes the stops of a position: `position` is the ticket, or 0 for the one position in `symbol` on a netting
    account. `revision` > 0 must be higher than the revision of every earlier modification of the same target. The
    gateway answers an equal revision without a change, and refuses a lower one with STALE_REVISION, so that a delayed
    repeat does not undo a later modification. `revision` 0 is for clients that do not repeat requests.
    """

    reply_type = ModifyReply
    needs_venue = True

    symbol: Name
    order_id: OptionalName = ""
    position: Cursor = 0
    price: Decimal | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    expires_ns: TimeNs = 0
    revision: Cursor = 0
    ordinal: Cursor = 0
    epoch: Cursor = 0

    def __post_init__(self) -> None:
        require_all_exact(self, "price", "stop_loss", "take_profit")


class OrderStatusQuery(_Request, frozen=True, kw_only=True, tag="ORDER_STATUS"):
    """Request the state of an order; the gateway sends nothing to the venue."""

    reply_type = OrderReply

    order_id: Name


class Fence(_Request, frozen=True, kw_only=True, tag="FENCE"):
    """Void an order id that has had no effect, so that the gateway never executes it.

    If the venue has an open order with this id, the gateway cancels it. The reply has the state of the order.
    """

    reply_type = OrderReply

    order_id: Name


class Confirm(_Request, frozen=True, kw_only=True, tag="CONFIRM"):
    """Confirm that every tick up to `ordinal` is decided and booked, so that the venue may process the next one."""

    reply_type = ConfirmReply

    stream_id: Name
    ordinal: Cursor


class Lease(_Request, frozen=True, kw_only=True, tag="LEASE"):
    """Obtain or renew the right to open exposure; `seen_ns` repeats the `lease_now_ns` of the gateway's last reply.

    From `seen_ns` the gateway computes the age of the request. It refuses a request that waited in a queue too long,
    because that request could renew a lapsed lease.
    """

    reply_type = LeaseReply

    holder: Name
    epoch: Sequence
    seen_ns: TimeNs


Reason = Annotated[str, Meta(min_length=1, max_length=200)]


class Halt(_Request, frozen=True, kw_only=True, tag="HALT"):
    """Halt the gateway for a person: it refuses orders that open exposure until RESUME, also after a restart.

    Refused in a lock-step stream.
    """

    reply_type = HaltReply

    reason: Reason


class Resume(_Request, frozen=True, kw_only=True, tag="RESUME"):
    """End a person's HALT of the gateway."""

    reply_type = HaltReply

    reason: Reason


class Flatten(_Request, frozen=True, kw_only=True, tag="FLATTEN"):
    """Halt the gateway as with HALT, then close every position with orders that the gateway itself places."""

    reply_type = HaltReply

    reason: Reason


class Simulate(_Request, frozen=True, kw_only=True, tag="SIMULATE"):
    """Inject a fault into the simulated venue; refused by any other venue, and if faults are not enabled.

    The fault affects the next `count` calls to the venue. With `rate` it affects each call with that probability until
    ALL_OFF, drawn from `seed`; `count` is then ignored. A fault that is a state lasts `duration_ms`. For a fault that
    delays something, `delay_ms` is the delay.
    """

    reply_type = SimulateReply

    fault: Fault
    count: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    rate: Probability = 0.0
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1)] = 0
    duration_ms: Annotated[int, Meta(ge=0, le=3_600_000)] = 0
    delay_ms: Annotated[int, Meta(ge=0, le=60_000)] = 0


class GetAccount(_Request, frozen=True, kw_only=True, tag="GET_ACCOUNT"):
    """Request balance, equity and margin of the account."""

    reply_type = AccountReply
    is_query = True
    needs_venue = True


class GetPositions(_Request, frozen=True, kw_only=True, tag="GET_POSITIONS"):
    """Request open positions in the order of their tickets; `after` is the last ticket of the page before."""

    reply_type = PositionsReply
    is_query = True
    needs_venue = True

    after: Cursor = 0
    limit: Annotated[int, Meta(ge=1, le=ROWS_LIMIT_MAX)] = ROWS_LIMIT_MAX


class GetOrders(_Request, frozen=True, kw_only=True, tag="GET_ORDERS"):
    """Request the venue's orders in the order of their tickets; `after` is the last ticket of the page before."""

    reply_type = OrdersReply
    is_query = True
    needs_venue = True

    after: Cursor = 0
    limit: Annotated[int, Meta(ge=1, le=ROWS_LIMIT_MAX)] = ROWS_LIMIT_MAX


class GetDeals(_Request, frozen=True, kw_only=True, tag="GET_DEALS"):
    """Request deals in the order of execution, beginning after the deal number `after`."""

    reply_type = DealsReply
    is_query = True
    needs_venue = True

    after: Cursor = 0
    limit: Annotated[int, Meta(ge=1, le=ROWS_LIMIT_MAX)] = ROWS_LIMIT_MAX


class GetSymbolInfo(_Request, frozen=True, kw_only=True, tag="GET_SYMBOL_INFO"):
    """Request the trading terms of one symbol."""

    reply_type = SymbolReply
    is_query = True

    symbol: Name


class GetTicks(_Request, frozen=True, kw_only=True, tag="GET_TICKS"):
    """Request published ticks of one symbol, beginning with the sequence `from_sequence`."""

    reply_type = TicksReply
    is_query = True

    symbol: Name
    from_sequence: Sequence
    limit: Annotated[int, Meta(ge=1, le=TICKS_LIMIT_MAX)] = TICKS_LIMIT_MAX


PlaceOrder = Buy | Sell
Request = (
    Ping
    | Hello
    | Buy
    | Sell
    | Close
    | Cancel
    | Modify
    | OrderStatusQuery
    | Fence
    | Confirm
    | Lease
    | Halt
    | Resume
    | Flatten
    | Simulate
    | GetAccount
    | GetPositions
    | GetOrders
    | GetDeals
    | GetSymbolInfo
    | GetTicks
)
