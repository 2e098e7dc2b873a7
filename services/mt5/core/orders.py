"""The life of an order id at the gateway: asked for, called once, answered the same ever after.

The journal is written before and after the venue is called. What the venue answers is not believed: the answer to a client is
made from what the venue shows under the order's magic. Where it shows nothing and is known to show everything, there was no
effect, and the call may be made (again). Where it may be late, the id is in doubt and is never called again; after its deadline,
a settling time and repeated empty looks it is presumed to have had no effect, and a trace that shows up after all still counts.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from msgspec import structs

from proto.gateway import ErrorCode, OrderReply, OrderReplyStatus, PlaceOrder
from proto.time import Now
from proto.units import Side
from services.mt5.core import retcodes
from services.mt5.core.book import BookOrder
from services.mt5.core.identity import Identity
from services.mt5.core.journal import Effect, Entry, EntryState, Journal
from services.mt5.core.link import Link, Sent, Waiting
from services.mt5.core.magic import desk_id_of, magic_of
from services.mt5.core.symbol_map import SymbolMap
from services.mt5.core.venue import SimulatedVenue

STORED: Final = "-"
"""Boot id of a reply in the journal: it is given the one of the boot that answers."""

SETTLING_MS: Final = 60_000
"""How late a broker's history may be."""

EMPTY_LOOKS_MIN: Final = 3
LOOKS_APART_NS: Final = 500_000_000
"""Looks within one moment are one look."""

_MS: Final = 1_000_000
_CLAIMS: Final = (retcodes.DONE, retcodes.PLACED)


class _Looks:
    """Empty looks for one id since this start of the gateway; `from_ns` is the venue time from which it must settle."""

    __slots__ = ("count", "from_ns", "last_mono_ns")

    def __init__(self, from_ns: int) -> None:
        self.from_ns = from_ns
        self.count = 0
        self.last_mono_ns = -LOOKS_APART_NS


