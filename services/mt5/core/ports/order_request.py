"""An order as the broker receives it, and the broker's record of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, NamedTuple

from proto.gateway import OrderReplyStatus, PlaceOrder, VenueOrder
from proto.trading.enums import OrderType, Side, TimeInForce
from services.mt5.core.ports.book_records import BookOrder
from services.mt5.core.ports.magic import comment_of, magic_of

_IMMEDIATE: Final = (TimeInForce.FOK, TimeInForce.IOC)


def is_immediate(time_in_force: TimeInForce) -> bool:
    """Whether the unfilled volume of an order is canceled at once (FOK and IOC)."""
    return time_in_force in _IMMEDIATE


class VenueOrderRequest(NamedTuple):
    """An order with its magic. `symbol` is the broker's name, `volume` is in lots; other fields as in `proto.gateway`.

    `price` is the order price of LIMIT and STOP, and for MARKET the quote on which the order was decided.
    """

    magic: int
    comment: str
    symbol: str
    side: Side
    volume: Decimal
    type: OrderType = OrderType.MARKET
    time_in_force: TimeInForce = TimeInForce.FOK
    price: Decimal | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    expires_ns: int = 0
    position: int = 0
    deviation_points: int | None = None

    @classmethod
    def of(cls, request: PlaceOrder, *, symbol: str) -> VenueOrderRequest:
        """A client's order as the broker receives it, with the magic and the comment of its id."""
        return cls(
            magic=magic_of(request.order_id),
            comment=comment_of(request.order_id),
            symbol=symbol,
            side=request.side,
            volume=request.volume,
            type=request.type,
            time_in_force=request.effective_time_in_force,
            price=request.price,
            stop_loss=request.stop_loss,
            take_profit=request.take_profit,
            expires_ns=request.expires_ns,
            position=request.position,
            deviation_points=request.deviation_points,
        )

    @classmethod
    def of_record(cls, record: BookOrder) -> VenueOrderRequest:
        """A request with the current terms of an order in the book."""
        order = record.order
        return cls(
            magic=record.magic,
            comment=order.order_id,
            symbol=order.symbol,
            side=order.side,
            volume=order.volume,
            type=order.type,
            time_in_force=order.time_in_force,
            price=record.asked_price if order.type is OrderType.MARKET else order.price,
            stop_loss=order.stop_loss,
            take_profit=order.take_profit,
            expires_ns=order.expires_ns,
            position=order.position,
            deviation_points=record.deviation_points,
        )

    @property
    def is_immediate(self) -> bool:
        """Whether the unfilled volume is canceled at once (FOK and IOC)."""
        return is_immediate(self.time_in_force)

    def to_venue_order(
        self,
        status: OrderReplyStatus,
        *,
        ticket: int,
        retcode: int,
        time_ns: int,
        ordinal: int,
        reason: str = "",
    ) -> VenueOrder:
        """The broker's record of the order before any fill.

        Args:
            status: the order's status.
            ticket: the order's number at the broker.
            retcode: MetaTrader's retcode.
            time_ns: venue time of the record, UTC.
            ordinal: the tick of the record.
            reason: why the order has this status; empty for none.
        """
        return VenueOrder(
            ticket=ticket,
            order_id=self.comment,
            symbol=self.symbol,
            side=self.side,
            volume=self.volume,
            filled_volume=Decimal(0),
            filled_price=None,
            status=status,
            retcode=retcode,
            reason=reason,
            deal=0,
            time_ns=time_ns,
            ordinal=ordinal,
            type=self.type,
            time_in_force=self.time_in_force,
            price=None if self.type is OrderType.MARKET else self.price,
            stop_loss=self.stop_loss,
            take_profit=self.take_profit,
            expires_ns=self.expires_ns,
            position=self.position,
        )
