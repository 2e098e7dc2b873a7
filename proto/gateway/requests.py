"""Requests to the MT5 gateway: flat maps with an `action`; the reply repeats their `request_id`."""

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
from proto.trading.units import Cursor, Name, Sequence, TimeNs

TICKS_LIMIT_MAX: Final = 1_000
ROWS_LIMIT_MAX: Final = 100
"""Most orders, deals or positions in one reply; `after` requests the rest."""


class _Request(Struct, frozen=True, kw_only=True, tag_field="action", forbid_unknown_fields=True):
    reply_type: ClassVar[type[Struct]]
    """The reply where the request is not refused."""
    is_query: ClassVar[bool] = False
    """Whether it changes nothing, so that it need not be handled for a client that has gone."""
    needs_venue: ClassVar[bool] = False
    """Whether it is refused while the terminal cannot be asked."""

    request_id: RequestId = ""


class Ping(_Request, frozen=True, kw_only=True, tag="PING"):
    """Ask whether the gateway is alive, and for the venue's time."""

    reply_type = PingReply
    is_query = True


class Hello(_Request, frozen=True, kw_only=True, tag="HELLO"):
    """Introduce a client; the reply has the boot and the state of the stream."""

    reply_type = HelloReply

    client: Name


class _PlaceOrder(_Request, frozen=True, kw_only=True):
    """An order to buy or sell.

    `order_id` is the idempotency key. The effect of an order, which a repeat must not change, is symbol, side, volume,
    `type`, `price` of a LIMIT or STOP order, `time_in_force`, `stop_loss`, `take_profit`, `expires_ns` (only with GTD)
    and `position`. `price` of a MARKET order is the quote it was decided on: with `deviation_points` the venue refuses
    a price worse than that by more points. `time_in_force` None is FOK for a MARKET order and GTC for the others.
    `position` > 0 closes of that position only; 0 trades the symbol, which opens a position on a hedging account.
    `ordinal` > 0 ties the order to that tick of a lock-step stream and confirms every tick before it; 0 means now.
    `valid_until_ns` is venue time, 0 for no deadline. `epoch` > 0 is the epoch of the client's lease; 0 a client
    without one, served by the simulated venue only.
    """

    reply_type = OrderReply
    needs_venue = True

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

    @property
    def side(self) -> Side:
        return Side.BUY if isinstance(self, Buy) else Side.SELL


class Buy(_PlaceOrder, frozen=True, kw_only=True, tag="BUY"):
    """Buy at the ask."""


class Sell(_PlaceOrder, frozen=True, kw_only=True, tag="SELL"):
    """Sell at the bid."""