class OrderDesk:
    """Places, tells of and fences orders. Symbols here have the desk's names, except where the venue is called."""

    def __init__(
        self,
        *,
        venue: SimulatedVenue,
        link: Link,
        journal: Journal,
        symbols: SymbolMap,
        identity: Identity,
        settling_ms: int = SETTLING_MS,
    ) -> None:
        self._venue = venue
        self._link = link
        self._journal = journal
        self._symbols = symbols
        self._identity = identity
        self._settling_ns = settling_ms * _MS
        self._calling: PlaceOrder | None = None
        self._looks: dict[str, _Looks] = {}

    @property
    def is_busy(self) -> bool:
        """Whether the venue is being called and has not come back."""
        return self._calling is not None

    def knows(self, order_id: str) -> bool:
        """Whether the id was ever placed or fenced."""
        return self._find(order_id) is not None

    def opens(self, request: PlaceOrder) -> bool:
        """Whether an order would add exposure to the account's position."""
        symbol = self._symbols.to_broker(request.symbol)
        held = self._venue.net_volume(symbol) if symbol is not None else Decimal(0)
        return held * request.side.sign >= 0 or request.volume > abs(held)

    def answered(self, request: PlaceOrder, now: Now, *, time_ns: int) -> OrderReply | None:
        """The answer to a placed or fenced id; None for an id that has not had its effect, and may have it now."""
        entry = self._find(request.order_id)
        if entry is None:
            return None
        effect = effect_of(request)
        if entry.effect is not None and entry.effect != effect:
            words = f"order_id {request.order_id} was given to {entry.effect}, not to {effect}"
            return self._refusal(request, OrderReplyStatus.REJECTED, ErrorCode.ID_CONFLICT, words)
        return self._known(request.order_id, entry, now, time_ns=time_ns, deadline_ns=request.valid_until_ns)

    def place(self, request: PlaceOrder, now: Now, *, time_ns: int) -> OrderReply:
        """Call the venue for an id without an answer. `time_ns` is the venue's time, which decides about the deadline."""
        assert self._calling is None, "one call at a time"
        effect = effect_of(request)
        symbol = self._symbols.to_broker(request.symbol)
        assert symbol is not None, request.symbol
        if 0 < request.valid_until_ns < time_ns:
            words = f"valid until {request.valid_until_ns} ns, but the venue's time is {time_ns} ns"
            reply = self._refusal(request, OrderReplyStatus.EXPIRED, ErrorCode.EXPIRED, words)
            self._journal.done(request.order_id, effect, _stored(reply))
            return reply
        self._journal.calling(request.order_id, effect, ordinal=self._venue.ordinal)
        sent = self._link.send(request, symbol, now)
        if isinstance(sent, Waiting):
            self._calling = request
            return self._in_progress(request.order_id, effect)
        return self._settle(request, sent, now, time_ns=time_ns)

    def refuse_for_good(self, request: PlaceOrder, code: ErrorCode, words: str) -> OrderReply:
        """Reject an order before the venue is called; the id is used up."""
        reply = self._refusal(request, OrderReplyStatus.REJECTED, code, words, retcode=retcodes.REJECT)
        self._journal.done(request.order_id, effect_of(request), _stored(reply))
        return reply

    def step(self, now: Now, *, time_ns: int) -> None:
        """Take back a call that has returned."""
        if self._calling is None:
            return
        sent = self._link.poll(now)
        if not isinstance(sent, Waiting):
            request, self._calling = self._calling, None
            self._settle(request, sent, now, time_ns=time_ns)

    def status(self, order_id: str, now: Now, *, time_ns: int) -> OrderReply:
        """What is known of an id; the venue is not called."""
        entry = self._find(order_id)
        if entry is None:
            words = f"order_id {order_id} was never placed here"
            return self._reply(order_id, OrderReplyStatus.UNKNOWN, ErrorCode.UNKNOWN_ORDER, words)
        known = self._known(order_id, entry, now, time_ns=time_ns, store=False)
        if known is not None:
            return known
        words = f"the venue was about to be called for {entry.effect} and has no trace of it"
        return self._reply(order_id, OrderReplyStatus.CALL_IN_PROGRESS, None, words)

    def fence(self, order_id: str, now: Now, *, time_ns: int) -> OrderReply:
        """Kill an id that has had no effect; tell what is known of one that has, or may have."""
        entry = self._find(order_id)
        known = None if entry is None else self._known(order_id, entry, now, time_ns=time_ns)
        if known is not None and known.status == OrderReplyStatus.ACCEPTED:
            return self._cancel(order_id, now) or known
        if known is not None:
            return known
        words = f"order_id {order_id} was fenced before the venue was called"
        reply = self._reply(order_id, OrderReplyStatus.EXPIRED, ErrorCode.FENCED, words)
        self._journal.fence(order_id, _stored(reply))
        return reply

    def cancel_all(self, why: str) -> None:
        """End every order that rests at the venue."""
        for resting in self._venue.resting():
            self._venue.cancel(resting, why)

    def _cancel(self, order_id: str, now: Now) -> OrderReply | None:
        """End an order that rests; None where it does not rest any more."""
        magic = magic_of(order_id)
        for resting in self._venue.resting():
            if resting.magic == magic:
                self._venue.cancel(resting, "fenced while it rested")
                placed = self._link.find(magic, now)
                assert placed is not None, order_id
                effect = Effect(
                    placed.order.side.value, self._symbols.to_desk(placed.order.symbol), placed.order.volume
                )
                return self._shown(order_id, effect, placed, store=True)
        return None

    def refuse_symbol(self, request: PlaceOrder) -> OrderReply:
        """An order for a symbol that the broker does not trade; it leaves no trace."""
        words = f"unknown symbol {request.symbol}"
        return self._refusal(
            request, OrderReplyStatus.REJECTED, ErrorCode.UNKNOWN_SYMBOL, words, retcode=retcodes.INVALID
        )

    def refuse_fields(
        self, *, order_id: str, symbol: str | None, action: str, code: ErrorCode, words: str, retcode: int
    ) -> OrderReply:
        """An order with a field that is none; it leaves no trace."""
        return self._reply(
            order_id, OrderReplyStatus.REJECTED, code, words, symbol=symbol, action=action, retcode=retcode
        )

    def name_of(self, magic: int, comment: str) -> str:
        """The client's id of an order or deal, empty for one that is not ours."""
        if not magic:
            return ""
        if comment and magic_of(comment) == magic:
            return comment
        return desk_id_of(magic) or self._journal.order_id_of(magic) or ""

    def _find(self, order_id: str) -> Entry | None:
        """What journal or, where a journal was lost, the venue has of an id."""
        entry = self._journal.find(order_id)
        if entry is not None:
            return entry
        placed = self._venue.find(magic_of(order_id))
        if placed is None:
            return None
        order = placed.order
        effect = Effect(order.side.value, self._symbols.to_desk(order.symbol), order.volume)
        return Entry(EntryState.CALLING, effect, None)

    def _settle(self, request: PlaceOrder, sent: Sent | None, now: Now, *, time_ns: int) -> OrderReply:
        """The call has come back: tell what the venue shows, whatever it said."""
        order_id, effect = request.order_id, effect_of(request)
        placed = self._link.find(magic_of(order_id), now)
        if placed is not None:
            return self._shown(order_id, effect, placed, store=True)
        if sent is not None and sent.retcode in _CLAIMS:
            self._journal.claimed(order_id, effect, ordinal=self._venue.ordinal)
        self._looks[order_id] = _Looks(max(request.valid_until_ns, time_ns))
        return self._in_doubt(order_id, effect)

    def _known(
        self, order_id: str, entry: Entry, now: Now, *, time_ns: int, deadline_ns: int = 0, store: bool = True
    ) -> OrderReply | None:
        """What is known of an id; None when it is certain that the venue was not called."""
        if entry.state in (EntryState.DONE, EntryState.FENCED):
            assert entry.reply is not None, entry
            return structs.replace(entry.reply, boot_id=self._identity.boot_id)
        assert entry.effect is not None, entry
        if self._calling is not None and self._calling.order_id == order_id:
            return self._in_progress(order_id, entry.effect)
        placed = self._link.find(magic_of(order_id), now)
        if placed is not None:
            return self._shown(order_id, entry.effect, placed, store=store)
        if entry.state is EntryState.PRESUMED:
            assert entry.reply is not None, entry
            return structs.replace(entry.reply, boot_id=self._identity.boot_id)
        if entry.state is EntryState.CALLING and self._link.shows_all(now):
            return None
        if self._has_settled(order_id, now, time_ns=time_ns, deadline_ns=deadline_ns):
            return self._presume(order_id, entry.effect)
        return self._in_doubt(order_id, entry.effect)

    def _shown(self, order_id: str, effect: Effect, placed: BookOrder, *, store: bool) -> OrderReply:
        self._looks.pop(order_id, None)
        reply = self._reply_from(order_id, placed)
        if store and placed.order.status is not OrderReplyStatus.ACCEPTED:
            self._journal.done(order_id, effect, _stored(reply))
        return reply

    def _has_settled(self, order_id: str, now: Now, *, time_ns: int, deadline_ns: int) -> bool:
        """Look once more in vain, and say whether that was often and late enough."""
        looks = self._looks.get(order_id)
        if looks is None:
            looks = self._looks[order_id] = _Looks(max(time_ns, deadline_ns))
        if self._link.trouble(now) is not None:
            looks.count = 0
            return False
        if now.mono_ns - looks.last_mono_ns >= LOOKS_APART_NS and time_ns > looks.from_ns + self._settling_ns:
            looks.count += 1
            looks.last_mono_ns = now.mono_ns
        return looks.count >= EMPTY_LOOKS_MIN

    def _presume(self, order_id: str, effect: Effect) -> OrderReply:
        words = f"{effect}: past its deadline and settled, and the venue shows no trace of it"
        reply = self._reply(order_id, OrderReplyStatus.PRESUMED_EXPIRED, ErrorCode.NO_TRACE, words)
        self._journal.presumed(order_id, effect, _stored(reply))
        del self._looks[order_id]
        return reply

    def _in_doubt(self, order_id: str, effect: Effect) -> OrderReply:
        words = f"{effect}: the venue was called and shows no trace of it yet"
        return self._reply(order_id, OrderReplyStatus.IN_DOUBT, ErrorCode.NO_TRACE, words)

    def _in_progress(self, order_id: str, effect: Effect) -> OrderReply:
        words = f"{effect}: the venue is being called"
        return self._reply(order_id, OrderReplyStatus.CALL_IN_PROGRESS, None, words)

    def _reply_from(self, order_id: str, placed: BookOrder) -> OrderReply:
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
            order_id=order_id,
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
