"""Confirmations of a stepped stream's ticks to its venue, and the answers.

The venue processes tick n + 1 when tick n is confirmed. The desk must know what tick n + 1 has triggered before it
decides that tick, unless the book was quiet.
"""

from __future__ import annotations

from proto.control import DeskState
from proto.gateway import Confirm, ConfirmReply
from services.portfolio.core.account.events import StreamEnded
from services.portfolio.core.gateway_client.deals import pull_deals
from services.portfolio.core.gateway_client.session import reconcile
from services.portfolio.core.gateway_client.stepped_orders import query_open_orders
from services.portfolio.core.gateway_client.task_runner import GatewayTask
from services.portfolio.core.state.portfolio_state import PortfolioState


class Stepping:
    """Confirmations of one desk, as ordinals of ticks; -1 before the first."""

    def __init__(self) -> None:
        """Start with nothing confirmed."""
        self.confirmed = -1
        """The latest tick confirmed to the venue."""
        self.answered = -1
        """The latest tick answered in full, up to what the next tick has triggered."""
        self._order_cursor = -1

    def forget(self) -> None:
        """Forget the confirmations: the gateway has restarted, and may be behind them."""
        self.confirmed = self.answered = -1

    def confirm(self, state: PortfolioState) -> GatewayTask:
        """Confirm decided ticks and apply the answer; at the end of the data, reconcile and finish."""
        ordinal = self.confirmed = state.stream.cursor.ordinal
        reply = yield Confirm(stream_id=state.stream.cursor.stream_id, ordinal=ordinal)
        assert isinstance(reply, ConfirmReply)
        if ordinal != state.stream.cursor.ordinal:
            return
        state.stream.is_quiet = state.stream.is_quiet and reply.quiet
        while state.account.book.deal_cursor < reply.deal_cursor:
            yield from pull_deals(state)
        if reply.order_cursor != self._order_cursor:
            yield from query_open_orders(state)
            self._order_cursor = reply.order_cursor
        if ordinal != state.stream.cursor.ordinal:
            return  # another tick was decided meanwhile, and the reply is about an earlier book
        self.answered, state.stream.is_quiet = ordinal, reply.quiet
        if reply.end_of_data and state.account.book.ended is None:
            assert reply.counts is not None
            time_ns, stream_id = state.stream.cursor.time_ns, state.stream.cursor.stream_id
            state.account.emit(StreamEnded(stream_id=stream_id, ordinal=ordinal, time_ns=time_ns, counts=reply.counts))
            yield from reconcile(state, at_end=True)
            if state.stream.desk_state is not DeskState.FAILED:
                state.stream.set_desk_state(DeskState.FINISHED)
