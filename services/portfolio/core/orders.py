"""An order as the ledger has it, from the decision that made it to its end."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from proto.units import Side
from services.portfolio.core.lifecycle import OrderStatus


class Decision(Struct, frozen=True, kw_only=True):
    """What an order was decided on: the signal, its quote, and the position as it stood."""

    ordinal: int
    sequence: int
    time_ns: int
    direction: int
    confidence: float
    bid: Decimal
    ask: Decimal
    position_before: Decimal
    reason: str


class Order(Struct, frozen=True, kw_only=True):
    """An instruction to the venue.

    Volumes in lots. `price` is the side of the signal's quote that the order would trade at; `filled_price` the
    volume-weighted price of its deals; `profit` what they realised, in account currency. `number` counts the orders of
    the ledger from 1. Times are venue time.
    """

    order_id: str
    number: int
    symbol: str
    side: Side
    volume: Decimal
    price: Decimal
    decision: Decision
    status: OrderStatus
    created_ns: int
    ended_ns: int = 0
    valid_until_ns: int = 0
    filled_volume: Decimal = Decimal(0)
    filled_price: Decimal | None = None
    profit: Decimal = Decimal(0)
    ticket: int | None = None
    retcode: int | None = None
    code: str = ""
    error: str = ""
