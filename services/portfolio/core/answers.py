"""The venue's words as events of the ledger: one place for a stepped stream and for a live one."""

from __future__ import annotations

from decimal import Decimal

from proto.gateway import ModifyReply, OrderReply, VenueOrder, VenuePosition
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
        error=_refusal(reply) or ("" if has is None else _not_done((guard.stop_loss, guard.take_profit), has)),
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
    error = _refusal(reply)
    if not error and has is not None:
        error = _not_done((order.terms.stop_loss, order.terms.take_profit), has)
    return OrderChangeAnswered(
        order_id=order.order_id, terms=terms, revision=order.revision, error=error, time_ns=time_ns
    )


def _not_done(asked: tuple[Decimal | None, Decimal | None], has: VenueOrder | VenuePosition) -> str:
    """What is wrong where the venue says that it is done, and shows something else."""
    shown = (has.stop_loss, has.take_profit)
    return "" if shown == asked else "the venue says that it is done and shows other stops"


def _refusal(reply: ModifyReply) -> str:
    return "" if reply.error_code is None else f"{reply.error_code} {reply.error or ''}".strip()[:512]
