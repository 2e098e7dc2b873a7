"""Records of orders and modifications that every venue keeps. A lost reply can be made again from them."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from proto.gateway import ErrorCode, VenueOrder, VenuePosition


class RestingState(StrEnum):
    """The event that an order waits for.

    NOTHING: the order has ended. HELD: the terminal has not passed the order on yet. DELAYED: the order arrives at
    `due_ns`, and the venue processes it at the first tick at or after that time. PENDING: the order waits for its
    price. REST: the unfilled volume of a market order or triggered stop order waits for more volume at the touch.
    """

    NOTHING = "NOTHING"
    HELD = "HELD"
    DELAYED = "DELAYED"
    PENDING = "PENDING"
    REST = "REST"


class PlacementSnapshot(Struct, frozen=True, kw_only=True):
    """The state of a resting order, and of the book, just after the order was placed.

    The reply to a repeated request is made from this snapshot if the request names the tick of the placement.
    """

    order: VenueOrder
    deal_cursor: int
    quiet: bool
    position: int


class BookOrder(Struct, frozen=True, kw_only=True):
    """An order of the book, with the state of the book in the reply to the order, so that a lost reply can be repeated.

    The broker identifies the order by `magic` alone, 0 for a foreign order. `order.order_id` is the comment sent with
    the order; its deals have the same comment. `fills` counts its deals, and `position` is the ticket of the position
    that its last deal changed. `ending` is 0 until a tick ends the order without filling it completely. Orders that
    end so are numbered from 1. A market order is requoted if the touch is worse than `asked_price` by more than
    `deviation_points`. `due_ns` is when a delayed order arrives at the venue, and `told_ns` when the report of its
    first deal reaches the client; both are UTC, and 0 without a latency. `taken` is the snapshot of the placement; None
    if the order did not rest.
    """

    order: VenueOrder
    magic: int
    error_code: ErrorCode | None
    deal_cursor: int
    quiet: bool
    wait: RestingState = RestingState.NOTHING
    placed_ns: int = 0
    due_ns: int = 0
    fills: int = 0
    position: int = 0
    ending: int = 0
    asked_price: Decimal | None = None
    deviation_points: int | None = None
    told_ns: int = 0
    taken: PlacementSnapshot | None = None

    @property
    def is_open(self) -> bool:
        """Whether the order is open."""
        return self.wait is not RestingState.NOTHING

    @property
    def leaves_volume(self) -> Decimal:
        """Unfilled volume, in lots."""
        return self.order.volume - self.order.filled_volume


class Modification(Struct, frozen=True, kw_only=True):
    """The last modification of an order or a position. A lost reply to it can be made again from this record.

    `target` is `order:` or `position:` followed by the ticket. `order` or `position` is the state after the
    modification. `stream_id` and `ordinal` identify the tick at which it was made.
    """

    target: str
    symbol: str
    revision: int
    ordinal: int
    retcode: int
    error_code: ErrorCode | None
    reason: str
    deal_cursor: int
    quiet: bool
    stream_id: str = ""
    order: VenueOrder | None = None
    position: VenuePosition | None = None
