"""An order as the ledger has it, from the decision that made it to its end."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Final

from msgspec import Struct

from proto.control import denial_message
from proto.gateway.codes import RETCODE_DONE, RETCODE_DONE_PARTIAL
from proto.trading.enums import OrderType, Side, TimeInForce
from services.portfolio.core.account.order_status import OrderStatus


class Cause(StrEnum):
    """What made the desk make an order."""

    SIGNAL = "signal"
    MANUAL = "manual"
    TIME_EXIT = "time exit"
    FLATTEN = "flatten"


class PassedRule(Struct, frozen=True, kw_only=True):
    """A risk rule that a person has let an order past; limit and observation are empty where it would have passed."""

    code: str
    limit: str = ""
    observed: str = ""

    @property
    def text(self) -> str:
        """The rule and what it had against the order, in words."""
        against = denial_message(limit=self.limit, observed=self.observed) if self.observed else "nothing against it"
        return f"{self.code} ({against})"


class Decision(Struct, frozen=True, kw_only=True):
    """What an order was decided on: the signal, its quote, and the position as it stood.

    `publisher` is who sent the signal, empty without one; stream, symbol and `sequence` name its tick, `ordinal` the decision.
    `sizing` says how the volume came about. `rate` is what a unit of the symbol's profit currency cost in account currency; None where it
    was not known, or not kept. `past_rules` are those that a person has named, which it stays past while it rests.
    """

    ordinal: int
    sequence: int
    time_ns: int
    direction: int
    confidence: float
    bid: Decimal
    ask: Decimal
    rate: Decimal | None = None
    position_before: Decimal
    reason: str
    publisher: str = ""
    cause: Cause = Cause.SIGNAL
    sizing: str = ""
    past_rules: list[PassedRule] = []


class OrderTerms(Struct, frozen=True, kw_only=True):
    """What can be changed of an order that rests; None for no such price."""

    limit_price: Decimal | None
    stop_loss: Decimal | None
    take_profit: Decimal | None
    expires_ns: int


class Order(Struct, frozen=True, kw_only=True):
    """An instruction to the venue.

    Volumes in lots. `price` is the side of the signal's quote that the order would trade at, `limit_price` that of a LIMIT or STOP
    order; `filled_price` the volume-weighted price of its deals; `profit` what they realised, in account currency. `number` counts
    the orders of the ledger from 1. Times are venue time.

    `tag` is the strategy that it belongs to. `position` is the ticket of the one position that it closes, 0 for any. Stops are
    for the position that it opens, as are `trailing_*_points` and `time_exit_s`, which the desk itself sees to. `cancel_asked` says
    why the desk wants it ended, or nothing. `key` is the name of the command that it came from, `asked` the digest of that. `is_close`: it was made to close a
    position because somebody has said so, which no trading state stops. An order that is modified keeps the terms that it was placed with;
    `change` has those that it is to have by now, `revision` counts what was asked for, `revision_answered` what the venue has answered.
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
    tag: str = "desk"
    type: OrderType = OrderType.MARKET
    time_in_force: TimeInForce | None = None
    limit_price: Decimal | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    trailing_stop_points: int = 0
    trailing_step_points: int = 1
    time_exit_s: int = 0
    expires_ns: int = 0
    position: int = 0
    deviation_points: int | None = None
    cancel_asked: str = ""
    key: str = ""
    asked: str = ""
    is_close: bool = False
    change: OrderTerms | None = None
    revision: int = 0
    revision_answered: int = 0

    @property
    def terms(self) -> OrderTerms:
        """The terms as they are by now."""
        return self.change or OrderTerms(
            limit_price=self.limit_price,
            stop_loss=self.stop_loss,
            take_profit=self.take_profit,
            expires_ns=self.expires_ns,
        )

    @property
    def venue_retcode(self) -> int | None:
        """MetaTrader's retcode of the order as it stands; None where the venue gave none.

        `retcode` is that of the last reply that was kept, and a fill is known by its deals, which carry none and may
        come before or without a further reply.
        """
        if self.status is OrderStatus.FILLED:
            return RETCODE_DONE
        return RETCODE_DONE_PARTIAL if self.status is OrderStatus.PARTIALLY_FILLED else self.retcode

    @property
    def can_rest(self) -> bool:
        """Whether it may stand at the venue for long: its deadline is for being taken, and not for being filled."""
        return self.type is not OrderType.MARKET or self.time_in_force in _LASTING


_LASTING = (TimeInForce.GTC, TimeInForce.DAY, TimeInForce.GTD)


INCARNATION_CHARS: Final = 8
"""Hexadecimal characters of an incarnation, with which the ids of its orders begin."""


def id_parts(order_id: str) -> tuple[str, int]:
    """Incarnation and number of an id of the desk's own form; number 0 for any other."""
    incarnation, dash, number = order_id.partition("-")
    if len(incarnation) != INCARNATION_CHARS or not dash or not (number.isascii() and number.isdecimal()):
        return order_id, 0
    return incarnation, int(number)
