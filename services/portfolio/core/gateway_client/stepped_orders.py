"""Orders of a stepped stream: each is settled with the venue before the next tick, and may be sent twice."""

from __future__ import annotations

from collections.abc import Sequence

from proto.gateway import ModifyReply, OrderReply, OrderReplyStatus, OrderStatusQuery
from services.portfolio.core.account.events import CancelRequested, Event, OrderCreated, ProtectionSet
from services.portfolio.core.account.order_status import OrderStatus, can_transition
from services.portfolio.core.account.orders import Order
from services.portfolio.core.gateway_client.deals import pull_deals
from services.portfolio.core.gateway_client.reply_events import TERMINAL_STATUSES, order_updated, protection_answered
from services.portfolio.core.gateway_client.requests import cancel_request, order_request, protection_request
from services.portfolio.core.gateway_client.task_runner import GatewayTask
from services.portfolio.core.state.portfolio_state import PortfolioState


def resend_open_requests(state: PortfolioState) -> GatewayTask:
    """Send again what a stepped stream's venue may not have answered: stops, cancels, orders."""
    book = state.account.book
    for key in [key for key, guard in sorted(book.protections.items()) if guard.is_in_flight]:
        yield from submit_protection(state, key)
    for order_id in [order_id for order_id in book.open_orders if book.orders[order_id].cancel_asked]:
        yield from submit_cancel(state, order_id)
    for order_id in list(book.open_orders):
        yield from submit_order(state, book.orders[order_id])
    # What a stored answer says of the book is as old as the answer.
    state.stream.is_quiet = False


def submit_requests(state: PortfolioState, events: Sequence[Event], *, tick_published_mono_ns: int) -> GatewayTask:
    """Ask the venue of a stepped stream for what a tick's events want of it: stops, then ends, then orders."""
    for key in dict.fromkeys(event.protection.key for event in events if isinstance(event, ProtectionSet)):
        if (guard := state.account.book.protections.get(key)) is not None and guard.is_in_flight:
            yield from submit_protection(state, key)
    for event in events:
        if isinstance(event, CancelRequested):
            yield from submit_cancel(state, event.order_id)
    for event in events:
        if isinstance(event, OrderCreated):
            yield from submit_order(state, event.order, tick_published_mono_ns=tick_published_mono_ns)


def submit_order(state: PortfolioState, order: Order, *, tick_published_mono_ns: int | None = None) -> GatewayTask:
    """Send an order of a stepped stream until the venue answers, and book its deals.

    `tick_published_mono_ns` is when the tick that it was decided on left the gateway, None for an order taken over from an
    earlier process, whose latency nobody can tell.
    """
    asked_mono_ns = state.stream.now.mono_ns
    reply = yield order_request(order, is_stepped=True)
    assert isinstance(reply, OrderReply)
    yield from _take(state, order.order_id, reply)
    if reply.status not in TERMINAL_STATUSES:
        state.latencies.order_to_fill.observe(state.stream.now.mono_ns - asked_mono_ns)
        if tick_published_mono_ns is not None:
            state.latencies.ticks_filled_mono_ns.append(tick_published_mono_ns)


def submit_cancel(state: PortfolioState, order_id: str) -> GatewayTask:
    """Cancel a resting order of a stepped stream; the venue may have filled it, or refuse."""
    reply = yield cancel_request(state.account.book.orders[order_id], ordinal=state.stream.cursor.ordinal)
    assert isinstance(reply, OrderReply)
    yield from _take(state, order_id, reply)
    state.stream.is_quiet = reply.quiet
    if state.account.book.orders[order_id].status.is_open:
        state.account.emit(
            CancelRequested(
                order_id=order_id, why="", ordinal=state.stream.cursor.ordinal, time_ns=state.stream.cursor.time_ns
            )
        )


def submit_protection(state: PortfolioState, key: str) -> GatewayTask:
    """Ask the venue of a stepped stream for a position's stops as the desk wants them."""
    guard = state.account.book.protections[key]
    reply = yield protection_request(guard, ordinal=state.stream.cursor.ordinal)
    assert isinstance(reply, ModifyReply)
    state.account.emit(protection_answered(guard, reply, time_ns=state.stream.cursor.time_ns))
    while state.account.book.deal_cursor < reply.deal_cursor:
        yield from pull_deals(state)
    state.stream.is_quiet = reply.quiet


def query_open_orders(state: PortfolioState) -> GatewayTask:
    """Ask the venue of a stepped stream what has become of every order that is open: a tick has ended some."""
    for order_id in list(state.account.book.open_orders):
        reply = yield OrderStatusQuery(order_id=order_id)
        assert isinstance(reply, OrderReply)
        yield from _take(state, order_id, reply)


def _take(state: PortfolioState, order_id: str, reply: OrderReply) -> GatewayTask:
    """Take in what the venue says of an order: its deals first, then where it stands."""
    while state.account.book.deal_cursor < reply.deal_cursor:
        yield from pull_deals(state)
    state.stream.is_quiet = reply.quiet
    order = state.account.book.orders[order_id]
    status = TERMINAL_STATUSES.get(
        reply.status, OrderStatus.ACCEPTED if reply.status == OrderReplyStatus.ACCEPTED else None
    )
    if status is not None and status is not order.status and can_transition(order.status, status):
        state.account.emit(order_updated(order, status, reply))
