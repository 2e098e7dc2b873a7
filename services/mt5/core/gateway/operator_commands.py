"""HALT, RESUME and FLATTEN: a person's commands to the gateway itself. They also work while portfolio is down."""

from __future__ import annotations

from collections.abc import Callable

from proto.gateway import Buy, ErrorCode, Flatten, Halt, HaltReply, Reply, Resume, Sell
from proto.time import Now
from proto.trading.enums import Side
from services.mt5.core.gateway.journal import Journal
from services.mt5.core.gateway.order_service import OrderService
from services.mt5.core.gateway.reply_header import ReplyHeader
from services.mt5.core.ports.symbol_map import SymbolMap
from services.mt5.core.ports.terminal import Terminal
from services.mt5.core.ports.venue import Venue


class OperatorCommands:
    """Refuses opening orders, cancels resting orders and closes positions; in a live stream only."""

    def __init__(
        self,
        *,
        venue: Venue,
        terminal: Terminal,
        journal: Journal,
        orders: OrderService,
        symbols: SymbolMap,
        header: ReplyHeader,
        is_live: bool,
        venue_ns: Callable[[Now], int],
    ) -> None:
        """Continue the journal's halt; the next `on_timer` cancels the resting orders.

        A crash may have interrupted the cancels of the halt. `venue_ns` returns the venue time, UTC.
        """
        self._venue = venue
        self._terminal = terminal
        self._journal = journal
        self._orders = orders
        self._symbols = symbols
        self._header = header
        self._is_live = is_live
        self._venue_ns = venue_ns
        self._cancel_reason = _halt_text(journal.halt_reason) if is_live and journal.halt_reason else ""
        self._tickets_to_close: list[int] = []

    def on_timer(self, now: Now) -> None:
        """Continue to cancel orders and close positions that are left because the venue was unavailable or busy."""
        if self._cancel_reason and self._orders.cancel_all(self._cancel_reason, now):
            self._cancel_reason = ""
        if self._tickets_to_close and not self._cancel_reason and self._terminal.unavailable(now) is None:
            self._close_all(now)

    def handle(self, request: Halt | Resume | Flatten, now: Now) -> Reply:
        """Halt, flatten or resume."""
        if not self._is_live:
            return self._header.not_available(request)
        trouble = self._terminal.unavailable(now)
        if isinstance(request, Flatten) and (trouble is not None or self._orders.is_busy):
            code, text = trouble or (ErrorCode.VENUE_BUSY, "another call to the venue is in progress")
            return self._header.error(request.request_id, code, text)
        self._journal.set_halt_reason("" if isinstance(request, Resume) else request.reason)
        self._cancel_reason = ""
        self._tickets_to_close = []
        if not isinstance(request, Resume):
            self._cancel_reason = _halt_text(request.reason)
            self.on_timer(now)
        if isinstance(request, Flatten):
            self._tickets_to_close = [position.ticket for position in self._venue.positions()]
        closed = self._close_all(now)
        halted = self._journal.halt_reason
        return HaltReply(
            **self._header.fields(request.request_id), is_halted=bool(halted), reason=halted, closed=closed
        )

    def _close_all(self, now: Now) -> list[int]:
        """Close positions; returns the tickets of the closing orders that the venue already shows.

        Each position is tried once. While a call is in progress, the other positions wait for the next `on_timer`.
        """
        tickets = []
        while self._tickets_to_close and not self._orders.is_busy:
            ticket = self._tickets_to_close.pop(0)
            position = next((held for held in self._venue.positions() if held.ticket == ticket), None)
            if position is None:
                continue
            order = Sell if position.side is Side.BUY else Buy
            request = order(
                order_id=f"flatten-{ticket}-{self._venue.order_count + 1}",
                symbol=self._symbols.to_desk(position.symbol),
                volume=position.volume,
                position=ticket,
            )
            reply = self._orders.place(request, now, time_ns=self._venue_ns(now))
            if reply.ticket is not None:
                tickets.append(reply.ticket)
        return tickets


def _halt_text(reason: str) -> str:
    return f"halted: {reason}"[:200]
