"""An order in the ledger, with the decision that made it and its later modifications."""

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
    """Origin of an order."""

    SIGNAL = "signal"
    MANUAL = "manual"
    TIME_EXIT = "time exit"
    FLATTEN = "flatten"


class PassedRule(Struct, frozen=True, kw_only=True):
    """A risk rule from which a person exempted an order.

    `limit` and `observed` are empty if the rule would not have denied the order.
    """

    code: str
    limit: str = ""
    observed: str = ""

    @property
    def text(self) -> str:
        """The rule's code and its denial as text."""
        against = denial_message(limit=self.limit, observed=self.observed) if self.observed else "no denial"
        return f"{self.code} ({against})"


class Decision(Struct, frozen=True, kw_only=True):
    """Inputs of the decision for an order: the signal, its quote, and the position before it.

    - `direction`: of the signal, +1 buy or -1 sell. `bid`, `ask`: quote of the symbol.
    - `position_before`: net position in lots, long positive.
    - `publisher`: the process that sent the signal; empty without a signal.
    - `sequence`: number of the signal's tick within its stream and symbol. `ordinal`: number of the decision's tick.
    - `sizing`: text that explains the volume.
    - `rate`: price of a unit of profit currency in account currency; None if unknown or not stored.
    - `past_rules`: rules from which a person exempted the order; the exemption lasts while the order rests.
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
    """Modifiable terms of a resting order; None stands for a price that the order does not have."""

    limit_price: Decimal | None
    stop_loss: Decimal | None
    take_profit: Decimal | None
    expires_ns: int


class Order(Struct, frozen=True, kw_only=True):
    """An instruction to the venue.

    Volumes are in lots, times in venue time. `number` counts the orders of the ledger from 1.

    - `price`: side of the decision's quote at which the order would trade. `limit_price`: price of a LIMIT or STOP
      order.
    - `filled_price`: volume-weighted price of the order's deals. `profit`: profit of these deals in account currency, a
      loss negative.
    - `tag`: the strategy that the order belongs to. `position`: ticket of the position that the order must close; 0 if
      the order names no position.
    - `stop_loss`, `take_profit`, `trailing_*_points`, `time_exit_s`: for the position that the order opens. The venue
      executes the first two, the desk the trailing stop and the time exit.
    - `cancel_asked`: why the desk requested the cancellation of the order; empty if it did not.
    - `key`: key of the person's command that made the order. `asked`: digest of that command. `person`: login name sent
      with it.
    - `is_close`: a person or FLATTEN closes a position with the order, which is allowed in every trading state.
    - `change`: the latest requested terms, then the terms in the venue's answer. `limit_price`, `stop_loss`,
      `take_profit` and `expires_ns` keep the terms that the order was placed with. `revision` is the number of the
      latest requested modification, `revision_answered` that of the latest answered one.
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
    person: str = ""
    is_close: bool = False
    change: OrderTerms | None = None
    revision: int = 0
    revision_answered: int = 0

    @property
    def terms(self) -> OrderTerms:
        """Current terms of the order: those of the latest modification, or those that it was placed with."""
        return self.change or OrderTerms(
            limit_price=self.limit_price,
            stop_loss=self.stop_loss,
            take_profit=self.take_profit,
            expires_ns=self.expires_ns,
        )

    @property
    def venue_retcode(self) -> int | None:
        """MetaTrader's retcode for the order's current status; None if the venue gave none.

        `retcode` is that of the last stored reply. A deal has no retcode and may fill the order without a further
        reply.
        """
        if self.status is OrderStatus.FILLED:
            return RETCODE_DONE
        return RETCODE_DONE_PARTIAL if self.status is OrderStatus.PARTIALLY_FILLED else self.retcode

    @property
    def can_rest(self) -> bool:
        """Whether the order is LIMIT or STOP, or MARKET with GTC, DAY or GTD.

        The deadline of an order that can rest applies only to its acceptance. A LIMIT order with IOC or FOK is counted,
        although the venue never lets it rest.
        """
        return self.type is not OrderType.MARKET or self.time_in_force in _LASTING

    @property
    def is_resting(self) -> bool:
        """Whether the order rests at the venue, as far as the ledger knows."""
        return self.can_rest and self.status in (OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED)


_LASTING = (TimeInForce.GTC, TimeInForce.DAY, TimeInForce.GTD)


INCARNATION_CHARS: Final = 8
"""Number of hexadecimal characters of an incarnation, with which an order id begins."""


def id_parts(order_id: str) -> tuple[str, int]:
    """Split an order id of the desk into incarnation and number; an id of another form has number 0."""
    incarnation, dash, number = order_id.partition("-")
    if len(incarnation) != INCARNATION_CHARS or not dash or not (number.isascii() and number.isdecimal()):
        return order_id, 0
    return incarnation, int(number)
