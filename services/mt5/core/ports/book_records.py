"""Records of orders and modifications that every venue keeps, with all that a lost reply can be made from again."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from proto.gateway import ErrorCode, VenueOrder, VenuePosition


class RestingState(StrEnum):
    """What an order that rests is waiting for.

    NOTHING: it has ended. HELD: its terminal, which has not passed it on. DELAYED: its arrival at `due_ns`, which the
    venue processes at the first tick at or after it. PENDING: its price. REST: more volume at the touch, for the rest
    of a market order.
    """

    NOTHING = "NOTHING"
    HELD = "HELD"
    DELAYED = "DELAYED"
    PENDING = "PENDING"
    REST = "REST"


class PlacementSnapshot(Struct, frozen=True, kw_only=True):
    """An order that rested after its placing, as it was then: what a repeated request for the same tick is answered from."""

    order: VenueOrder
    deal_cursor: int
    quiet: bool
    position: int


class BookOrder(Struct, frozen=True, kw_only=True):
    """An order of the book, with what its reply said of the book: everything a lost reply can be made from again.

    The broker knows whose an order is by its `magic` alone; what stands in `order.order_id`, and in that of its deals,
    is the comment that came with it. 0 is somebody else's. `fills` counts its deals, `position` is the ticket of the
    position that the last of them was about, `ending` numbers the orders that ticks have ended otherwise than by
    filling them whole (0: not so ended). `asked_price` and `deviation_points` are what a market order may be requoted
    for. `due_ns` is when an order with a latency arrives, and `told_ns` when the report of its first deal reaches the
    client; 0 without a latency.
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
        """Whether something may still become of it."""
        return self.wait is not RestingState.NOTHING

    @property
    def leaves_volume(self) -> Decimal:
        """Volume that is not filled, in lots."""
        return self.order.volume - self.order.filled_volume


class Modification(Struct, frozen=True, kw_only=True):
    """The last modification of an order or a position: everything a lost reply to it can be made from again.

    `target` is `order:` or `position:` and the ticket; `order` or `position` is what it was after it. `ordinal` is a tick of `stream_id`.
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
