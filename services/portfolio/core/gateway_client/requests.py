"""Requests about orders and stops: the same order always gives the same request.

Every field comes from the ledger, so that a request can be repeated after any restart.
"""

from __future__ import annotations

from proto.gateway import Buy, Cancel, Modify, Sell
from proto.trading.enums import OrderType, Side
from services.portfolio.core.account.orders import Order
from services.portfolio.core.account.protection import Protection


def order_request(order: Order, *, ordinal: int, epoch: int = 0) -> Buy | Sell:
    """BUY or SELL, at tick `ordinal` of a lock-step stream."""
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
    """CANCEL, at tick `ordinal` of a lock-step stream."""
    return Cancel(order_id=order.order_id, ordinal=ordinal, epoch=epoch)


def modify_request(order: Order, *, ordinal: int, epoch: int = 0) -> Modify:
    """MODIFY of a resting order to the latest terms requested."""
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
    """MODIFY of a position's stops."""
    return Modify(
        symbol=protection.symbol,
        position=protection.position,
        stop_loss=protection.stop_loss,
        take_profit=protection.take_profit,
        revision=protection.revision,
        ordinal=ordinal,
        epoch=epoch,
    )
