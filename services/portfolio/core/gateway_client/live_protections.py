"""Stops of live positions: each is driven until the venue has answered."""

from __future__ import annotations

from proto.control import TradingState
from proto.gateway import ErrorReply, ModifyReply
from services.portfolio.core.gateway_client.lease import on_order_refused
from services.portfolio.core.gateway_client.live_orders import POLL_NS_FIRST, TRANSIENT_ERRORS
from services.portfolio.core.gateway_client.reply_events import is_final_reply, protection_answered
from services.portfolio.core.gateway_client.requests import protection_request
from services.portfolio.core.gateway_client.task_runner import GatewayTask, Pause
from services.portfolio.core.state.portfolio_state import PortfolioState


def track_protection(state: PortfolioState, key: str) -> GatewayTask:
    """Drive the stops of a live position until the venue has answered; the task handles failures."""
    while (
        (guard := state.account.book.protections.get(key)) is not None
        and guard.is_in_flight
        and not state.lease.is_superseded
    ):
        asked = protection_request(guard, ordinal=0, epoch=state.lease.epoch)
        reply = yield asked
        if isinstance(reply, ModifyReply) and not is_final_reply(reply):
            yield Pause(POLL_NS_FIRST)
        elif isinstance(reply, ModifyReply):
            state.account.needs_deals = state.account.needs_deals or reply.deal_cursor > state.account.book.deal_cursor
            state.account.emit(protection_answered(guard, reply, time_ns=state.stream.now.domain_ns))
        elif isinstance(reply, ErrorReply) and on_order_refused(state, reply, asked):
            yield Pause(POLL_NS_FIRST)
        elif isinstance(reply, ErrorReply) and reply.error_code not in TRANSIENT_ERRORS:
            text = f"the gateway refused the stops of {key}: {reply.error_code}"
            state.account.restrict_trading(TradingState.HALTED, "GATEWAY_REFUSED", text, by="gateway")
            return
        else:
            yield Pause(POLL_NS_FIRST)
