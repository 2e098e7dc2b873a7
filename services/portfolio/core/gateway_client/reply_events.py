"""Conversion of the gateway's replies to events of the ledger."""

from __future__ import annotations

from typing import Final

from proto.gateway import ModifyReply, OrderReply, OrderReplyStatus, VenueDeal, VenueOrder
from services.portfolio.core.account.book import Book, closed_lots
from services.portfolio.core.account.events import DealBooked, OrderModifyAnswered, OrderUpdated, ProtectionAnswered
from services.portfolio.core.account.order_status import OrderStatus, status_after_fill
from services.portfolio.core.account.orders import Order, OrderTerms
from services.portfolio.core.account.protection import Protection

TERMINAL_STATUSES: Final[dict[str, OrderStatus]] = {
    OrderReplyStatus.REJECTED: OrderStatus.REJECTED,
    OrderReplyStatus.EXPIRED: OrderStatus.EXPIRED,
    OrderReplyStatus.CANCELED: OrderStatus.CANCELED,
    OrderReplyStatus.PRESUMED_EXPIRED: OrderStatus.PRESUMED_EXPIRED,
}
"""Order status by reply status, for the replies that end an order before it is filled completely."""

SETTLED_STATUSES: Final = frozenset(
    {
        OrderReplyStatus.FILLED,
        OrderReplyStatus.PARTIALLY_FILLED,
        OrderReplyStatus.ACCEPTED,
        OrderReplyStatus.REJECTED,
        OrderReplyStatus.CANCELED,
        OrderReplyStatus.EXPIRED,
    }
)
"""Statuses that report an order's outcome so far.

After a reply with any other status, the request of a task that does not handle failures stays open and is repeated.
"""


def order_updated(order: Order, status: OrderStatus, reply: OrderReply) -> OrderUpdated:
    """Return the event that sets `status`, with the ticket and codes of the reply.

    The event's time is that of the reply, or that of the order's creation if the reply has no time.
    """
    return OrderUpdated(
        order_id=order.order_id,
        status=status,
        ticket=reply.ticket,
        retcode=reply.retcode,
        code=reply.error_code or "",
        error=reply.error or "",
        time_ns=reply.time_ns or order.created_ns,
    )


def is_final_reply(reply: ModifyReply) -> bool:
    """Whether the reply reports a modification as made or refused; any other reply leaves the request open."""
    return reply.status in ("OK", "REJECTED")


def order_ended(order: Order, status: OrderStatus, shown: VenueOrder) -> OrderUpdated:
    """Return the event that sets the final status of an order.

    Args:
        order: the desk's order.
        status: its final status.
        shown: the same order as reported by the venue.
    """
    return OrderUpdated(
        order_id=order.order_id,
        status=status,
        ticket=shown.ticket,
        retcode=shown.retcode,
        code="",
        error=shown.reason,
        time_ns=shown.time_ns,
    )


def protection_answered(protection: Protection, reply: ModifyReply, *, time_ns: int) -> ProtectionAnswered:
    """Return the event for a reply to a change of stops.

    Args:
        protection: the requested protection.
        reply: the final reply.
        time_ns: venue time at which the reply arrived.
    """
    has = reply.position
    return ProtectionAnswered(
        key=protection.key,
        revision=protection.revision,
        stop_loss=None if has is None else has.stop_loss,
        take_profit=None if has is None else has.take_profit,
        retcode=reply.retcode,
        error=_refusal(reply),
        time_ns=time_ns,
    )


def order_modify_answered(order: Order, reply: ModifyReply, *, time_ns: int) -> OrderModifyAnswered:
    """Return the event for a reply to a modification of an order.

    Args:
        order: the order with the requested terms; they apply if the reply does not contain the order.
        reply: the final reply.
        time_ns: venue time at which the reply arrived.
    """
    has = reply.order
    terms = (
        order.terms
        if has is None
        else OrderTerms(
            limit_price=has.price, stop_loss=has.stop_loss, take_profit=has.take_profit, expires_ns=has.expires_ns
        )
    )
    return OrderModifyAnswered(
        order_id=order.order_id, terms=terms, revision=order.revision, error=_refusal(reply), time_ns=time_ns
    )


def _refusal(reply: ModifyReply) -> str:
    return "" if reply.error_code is None else f"{reply.error_code} {reply.error or ''}".strip()[:512]


def deal_booked(book: Book, deal: VenueDeal) -> DealBooked:
    """Return the event that books a deal, with the lots that the deal closes.

    The event names the desk's order only if that order can still be filled. Otherwise the deal is booked without an
    order, and the reconciliation reports the order.
    """
    order = book.orders.get(deal.order_id)
    is_ours = order is not None and accepts_deal(order, deal)
    return DealBooked(deal=deal, order_id=deal.order_id if is_ours else "", closings=closed_lots(book, deal))


def accepts_deal(order: Order, deal: VenueDeal) -> bool:
    """Whether the order's status allows another fill."""
    is_whole = order.filled_volume + deal.volume >= order.volume
    return status_after_fill(order.status, is_whole=is_whole) is not None
