"""Orders by id: each order has its effect at most once, and a repeat is answered without a second execution.

The journal is written before and after the call to the venue. The venue's answer is no proof; the reply is made from
the order that the venue shows under the order's magic. If the venue's complete history lacks the order, the order had
no effect, and a repeat sends it. If the history may be incomplete, the id is in doubt, and a repeat does not send it.
After its deadline, a settling time and repeated searches without a trace, the order is presumed to have had no effect.
If it appears later, its state replaces the presumption.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from msgspec import structs

from proto.gateway import Close, ErrorCode, OrderReply, OrderReplyStatus, PlaceOrder, VenueOrder
from proto.time import Now, utc_text
from proto.trading.enums import AccountMode, OrderType, Side
from services.mt5.core.gateway import close_requests
from services.mt5.core.gateway.in_doubt_orders import SETTLING_MS, InDoubtOrders
from services.mt5.core.gateway.journal import Effect, EntryState, Journal, JournalEntry
from services.mt5.core.gateway.reply_header import ReplyHeader
from services.mt5.core.ports import retcodes
from services.mt5.core.ports.book_records import BookOrder, PlacementSnapshot
from services.mt5.core.ports.magic import desk_id_of, magic_of
from services.mt5.core.ports.symbol_map import SymbolMap
from services.mt5.core.ports.terminal import CallInProgress, Terminal, TradeResult
from services.mt5.core.ports.venue import Venue

STORED: Final = "-"
"""Boot id of replies in the journal and of this module; the gateway replaces it by its own when it sends a reply."""

_OPEN: Final = (OrderReplyStatus.ACCEPTED, OrderReplyStatus.PARTIALLY_FILLED)
"""Statuses of open orders."""

_ENDED_BEFORE_CANCEL: Final = (
    OrderReplyStatus.FILLED,
    OrderReplyStatus.REJECTED,
    OrderReplyStatus.EXPIRED,
    OrderReplyStatus.PRESUMED_EXPIRED,
)
"""Statuses of an order that ended before its CANCEL."""

_REPORTED_EXECUTIONS: Final = (retcodes.DONE, retcodes.DONE_PARTIAL, retcodes.PLACED)


class OrderService:
    """Places, reports, cancels and fences orders by id.

    Symbols have the desk's names; `time_ns` is venue time, UTC. Replies are as in the journal: without a request id.
    """

    def __init__(
        self,
        *,
        venue: Venue,
        terminal: Terminal,
        journal: Journal,
        symbols: SymbolMap,
        header: ReplyHeader,
        settling_ms: int = SETTLING_MS,
    ) -> None:
        """Use these parts; an order may appear in the venue's history up to `settling_ms` late."""
        self._venue = venue
        self._terminal = terminal
        self._journal = journal
        self._symbols = symbols
        self._header = header._replace(boot_id=STORED)
        self._calling: PlaceOrder | None = None
        self._is_changing = False
        self._doubts = InDoubtOrders(settling_ms=settling_ms)

    @property
    def is_busy(self) -> bool:
        """Whether a call to the venue is in progress."""
        return self._calling is not None or self._is_changing

    def mark_busy(self) -> None:
        """Note that a call which modifies or cancels an order or position is in progress."""
        self._is_changing = True

    def is_known(self, order_id: str) -> bool:
        """Whether an order with the id was ever placed or fenced."""
        return self._find(order_id) is not None

    def adds_exposure(self, request: PlaceOrder) -> bool:
        """Whether an order may open or increase a position."""
        if request.position:
            return False
        if self._venue.account_mode is AccountMode.HEDGING:
            return True
        symbol = self._symbols.to_broker(request.symbol)
        held = self._venue.net_volume(symbol) if symbol is not None else Decimal(0)
        return held * request.side.sign >= 0 or request.volume > abs(held)

    def existing_reply(self, request: PlaceOrder, now: Now, *, time_ns: int) -> OrderReply | None:
        """The reply for a placed or fenced id; None if the order may be sent now."""
        entry = self._find(request.order_id)
        if entry is None:
            return None
        effect = effect_of(request)
        if entry.effect is not None and entry.effect != effect:
            text = f"order_id {request.order_id} belongs to {entry.effect}, not to {effect}"
            return self._refusal(request, OrderReplyStatus.REJECTED, ErrorCode.ID_CONFLICT, text)
        return self._repeated(request, entry, now, time_ns=time_ns)

    def existing_close(self, request: Close, now: Now, *, time_ns: int) -> OrderReply | PlaceOrder | None:
        """The reply to a CLOSE whose id was placed or fenced, or the order to send for it.

        None for a new id: side and volume then follow from the position.
        """
        entry = self._find(request.order_id)
        if entry is None:
            return None
        if entry.effect is not None and not close_requests.matches_effect(request, entry.effect):
            text = f"order_id {request.order_id} belongs to {entry.effect}, not to a CLOSE of {request.symbol}"
            return self._refusal(request, OrderReplyStatus.REJECTED, ErrorCode.ID_CONFLICT, text)
        known = self._repeated(request, entry, now, time_ns=time_ns)
        if known is not None:
            return known
        assert entry.effect is not None, entry
        return close_requests.order_from_effect(request, entry.effect)

    def close(self, request: Close) -> OrderReply | PlaceOrder:
        """The order of a CLOSE with a new id, or the final rejection if there is no position to close."""
        symbol = self._symbols.to_broker(request.symbol)
        ticket = self._venue.position_ticket(request.position)
        at_broker = structs.replace(request, symbol=symbol, position=ticket)
        position = close_requests.position_to_close(at_broker, self._venue.positions(), self._venue.account_mode)
        if position is not None:
            return close_requests.closing_order(request, position)
        which = f"position {request.position}" if request.position else "single position to close"
        text = f"no {which} in {request.symbol}"
        reply = self._refusal(
            request,
            OrderReplyStatus.REJECTED,
            ErrorCode.UNKNOWN_POSITION,
            text,
            retcode=retcodes.POSITION_CLOSED,
        )
        self._journal.record_done(request.order_id, close_requests.effect_of_empty_close(request), reply)
        return reply

    def place(self, request: PlaceOrder, now: Now, *, time_ns: int) -> OrderReply:
        """Send an order whose id has no answer yet; it becomes EXPIRED instead if its deadline has passed."""
        assert not self.is_busy, "one call at a time"
        effect = effect_of(request)
        symbol = self._symbols.to_broker(request.symbol)
        assert symbol is not None, request.symbol
        if 0 < request.valid_until_ns < time_ns:
            text = f"valid until {utc_text(request.valid_until_ns)}, but the venue's time is {utc_text(time_ns)}"
            reply = self._refusal(request, OrderReplyStatus.EXPIRED, ErrorCode.EXPIRED, text)
            self._journal.record_done(request.order_id, effect, reply)
            return reply
        self._journal.record_calling(request.order_id, effect, ordinal=self._venue.ordinal)
        sent = self._terminal.send(request, symbol, now)
        if isinstance(sent, CallInProgress):
            self._calling = request
            return self._in_progress(request.order_id, effect)
        return self._settle(request, effect, sent, now, time_ns=time_ns)

    def reject_permanently(self, request: PlaceOrder, code: ErrorCode, text: str) -> OrderReply:
        """Reject an order without a call to the venue; its id keeps this answer."""
        reply = self._refusal(request, OrderReplyStatus.REJECTED, code, text, retcode=retcodes.REJECT)
        self._journal.record_done(request.order_id, effect_of(request), reply)
        return reply

    def on_timer(self, now: Now, *, time_ns: int) -> None:
        """Complete a call that has returned."""
        if not self.is_busy:
            return
        sent = self._terminal.poll(now)
        if isinstance(sent, CallInProgress):
            return
        request, self._calling, self._is_changing = self._calling, None, False
        if request is not None:
            self._settle(request, effect_of(request), sent, now, time_ns=time_ns)

    def status(self, order_id: str, now: Now, *, time_ns: int) -> OrderReply:
        """The state of an id; the venue is not called."""
        entry = self._find(order_id)
        if entry is None:
            text = f"this gateway has no order with order_id {order_id}"
            return self._reply(order_id, OrderReplyStatus.UNKNOWN, ErrorCode.UNKNOWN_ORDER, text)
        known = self._known(order_id, entry, now, time_ns=time_ns, store=False)
        if known is not None:
            return known
        text = f"{entry.effect}: the call to the venue was prepared, and the venue shows no trace of the order"
        return self._reply(order_id, OrderReplyStatus.CALL_IN_PROGRESS, None, text)

    def fence(self, order_id: str, now: Now, *, time_ns: int) -> OrderReply:
        """Void an id that has had no effect, or cancel its open order if a call is possible; returns the id's state."""
        entry = self._find(order_id)
        known = None if entry is None else self._known(order_id, entry, now, time_ns=time_ns)
        if known is not None and known.status in _OPEN and not self.is_busy and self._terminal.unavailable(now) is None:
            return self._cancel_resting(order_id, now, time_ns=time_ns, why="fenced while it rested")
        if known is not None:
            return known
        text = f"order_id {order_id} was fenced before it had an effect"
        reply = self._reply(order_id, OrderReplyStatus.EXPIRED, ErrorCode.FENCED, text)
        self._journal.fence(order_id, reply)
        return reply

    def ended_reply(self, order_id: str, now: Now, *, time_ns: int) -> OrderReply | None:
        """The reply to a CANCEL of an order that is not resting; None for a resting order."""
        entry = self._find(order_id)
        known = self.status(order_id, now, time_ns=time_ns)
        if entry is not None and known.status in _OPEN:
            return None
        return _as_ended(known)

    def cancel(self, order_id: str, now: Now, *, time_ns: int) -> OrderReply:
        """Cancel a resting order; returns its new state, with an error code if it is not canceled."""
        return _as_ended(self._cancel_resting(order_id, now, time_ns=time_ns, why="canceled by the client"))

    def cancel_all(self, why: str, now: Now) -> bool:
        """Cancel every resting order for the reason `why`; False if some are left for another call."""
        if self._terminal.unavailable(now) is not None:
            return False
        for resting in self._terminal.resting(now):
            if self.is_busy:
                return False
            self._is_changing = isinstance(self._terminal.cancel(resting, now, why=why), CallInProgress)
        return True

    def _cancel_resting(self, order_id: str, now: Now, *, time_ns: int, why: str) -> OrderReply:
        """Cancel a resting order, and return its new state."""
        placed = self._terminal.find(magic_of(order_id), now)
        assert placed is not None, order_id
        sent = self._terminal.cancel(placed, now, why=why)
        if isinstance(sent, CallInProgress):
            self._is_changing = True
            return self._in_progress(order_id, self._effect_in_book(placed), ticket=placed.order.ticket)
        entry = self._find(order_id)
        assert entry is not None, order_id
        known = self._known(order_id, entry, now, time_ns=time_ns)
        assert known is not None, order_id
        if known.status not in _OPEN:
            return known
        if sent is None:
            text = "the call to the venue returned no answer, and the order still rests"
            return structs.replace(known, error_code=ErrorCode.NO_TRACE, error=text)
        is_claimed = retcodes.outcome_of(sent.retcode) is retcodes.RetcodeOutcome.DONE
        code = sent.error_code or (ErrorCode.NO_TRACE if is_claimed else ErrorCode.VENUE_REFUSED)
        text = sent.message or f"the venue answered {sent.retcode}"
        return structs.replace(known, error_code=code, error=text, retcode=sent.retcode)

    def refuse_symbol(self, request: PlaceOrder | Close) -> OrderReply:
        """Reject an order for a symbol that the broker does not trade; nothing is stored."""
        text = f"unknown symbol {request.symbol}"
        return self._refusal(
            request, OrderReplyStatus.REJECTED, ErrorCode.UNKNOWN_SYMBOL, text, retcode=retcodes.INVALID
        )

    def refuse_fields(
        self, *, order_id: str, symbol: str | None, action: str, code: ErrorCode, text: str, retcode: int
    ) -> OrderReply:
        """Reject an order with an invalid field, with MetaTrader's `retcode`; nothing is stored."""
        return self._reply(
            order_id, OrderReplyStatus.REJECTED, code, text, symbol=symbol, action=action, retcode=retcode
        )

    def client_order_id(self, magic: int, comment: str) -> str:
        """The client's id of an order or deal, by its `magic` and `comment`; empty for a foreign order."""
        if not magic:
            return ""
        if comment and magic_of(comment) == magic:
            return comment
        return desk_id_of(magic) or self._journal.order_id_of(magic) or ""

    def _find(self, order_id: str) -> JournalEntry | None:
        """The entry of an id from the journal, or from the venue's book if the journal was lost."""
        entry = self._journal.find(order_id)
        if entry is not None:
            return entry
        placed = self._venue.find(magic_of(order_id))
        return None if placed is None else JournalEntry(EntryState.CALLING, self._effect_in_book(placed), None)

    def _effect_in_book(self, placed: BookOrder) -> Effect:
        """The effect of an order as it was placed, without later modifications."""
        order = placed.order if placed.taken is None else placed.taken.order
        return Effect(
            action=order.side.value,
            symbol=self._symbols.to_desk(order.symbol),
            volume=order.volume,
            type=order.type,
            time_in_force=order.time_in_force,
            price=order.price,
            stop_loss=order.stop_loss,
            take_profit=order.take_profit,
            expires_ns=order.expires_ns,
            position=order.position,
        )

    def _settle(
        self, request: PlaceOrder, effect: Effect, sent: TradeResult | None, now: Now, *, time_ns: int
    ) -> OrderReply:
        """The reply after a call has returned, made from the order that the venue shows and not from the answer."""
        order_id = request.order_id
        placed = self._terminal.find(magic_of(order_id), now)
        if placed is not None:
            return self._shown(order_id, effect, placed, store=True)
        if sent is not None and sent.retcode in _REPORTED_EXECUTIONS:
            self._journal.record_claimed(order_id, effect, ordinal=self._venue.ordinal)
        self._doubts.add(order_id, from_ns=max(request.valid_until_ns, time_ns))
        return self._in_doubt(order_id, effect)

    def _repeated(
        self, request: PlaceOrder | Close, entry: JournalEntry, now: Now, *, time_ns: int
    ) -> OrderReply | None:
        """The reply to a repeated request; None if the order may be sent.

        In lock-step an order that rested is reported as it was at the request's tick, even if the book is at a later
        tick.
        """
        if request.ordinal and entry.state not in (EntryState.FENCED, EntryState.PRESUMED):
            placed = self._terminal.find(magic_of(request.order_id), now)
            if placed is not None and placed.taken is not None and placed.taken.order.ordinal == request.ordinal:
                return self._reply_of(request.order_id, placed.taken.order, placed.taken, error_code=None)
        return self._known(request.order_id, entry, now, time_ns=time_ns, deadline_ns=request.valid_until_ns)

    def _known(
        self, order_id: str, entry: JournalEntry, now: Now, *, time_ns: int, deadline_ns: int = 0, store: bool = True
    ) -> OrderReply | None:
        """The state of an id; None if its order certainly had no effect and may be sent."""
        if entry.state in (EntryState.DONE, EntryState.FENCED):
            assert entry.reply is not None, entry
            return entry.reply
        assert entry.effect is not None, entry
        if self._calling is not None and self._calling.order_id == order_id:
            return self._in_progress(order_id, entry.effect)
        placed = self._terminal.find(magic_of(order_id), now)
        if placed is not None:
            return self._shown(order_id, entry.effect, placed, store=store)
        if entry.state is EntryState.PRESUMED:
            assert entry.reply is not None, entry
            return entry.reply
        if entry.state is EntryState.CALLING and self._terminal.is_history_complete(now):
            return None
        usable = self._terminal.unavailable(now) is None
        if self._doubts.record_miss(order_id, now, time_ns=time_ns, deadline_ns=deadline_ns, is_available=usable):
            return self._presume(order_id, entry.effect)
        return self._in_doubt(order_id, entry.effect)

    def _shown(self, order_id: str, effect: Effect, placed: BookOrder, *, store: bool) -> OrderReply:
        self._doubts.remove(order_id)
        reply = self._reply_from(order_id, placed)
        if store and placed.order.status not in _OPEN:
            self._journal.record_done(order_id, effect, reply)
        return reply

    def _presume(self, order_id: str, effect: Effect) -> OrderReply:
        text = f"{effect}: deadline and settling time have passed, and the venue shows no trace of the order"
        reply = self._reply(order_id, OrderReplyStatus.PRESUMED_EXPIRED, ErrorCode.NO_TRACE, text)
        self._journal.record_presumed(order_id, effect, reply)
        self._doubts.remove(order_id)
        return reply

    def _in_doubt(self, order_id: str, effect: Effect) -> OrderReply:
        text = f"{effect}: the venue was called, but shows no trace of the order yet"
        fields = {"symbol": effect.symbol, "action": effect.action}
        return self._reply(order_id, OrderReplyStatus.IN_DOUBT, ErrorCode.NO_TRACE, text, **fields)

    def _in_progress(self, order_id: str, effect: Effect, *, ticket: int = 0) -> OrderReply:
        text = f"{effect}: the call to the venue is in progress"
        fields = {"symbol": effect.symbol, "action": effect.action, "ticket": ticket or None}
        return self._reply(order_id, OrderReplyStatus.CALL_IN_PROGRESS, None, text, **fields)

    def _reply_from(self, order_id: str, placed: BookOrder) -> OrderReply:
        """The reply to an order, made from its record in the book alone."""
        return self._reply_of(order_id, placed.order, placed, error_code=placed.error_code)

    def _reply_of(
        self, order_id: str, order: VenueOrder, shown: BookOrder | PlacementSnapshot, *, error_code: ErrorCode | None
    ) -> OrderReply:
        return OrderReply(
            **self._header.fields("", status=order.status.value),
            error=order.reason or None,
            error_code=error_code,
            order_id=order_id,
            symbol=self._symbols.to_desk(order.symbol),
            action=order.side.value,
            ticket=order.ticket or None,
            deal=order.deal or None,
            filled_price=order.filled_price,
            filled_volume=order.filled_volume if order.deal else None,
            retcode=order.retcode,
            time_ns=order.time_ns,
            ordinal=order.ordinal,
            deal_cursor=shown.deal_cursor,
            quiet=shown.quiet,
            position=shown.position or None,
        )

    def _refusal(
        self,
        request: PlaceOrder | Close,
        status: OrderReplyStatus,
        code: ErrorCode,
        text: str,
        *,
        retcode: int | None = None,
    ) -> OrderReply:
        action = close_requests.CLOSE if isinstance(request, Close) else request.side.value
        return self._reply(request.order_id, status, code, text, symbol=request.symbol, action=action, retcode=retcode)

    def _reply(
        self, order_id: str, status: OrderReplyStatus, code: ErrorCode | None, text: str, **fields: Any
    ) -> OrderReply:
        return OrderReply(
            **self._header.fields("", status=status.value),
            error=text,
            error_code=code,
            order_id=order_id,
            time_ns=self._venue.time_ns,
            ordinal=self._venue.ordinal,
            deal_cursor=self._venue.deal_count,
            quiet=self._venue.quiet,
            **fields,
        )


def effect_of(request: PlaceOrder) -> Effect:
    """The effect of an order for the journal."""
    return Effect(
        action=request.side.value,
        symbol=request.symbol,
        volume=request.volume,
        type=request.type,
        time_in_force=request.effective_time_in_force,
        price=None if request.type is OrderType.MARKET else request.price,
        stop_loss=request.stop_loss,
        take_profit=request.take_profit,
        expires_ns=request.expires_ns,
        position=request.position,
    )


def _as_ended(known: OrderReply) -> OrderReply:
    """The reply to a CANCEL: ORDER_ENDED for an order that ended before and has no error code of its own."""
    if known.status not in _ENDED_BEFORE_CANCEL or known.error_code is not None:
        return known
    text = f"order {known.order_id} has ended: {known.status}"
    return structs.replace(known, error_code=ErrorCode.ORDER_ENDED, error=known.error or text)


def is_order_action(action: object) -> bool:
    """Whether an action is BUY, SELL or CLOSE."""
    return action in (Side.BUY.value, Side.SELL.value, close_requests.CLOSE)