class Close(_Request, frozen=True, kw_only=True, tag="CLOSE"):
    """Close a position at the market; the gateway derives the side. `order_id` is the idempotency key.

    `position` is a ticket, 0 for the one position of a netting account. `volume` is in lots, None for all.
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
    """End a resting order. Repeating it changes nothing; each answer is the current state of the order.

    `ordinal` and `epoch` are as in an order. An order that has already ended is answered with its status and
    ORDER_ENDED.
    """

    reply_type = OrderReply
    needs_venue = True

    order_id: Name
    ordinal: Cursor = 0
    epoch: Cursor = 0


class Modify(_Request, frozen=True, kw_only=True, tag="MODIFY"):
    """Set prices of a resting order or of a position; None removes a stop, and leaves `price` as it is.

    With `order_id` it changes that order (`price`, `expires_ns` > 0, stops), without it the stops of a position:
    `position` is its ticket, or 0 for the one position in `symbol` of a netting account. `revision` > 0 must be higher
    than that of every earlier modification of the same target; an equal one is answered and changes nothing, a lower
    one is refused with STALE_REVISION, so that a late repeat undoes nothing. 0 is for clients that do not repeat.
    """

    reply_type = ModifyReply
    needs_venue = True

    symbol: Name
    order_id: Annotated[str, Meta(max_length=64)] = ""
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
    """Ask for the state of an order; changes nothing."""

    reply_type = OrderReply

    order_id: Name


class Fence(_Request, frozen=True, kw_only=True, tag="FENCE"):
    """Void an order id that the venue was not called for, permanently; of any other, the reply has its state."""

    reply_type = OrderReply

    order_id: Name


class Confirm(_Request, frozen=True, kw_only=True, tag="CONFIRM"):
    """Every tick up to `ordinal` of the stream is decided and booked; the venue may process the next one."""

    reply_type = ConfirmReply

    stream_id: Name
    ordinal: Cursor


class Lease(_Request, frozen=True, kw_only=True, tag="LEASE"):
    """Obtain or renew the right to open exposure; `seen_ns` repeats the `lease_now_ns` of the gateway's last reply.

    That shows the age of a renewal which waited in a queue, so that it does not revive a lapsed lease.
    """

    reply_type = LeaseReply

    holder: Name
    epoch: Sequence
    seen_ns: TimeNs


Reason = Annotated[str, Meta(min_length=1, max_length=200)]


class Halt(_Request, frozen=True, kw_only=True, tag="HALT"):
    """A person stops all orders that open exposure, until RESUME and across restarts; a live stream only."""

    reply_type = HaltReply

    reason: Reason


class Resume(_Request, frozen=True, kw_only=True, tag="RESUME"):
    """A person ends a HALT of the gateway."""

    reply_type = HaltReply

    reason: Reason


class Flatten(_Request, frozen=True, kw_only=True, tag="FLATTEN"):
    """HALT, then close every position with orders of the gateway's own."""

    reply_type = HaltReply

    reason: Reason


class Simulate(_Request, frozen=True, kw_only=True, tag="SIMULATE"):
    """Make the simulated venue misbehave; refused by any other venue, and where faults are not enabled.

    The next `count` calls of the venue are affected, or with `rate` each of them with that probability, drawn from
    `seed`; a fault that is a state lasts `duration_ms`. `delay_ms` is the delay of what the fault delays.
    """

    reply_type = SimulateReply

    fault: Fault
    count: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    rate: Annotated[float, Meta(ge=0, le=1)] = 0.0
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1)] = 0
    duration_ms: Annotated[int, Meta(ge=0, le=3_600_000)] = 0
    delay_ms: Annotated[int, Meta(ge=0, le=60_000)] = 0


class GetAccount(_Request, frozen=True, kw_only=True, tag="GET_ACCOUNT"):
    """Ask for balance, equity and margin of the account."""

    reply_type = AccountReply
    is_query = True
    needs_venue = True


class GetPositions(_Request, frozen=True, kw_only=True, tag="GET_POSITIONS"):
    """Ask for open positions by ticket; `after` is the last ticket of the page before."""

    reply_type = PositionsReply
    is_query = True
    needs_venue = True

    after: Cursor = 0
    limit: Annotated[int, Meta(ge=1, le=ROWS_LIMIT_MAX)] = ROWS_LIMIT_MAX


class GetOrders(_Request, frozen=True, kw_only=True, tag="GET_ORDERS"):
    """Ask for the venue's orders by ticket; `after` is the last ticket of the page before."""

    reply_type = OrdersReply
    is_query = True
    needs_venue = True

    after: Cursor = 0
    limit: Annotated[int, Meta(ge=1, le=ROWS_LIMIT_MAX)] = ROWS_LIMIT_MAX


class GetDeals(_Request, frozen=True, kw_only=True, tag="GET_DEALS"):
    """Ask for deals in the order of execution, after the deal number `after`."""

    reply_type = DealsReply
    is_query = True
    needs_venue = True

    after: Cursor = 0
    limit: Annotated[int, Meta(ge=1, le=ROWS_LIMIT_MAX)] = ROWS_LIMIT_MAX


class GetSymbolInfo(_Request, frozen=True, kw_only=True, tag="GET_SYMBOL_INFO"):
    """Ask for the trading terms of one symbol."""

    reply_type = SymbolReply
    is_query = True

    symbol: Name


class GetTicks(_Request, frozen=True, kw_only=True, tag="GET_TICKS"):
    """Ask for published ticks of one symbol, beginning with a sequence."""

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
