"""The venue's words as events of the ledger: one place for a stepped stream and for a live one."""

from __future__ import annotations

from proto.gateway import ModifyReply, OrderReply
from services.portfolio.core.events import OrderChangeAnswered, OrderUpdated, ProtectionAnswered
from services.portfolio.core.lifecycle import OrderStatus
from services.portfolio.core.orders import Order, OrderTerms
from services.portfolio.core.protection import Protection


def updated(order: Order, status: OrderStatus, reply: OrderReply) -> OrderUpdated:
    """Where an order stands by the venue's reply."""
    return OrderUpdated(
        order_id=order.order_id,
        status=status,
        ticket=reply.ticket,
        retcode=reply.retcode,
        code=reply.error_code or "",
        error=reply.error or "",
        time_ns=reply.time_ns or order.created_ns,
    )


def is_settled(reply: ModifyReply) -> bool:
    """Whether a modification has been made or refused: until then it is asked for again, under the same revision."""
    return reply.status in ("OK", "REJECTED")


def guard_answered(guard: Protection, reply: ModifyReply, *, time_ns: int) -> ProtectionAnswered:
    """What has come of a position's stops."""
    has = reply.position
    return ProtectionAnswered(
        key=guard.key,
        revision=guard.revision,
        stop_loss=None if has is None else has.stop_loss,
        take_profit=None if has is None else has.take_profit,
        retcode=reply.retcode,
        error=_refusal(reply),
        time_ns=time_ns,
    )


def change_answered(order: Order, reply: ModifyReply, *, time_ns: int) -> OrderChangeAnswered:
    """What has come of other terms for an order."""
    has = reply.order
    terms = (
        order.terms
        if has is None
        else OrderTerms(
            limit_price=has.price, stop_loss=has.stop_loss, take_profit=has.take_profit, expires_ns=has.expires_ns
        )
    )
    return OrderChangeAnswered(
        order_id=order.order_id, terms=terms, revision=order.revision, error=_refusal(reply), time_ns=time_ns
    )


def _refusal(reply: ModifyReply) -> str:
    return "" if reply.error_code is None else f"{reply.error_code} {reply.error or ''}".strip()[:512]
