"""Objects in the second venue's book: requests, orders, positions and deals."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction
from typing import NamedTuple

from proto.gateway import DealEntry, DealKind, DealReason
from proto.trading.enums import OrderType, TimeInForce


class Retcode(IntEnum):
    """Return codes that occur in these runs, with MetaTrader's numbers."""

    REQUOTE = 10004
    REJECT = 10006
    PLACED = 10008
    DONE = 10009
    INVALID_PRICE = 10015
    INVALID_STOPS = 10016
    MARKET_CLOSED = 10018
    NO_MONEY = 10019
    NO_QUOTES = 10021
    INVALID_EXPIRATION = 10022
    FROZEN = 10029
    LIMIT_VOLUME = 10034
    POSITION_CLOSED = 10036
    INVALID_CLOSE_VOLUME = 10038
    CLOSE_ORDER_EXIST = 10039


class OrderState(IntEnum):
    """The state of an order; the states from FILLED on are final."""

    ON_ITS_WAY = 1
    WAITS_FOR_TICK = 2
    RESTS = 3
    FILLED = 4
    REJECTED = 5
    CANCELED = 6
    EXPIRED = 7


class Tick(NamedTuple):
    """A quote with its ordinal over all symbols."""

    ordinal: int
    symbol: str
    time_ns: int
    bid: float
    ask: float


@dataclass(frozen=True, kw_only=True)
class PlaceOrder:
    """A new order; `sign` is +1 for a buy, -1 for a sell.

    `position` is the opening order of the position that the order closes, empty if the order names none.
    """

    ordinal: int
    order_id: str
    symbol: str
    sign: int
    volume: Decimal
    type: OrderType = OrderType.MARKET
    price: Decimal | None = None
    time_in_force: TimeInForce | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    expires_ns: int = 0
    position: str = ""
    deviation_points: int | None = None


@dataclass(frozen=True, kw_only=True)
class CancelOrder:
    """A request to cancel a resting order."""

    ordinal: int
    order_id: str


@dataclass(frozen=True, kw_only=True)
class ModifyStops:
    """A request to set the stops of a position, named by its opening order, or by its symbol on a netting account."""

    ordinal: int
    symbol: str
    position: str
    stop_loss: Decimal | None
    take_profit: Decimal | None


Request = PlaceOrder | CancelOrder | ModifyStops


@dataclass(kw_only=True)
class Order:
    """An order and its state; `number` counts the orders in the order of sending."""

    request: PlaceOrder
    number: int
    arrives_ns: int
    rests_since_ns: int = 0
    state: OrderState = OrderState.ON_ITS_WAY
    retcode: Retcode = Retcode.PLACED

    @property
    def has_ended(self) -> bool:
        """Whether the order is in a final state."""
        return self.state >= OrderState.FILLED

    def end(self, state: OrderState, retcode: Retcode) -> None:
        """Set the final state."""
        self.state, self.retcode = state, retcode


@dataclass(kw_only=True)
class Position:
    """A position: the net position in a symbol, or one ticket; `cost` is the sum of price times lots.

    Swap is booked for the nights up to `nights_until_ns`.
    """

    opened_by: str
    symbol: str
    sign: int
    volume: Fraction
    cost: Fraction
    nights_until_ns: int
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None

    @property
    def price(self) -> Fraction:
        """The average price of the open lots."""
        return self.cost / self.volume

    def reduce(self, volume: Fraction) -> None:
        """Remove lots at the average price."""
        self.cost -= self.price * volume
        self.volume -= volume

    def inherit(self, request: PlaceOrder) -> None:
        """Take the stops that are named by an order which increased the position; keep the others."""
        self.stop_loss = self.stop_loss if request.stop_loss is None else request.stop_loss
        self.take_profit = self.take_profit if request.take_profit is None else request.take_profit


@dataclass(frozen=True, kw_only=True)
class Deal:
    """An execution, or the swap of one or more nights; `position` is the id of the position's opening order."""

    symbol: str
    kind: DealKind
    entry: DealEntry
    volume: Decimal
    price: Decimal
    profit: Decimal
    commission: Decimal
    swap: Decimal
    time_ns: int
    reason: DealReason
    order_id: str
    position: str
    limit_gap: Decimal = Decimal(0)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The result of a run; `changes` are the return codes of the requests to change stops."""

    deals: list[Deal]
    orders: dict[str, Order]
    changes: list[Retcode]
    balance: Decimal
    equity: Decimal
    margin: Decimal
