"""Records of orders and modifications that every venue keeps, from which a lost reply can be made again."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from proto.gateway import ErrorCode, VenueOrder, VenuePosition


class RestingState(StrEnum):
    """Event that a resting order waits for.

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
    """A resting order as it was after its placing, for the answer to a repeated request of the same tick."""

    order: VenueOrder
    deal_cursor: int
    quiet: bool
    position: int


class BookOrder(Struct, frozen=True, kw_only=True):
    """An order of the book, with the book's state that its reply reported, so that a lost reply can be made again.

    The broker identifies an order's client by `magic` alone, 0 for a foreign order; `order.order_id`, and that of its
    deals, is the comment that came with it. `fills` counts its deals, `position` is the ticket of the position of its
    last deal, `ending` numbers the orders that ticks have ended otherwise than by a complete fill (0: none of them). A
    market order is requoted when the touch is more than `deviation_points` from `asked_price`. `due_ns` is when an
    order with a latency arrives, and `told_ns` when the report of its first deal reaches the client; 0 without a
    latency.
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
    """The last modification of an order or a position, from which a lost reply to it can be made again.

    `target` is `order:` or `position:` and the ticket; `order` or `position` is its state afterwards. `ordinal` is a
    tick of `stream_id`.
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
