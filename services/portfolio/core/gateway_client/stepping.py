"""How far a stepped stream's venue has been told to go, and what it has answered.

The venue enters tick n + 1 into its book when tick n is confirmed. Whoever decides tick n + 1 must know what it has set off, unless the
book was quiet.
"""

from __future__ import annotations

from proto.control import DeskState
from proto.gateway import Confirm, ConfirmReply
from services.portfolio.core.account.events import StreamEnded
from services.portfolio.core.gateway_client.deals import pull_deals
from services.portfolio.core.gateway_client.session import reconcile
from services.portfolio.core.gateway_client.stepped_orders import query_open_orders
from services.portfolio.core.gateway_client.task_runner import GatewayTask
from services.portfolio.core.state.desk import Desk


class Stepping:
    """The confirmations of one desk; ordinals of ticks, -1 before the first."""

    def __init__(self) -> None:
        """Nothing is confirmed yet."""
        self.confirmed = -1
        """The latest that was asked for."""
        self.answered = -1
        """The latest of which everything is known, up to what the tick after it has set off."""
        self._order_cursor = -1

    def forget(self) -> None:
        """The gateway has started anew, and may stand behind what was confirmed."""
        self.confirmed = self.answered = -1

    def confirm(self, desk: Desk) -> GatewayTask:
        """Confirm the ticks that are decided, and take in what came of it; the end of the data is compared and ends the desk."""
        ordinal = self.confirmed = desk.cursor.ordinal
        reply = yield Confirm(stream_id=desk.cursor.stream_id, ordinal=ordinal)
        assert isinstance(reply, ConfirmReply)
        if ordinal != desk.cursor.ordinal:
            return
        desk.is_quiet = desk.is_quiet and reply.quiet
        while desk.book.deal_cursor < reply.deal_cursor:
            yield from pull_deals(desk)
        if reply.order_cursor != self._order_cursor:
            yield from query_open_orders(desk)
            self._order_cursor = reply.order_cursor
        if ordinal != desk.cursor.ordinal:
            return  # decided on meanwhile, and what is said of the book is of an earlier tick
        self.answered, desk.is_quiet = ordinal, reply.quiet
        if reply.end_of_data and desk.book.ended is None:
            assert reply.counts is not None
            time_ns, stream_id = desk.cursor.time_ns, desk.cursor.stream_id
            desk.emit(StreamEnded(stream_id=stream_id, ordinal=ordinal, time_ns=time_ns, counts=reply.counts))
            yield from reconcile(desk, at_end=True)
            if desk.state is not DeskState.FAILED:
                desk.set_state(DeskState.FINISHED)
