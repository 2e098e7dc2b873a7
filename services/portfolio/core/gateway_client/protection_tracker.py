"""Sends changes of a position's stops; each request is repeated until the venue has made or refused the change."""

from __future__ import annotations

from proto.control import TradingState
from proto.gateway import ErrorReply, ModifyReply
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.protection import Protection
from services.portfolio.core.gateway_client.deals import pull_deals
from services.portfolio.core.gateway_client.effects import Pause, PullDeals
from services.portfolio.core.gateway_client.lease import on_order_refused
from services.portfolio.core.gateway_client.order_policy import OrderPolicy
from services.portfolio.core.gateway_client.order_tracker import POLL_NS_FIRST
from services.portfolio.core.gateway_client.reply_events import is_final_reply, protection_answered
from services.portfolio.core.gateway_client.requests import protection_request
from services.portfolio.core.gateway_client.task_runner import GatewayTask
from services.portfolio.core.state.portfolio_state import PortfolioState


def track_protection(state: PortfolioState, policy: OrderPolicy, key: str) -> GatewayTask:
    """Request the latest revision of a position's stops until the venue has made or refused the change."""
    book, stream = state.account.book, state.stream
    while (guard := book.protections.get(key)) is not None and guard.is_in_flight and not state.lease.is_superseded:
        request = protection_request(guard, ordinal=policy.ordinal, epoch=policy.epoch)
        reply = yield request
        if isinstance(reply, ModifyReply) and is_final_reply(reply):
            deals_due = policy.deals_due(reply)
            # A deal that adds to a position also sets the stops which the deal's order has. The reply therefore
            # applies after the deals that precede it, and before later deals, which exist if the reply is a repeat.
            while book.deal_cursor < deals_due and _may_grow(book, guard):
                yield from pull_deals(state, book.deal_cursor, last=deals_due)
            time_ns = stream.domain_ns(stream.now.mono_ns)
            state.account.emit(protection_answered(guard, reply, time_ns=time_ns))
            while book.deal_cursor < deals_due:
                yield from pull_deals(state, book.deal_cursor)
            if book.deal_cursor < reply.deal_cursor:
                yield PullDeals()
            continue
        is_refused = isinstance(reply, ErrorReply) and not on_order_refused(state.lease, reply, request)
        if reply is not None and is_refused and reply.error_code not in policy.transient_errors:
            text = f"the gateway refused the stops of {key}: {reply.error_code}"
            state.account.restrict_trading(TradingState.HALTED, "GATEWAY_REFUSED", text, by="gateway")
        yield Pause(POLL_NS_FIRST)


def _may_grow(book: Book, guard: Protection) -> bool:
    """Whether an open order may add to the position that `guard` protects."""
    sides = {order.side.sign for order in book.open_orders_of(guard.symbol)}
    return bool(sides) and any(
        leg.direction in sides for leg in book.position(guard.symbol).legs if guard.position in (0, leg.ticket)
    )
