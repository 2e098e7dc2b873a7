"""The life of an order id at the gateway: asked for, called once, answered the same ever after.

The journal is written before and after the venue is called. Where a crash came between, the venue's book, which is
complete, says whether there was a call: if there was, its answer is made again from the book; if not, the call may be made.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from msgspec import structs

from proto.gateway import ErrorCode, OrderReply, OrderReplyStatus, PlaceOrder
from proto.units import Side
from services.mt5.core.book import BookOrder
from services.mt5.core.journal import Effect, Entry, EntryState, Journal
from services.mt5.core.symbol_map import SymbolMap
from services.mt5.core.venue import RETCODE_INVALID, SimulatedVenue

STORED: Final = "-"
"""Boot id of a reply in the journal: it is given the one of the boot that answers."""


class Identity(NamedTuple):
    """Who answers; part of every reply."""

    venue: str
    account: str
    boot_id: str


class OrderDesk:
    """Places, tells of and fences orders. Symbols here have the desk's names, except where the venue is called."""

    def __init__(self, *, venue: SimulatedVenue, journal: Journal, symbols: SymbolMap, identity: Identity) -> None:
        self._venue = venue
        self._journal = journal
        self._symbols = symbols
        self._identity = identity

    def knows(self, order_id: str) -> bool:
        """Whether the id was ever placed or fenced."""
        return self._find(order_id) is not None

    def answered(self, request: PlaceOrder) -> OrderReply | None:
        """The answer to a placed or fenced id; None for an id that has not had its effect, and may have it now."""
        entry = self._find(request.order_id)
        if entry is None:
            return None
        effect = effect_of(request)
        if entry.effect is not None and entry.effect != effect:
            words = f"order_id {request.order_id} was given to {entry.effect}, not to {effect}"
            return self._refusal(request, OrderReplyStatus.REJECTED, ErrorCode.ID_CONFLICT, words)
        return self._known(request.order_id, entry, store=True)

    def place(self, request: PlaceOrder, *, time_ns: int) -> OrderReply:
        """Call the venue for an id without an answer. `time_ns` is the venue's time, which decides about the deadline."""
        effect = effect_of(request)
        symbol = self._symbols.to_broker(request.symbol)
        assert symbol is not None, request.symbol
        if 0 < request.valid_until_ns < time_ns:
            words = f"valid until {request.valid_until_ns} ns, but the venue's time is {time_ns} ns"
            reply = self._refusal(request, OrderReplyStatus.EXPIRED, ErrorCode.EXPIRED, words)
        else:
            self._journal.calling(request.order_id, effect, ordinal=self._venue.ordinal)
            order = self._venue.place(
                order_id=request.order_id, symbol=symbol, side=request.side, volume=request.volume
            )
            reply = self._reply_from(order)
        self._journal.done(request.order_id, effect, _stored(reply))
        return reply

    def status(self, order_id: str) -> OrderReply:
        """What is known of an id; changes nothing."""
        entry = self._find(order_id)
        if entry is None:
            words = f"order_id {order_id} was never placed here"
            return self._reply(order_id, OrderReplyStatus.UNKNOWN, ErrorCode.UNKNOWN_ORDER, words)
        known = self._known(order_id, entry, store=False)
        if known is not None:
            return known
        words = f"the venue was about to be called for {entry.effect} and has no trace of it"
        return self._reply(order_id, OrderReplyStatus.CALL_IN_PROGRESS, None, words)

    def fence(self, order_id: str) -> OrderReply:
        """Kill an id that has had no effect; tell what is known of one that has."""
        entry = self._find(order_id)
        known = None if entry is None else self._known(order_id, entry, store=True)
        if known is not None:
            return known
        words = f"order_id {order_id} was fenced before the venue was called"
        reply = self._reply(order_id, OrderReplyStatus.EXPIRED, ErrorCode.FENCED, words)
        self._journal.fence(order_id, _stored(reply))
        return reply

    def refuse_symbol(self, request: PlaceOrder) -> OrderReply:
        """An order for a symbol that the broker does not trade; it leaves no trace."""
        words = f"unknown symbol {request.symbol}"
        return self._refusal(
            request, OrderReplyStatus.REJECTED, ErrorCode.UNKNOWN_SYMBOL, words, retcode=RETCODE_INVALID
        )

    def refuse_fields(
        self, *, order_id: str, symbol: str | None, action: str, code: ErrorCode, words: str, retcode: int
    ) -> OrderReply:
        """An order with a field that is none; it leaves no trace."""
        return self._reply(
            order_id, OrderReplyStatus.REJECTED, code, words, symbol=symbol, action=action, retcode=retcode
        )

    def _find(self, order_id: str) -> Entry | None:
        """What journal or, where a journal was lost, the book has of an id."""
        entry = self._journal.find(order_id)
        if entry is not None:
            return entry
        placed = self._venue.reconstruct(order_id)
        if placed is None:
            return None
        order = placed.order
        effect = Effect(order.side.value, self._symbols.to_desk(order.symbol), order.volume)
        return Entry(EntryState.CALLING, effect, None)

    def _known(self, order_id: str, entry: Entry, *, store: bool) -> OrderReply | None:
        """The answer to an id that has one, found in the venue's book where a crash kept it from the journal."""
        if entry.reply is not None:
            return structs.replace(entry.reply, boot_id=self._identity.boot_id)
        assert entry.state is EntryState.CALLING, entry
        assert entry.effect is not None, entry
        order = self._venue.reconstruct(order_id)
        if order is None:
            return None
        reply = self._reply_from(order)
        if store:
            self._journal.done(order_id, entry.effect, _stored(reply))
        return reply

    def _reply_from(self, placed: BookOrder) -> OrderReply:
        """The reply to an order, from nothing but its record in the book."""
        order = placed.order
        filled = order.deal > 0
        return OrderReply(
            status=order.status.value,
            mode="simulated",
            venue=self._identity.venue,
            account=self._identity.account,
            boot_id=self._identity.boot_id,
            error=order.reason or None,
            error_code=placed.error_code,
            order_id=order.order_id,
            symbol=self._symbols.to_desk(order.symbol),
            action=order.side.value,
            ticket=order.ticket,
            deal=order.deal if filled else None,
            filled_price=order.filled_price,
            filled_volume=order.filled_volume if filled else None,
            retcode=order.retcode,
            time_ns=order.time_ns,
            ordinal=order.ordinal,
            deal_cursor=placed.deal_cursor,
            quiet=placed.quiet,
        )

    def _refusal(
        self,
        request: PlaceOrder,
        status: OrderReplyStatus,
        code: ErrorCode,
        words: str,
        *,
        retcode: int | None = None,
    ) -> OrderReply:
        action = request.side.value
        return self._reply(request.order_id, status, code, words, symbol=request.symbol, action=action, retcode=retcode)

    def _reply(
        self, order_id: str, status: OrderReplyStatus, code: ErrorCode | None, words: str, **fields: Any
    ) -> OrderReply:
        return OrderReply(
            status=status.value,
            mode="simulated",
            venue=self._identity.venue,
            account=self._identity.account,
            boot_id=self._identity.boot_id,
            error=words,
            error_code=code,
            order_id=order_id,
            time_ns=self._venue.time_ns,
            ordinal=self._venue.ordinal,
            deal_cursor=self._venue.deal_count,
            quiet=self._venue.quiet,
            **fields,
        )


def effect_of(request: PlaceOrder) -> Effect:
    """What a request for an order is to do."""
    return Effect(request.side.value, request.symbol, request.volume)


def is_order_action(action: object) -> bool:
    """Whether an action places an order."""
    return action in (Side.BUY.value, Side.SELL.value)


def _stored(reply: OrderReply) -> OrderReply:
    return structs.replace(reply, request_id="", boot_id=STORED)
