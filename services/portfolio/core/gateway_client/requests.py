"""Requests about orders and stops.

Every field except `ordinal` and `epoch` is derived from the ledger, so that a request can be repeated after a restart.
`ordinal` is 0 in a live stream. In a lock-step stream it is the ordinal of the tick on which a new order was decided,
and for the other requests the ordinal of the last decided tick. `epoch` is 0 without a lease.
"""

from __future__ import annotations

from proto.gateway import Buy, Cancel, Modify, Sell
from proto.trading.enums import OrderType, Side
from services.portfolio.core.account.orders import Order
from services.portfolio.core.account.protection import Protection


def order_request(order: Order, *, ordinal: int, epoch: int = 0) -> Buy | Sell:
    """Return BUY or SELL for a new order, at tick `ordinal`."""
    action = Buy if order.side is Side.BUY else Sell
    return action(
        order_id=order.order_id,
        symbol=order.symbol,
        volume=order.volume,
        price=order.price if order.type is OrderType.MARKET else order.limit_price,
        type=order.type,
        time_in_force=order.time_in_force,
        stop_loss=order.stop_loss,
        take_profit=order.take_profit,
        expires_ns=order.expires_ns,
        position=order.position,
        deviation_points=order.deviation_points,
        ordinal=ordinal,
        valid_until_ns=order.valid_until_ns,
        epoch=epoch,
    )


def cancel_request(order: Order, *, ordinal: int, epoch: int = 0) -> Cancel:
    """Return CANCEL for a resting order, at tick `ordinal`."""
    return Cancel(order_id=order.order_id, ordinal=ordinal, epoch=epoch)


def modify_request(order: Order, *, ordinal: int, epoch: int = 0) -> Modify:
    """Return MODIFY for a resting order, with the latest requested terms, at tick `ordinal`."""
    terms = order.terms
    return Modify(
        symbol=order.symbol,
        order_id=order.order_id,
        price=terms.limit_price,
        stop_loss=terms.stop_loss,
        take_profit=terms.take_profit,
        expires_ns=terms.expires_ns,
        revision=order.revision,
        ordinal=ordinal,
        epoch=epoch,
    )


def protection_request(protection: Protection, *, ordinal: int, epoch: int = 0) -> Modify:
    """Return MODIFY for a position's stops, at tick `ordinal`."""
    return Modify(
        symbol=protection.symbol,
        position=protection.position,
        stop_loss=protection.stop_loss,
        take_profit=protection.take_profit,
        revision=protection.revision,
        ordinal=ordinal,
        epoch=epoch,
    )
