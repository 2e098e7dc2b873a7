"""Requests to the MT5 gateway: flat maps with an `action`, echoed by their `request_id`."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Final

from msgspec import Meta, Struct

from proto.gateway.codes import Fault
from proto.gateway.records import require_all_exact
from proto.gateway.replies import RequestId
from proto.trading.enums import OrderType, Side, TimeInForce
from proto.trading.units import Cursor, Name, Sequence, TimeNs

TICKS_LIMIT_MAX: Final = 1_000
ROWS_LIMIT_MAX: Final = 100
"""Most orders, deals or positions in one reply; the rest is asked for with `after`."""


class _Request(Struct, frozen=True, kw_only=True, tag_field="action", forbid_unknown_fields=True):
    request_id: RequestId = ""


class Ping(_Request, frozen=True, kw_only=True, tag="PING"):
    """Is anybody there, and what time is it at the venue."""


class Hello(_Request, frozen=True, kw_only=True, tag="HELLO"):
    """A client introduces itself and learns the stream, the boot and where the stream stands."""

    client: Name


class _PlaceOrder(_Request, frozen=True, kw_only=True):
    """An order to buy or sell.

    `order_id` is the idempotency key; all that says what is to happen is the effect: symbol, side, volume, `type`, `price` of a
    LIMIT or STOP order, `time_in_force`, `stop_loss`, `take_profit`, `expires_ns` (of GTD alone) and `position`. `price` of a
    MARKET order is the quote it was decided on, and with `deviation_points` the venue refuses to be further away from it than that.
    `time_in_force` None is FOK for a MARKET order and GTC for the others. `position` > 0 closes of that position and
    nothing else; 0 trades the symbol: on a hedging account that opens a position. `ordinal` > 0 ties the order to that tick of a stepped stream and confirms every tick before it;
    0 means the venue's present. `valid_until_ns` (venue time) 0 means no deadline. `epoch` > 0 is that of a client with a
    lease; 0 a client without one, which only the simulated venue serves.
    """

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
        """How long it stands where nothing was said: FOK at the market, GTC else."""
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
    """Close a position at the market: a BUY or SELL whose side the gateway finds out; `order_id` is its idempotency key.

    `position` is a ticket, 0 for the one of a netting account. `volume` None is all of it.
    """

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
    """End an order that rests at the venue. Said twice it is said once; the answer is what the order is then.

    `ordinal` and `epoch` are as in an order. An order that has ended otherwise is answered as it is, with ORDER_ENDED.
    """

    order_id: Name
    ordinal: Cursor = 0
    epoch: Cursor = 0


class Modify(_Request, frozen=True, kw_only=True, tag="MODIFY"):
    """Give an order that rests, or a position, these prices: what is None is taken away, except `price`, which stays.

    With `order_id` it is about that order (`price`, `expires_ns` > 0, stops), without about the stops of a position: `position` is its
    ticket, or 0 for the one of a netting account's `symbol`. `revision` > 0 must be higher than that of every modification of the
    same target before; an equal one is answered and changes nothing, a lower one is refused with STALE_REVISION: so a repeat that
    comes late undoes nothing. 0 is for clients who do not repeat.
    """

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
    """What became of an order; changes nothing."""

    order_id: Name


class Fence(_Request, frozen=True, kw_only=True, tag="FENCE"):
    """Kill an id that has not been called yet, for good; tell what is known of one that has."""

    order_id: Name


class Confirm(_Request, frozen=True, kw_only=True, tag="CONFIRM"):
    """Every tick up to `ordinal` of the stream is decided and done with; the book may step to the next."""

    stream_id: Name
    ordinal: Cursor


class Lease(_Request, frozen=True, kw_only=True, tag="LEASE"):
    """A client that may open exposure says that it lives; `seen_ns` repeats the gateway's last `lease_now_ns`.

    A renewal that waited in a queue shows its age by that, and revives nobody.
    """

    holder: Name
    epoch: Sequence
    seen_ns: TimeNs


Reason = Annotated[str, Meta(min_length=1, max_length=200)]


class Halt(_Request, frozen=True, kw_only=True, tag="HALT"):
    """A person stops all orders that open exposure, here and for good until RESUME; a live stream only."""

    reason: Reason


class Resume(_Request, frozen=True, kw_only=True, tag="RESUME"):
    """A person lets orders pass again."""

    reason: Reason


class Flatten(_Request, frozen=True, kw_only=True, tag="FLATTEN"):
    """HALT, then close every position by orders of the gateway's own."""

    reason: Reason


class Simulate(_Request, frozen=True, kw_only=True, tag="SIMULATE"):
    """Make the simulated venue misbehave; a venue that is not simulated, or not set up for it, refuses.

    The next `count` calls of the venue are affected, or with `rate` each of them with that probability, drawn from `seed`;
    a fault that is a state lasts `duration_ms`. `delay_ms` is how much later what comes late comes.
    """

    fault: Fault
    count: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    rate: Annotated[float, Meta(ge=0, le=1)] = 0.0
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1)] = 0
    duration_ms: Annotated[int, Meta(ge=0, le=3_600_000)] = 0
    delay_ms: Annotated[int, Meta(ge=0, le=60_000)] = 0


class GetAccount(_Request, frozen=True, kw_only=True, tag="GET_ACCOUNT"):
    """Balance, equity and terms of the account."""


class GetPositions(_Request, frozen=True, kw_only=True, tag="GET_POSITIONS"):
    """Open positions, by symbol; `after` pages by position ticket."""

    after: Cursor = 0
    limit: Annotated[int, Meta(ge=1, le=ROWS_LIMIT_MAX)] = ROWS_LIMIT_MAX


class GetOrders(_Request, frozen=True, kw_only=True, tag="GET_ORDERS"):
    """Orders the venue has taken, by ticket, after the one given."""

    after: Cursor = 0
    limit: Annotated[int, Meta(ge=1, le=ROWS_LIMIT_MAX)] = ROWS_LIMIT_MAX


class GetDeals(_Request, frozen=True, kw_only=True, tag="GET_DEALS"):
    """Deals after a cursor, in the order in which they happened."""

    after: Cursor = 0
    limit: Annotated[int, Meta(ge=1, le=ROWS_LIMIT_MAX)] = ROWS_LIMIT_MAX


class GetSymbolInfo(_Request, frozen=True, kw_only=True, tag="GET_SYMBOL_INFO"):
    """Trading terms of one symbol."""

    symbol: Name


class GetTicks(_Request, frozen=True, kw_only=True, tag="GET_TICKS"):
    """Published ticks of one symbol from a sequence on."""

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
