"""MODIFY: new prices for a resting order or a position."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from proto.gateway import ErrorCode, ErrorReply, Modify, ModifyReply, VenueOrder, VenuePosition
from proto.time import Now
from services.mt5.core.gateway.query_service import QueryService
from services.mt5.core.gateway.reply_header import ReplyHeader
from services.mt5.core.ports import retcodes
from services.mt5.core.ports.book_records import Modification
from services.mt5.core.ports.magic import magic_of
from services.mt5.core.ports.terminal import CallInProgress, Terminal, TradeResult
from services.mt5.core.ports.venue import Venue

REJECTED = "REJECTED"


class ModifyService:
    """Answers MODIFY. Requests here have the broker's name of their symbol, and replies the desk's name."""

    def __init__(self, *, venue: Venue, terminal: Terminal, queries: QueryService, header: ReplyHeader) -> None:
        """Use these parts.

        Args:
            venue: has the book.
            terminal: sends modifications.
            queries: converts orders and positions to the desk's names.
            header: the fields common to all replies.
        """
        self._venue = venue
        self._terminal = terminal
        self._queries = queries
        self._header = header

    def existing_reply(self, request: Modify, now: Now, *, symbol: str) -> ModifyReply | ErrorReply | None:
        """The stored reply to a repeated modification, or an error if the order has another symbol; None for a new one.

        Args:
            request: the modification, with the broker's name of its symbol.
            now: the current time.
            symbol: the desk's name of the symbol.
        """
        order = self._venue.find(magic_of(request.order_id)) if request.order_id else None
        if order is not None and order.order.symbol != request.symbol:
            expected = self._queries.order_with_desk_names(order).symbol
            text = f"symbol {symbol} with order {request.order_id}, expected {expected}"
            return self._header.error(request.request_id, ErrorCode.INVALID_FIELD, text)
        outcome = self._terminal.previous_modification(request, now)
        return None if outcome is None else self._reply_to(request, outcome)

    def modify(self, request: Modify, now: Now) -> tuple[ModifyReply, bool]:
        """Send a modification to the venue; returns the reply, and whether the call is still in progress."""
        sent = self._terminal.modify(request, now)
        if isinstance(sent, CallInProgress):
            text = "the call to the venue is in progress"
            return self._state_reply(request, now, status="CALL_IN_PROGRESS", error=text), True
        if sent is not None and (outcome := self._terminal.previous_modification(request, now)) is not None:
            return self._reply_to(request, outcome), False
        return self._reply_to_answer(request, sent, now), False

    def _reply_to_answer(self, request: Modify, sent: TradeResult | None, now: Now) -> ModifyReply:
        if sent is None:
            text = "the call to the venue returned no answer"
            return self._state_reply(request, now, status="IN_DOUBT", error=text, error_code=ErrorCode.NO_TRACE)
        if retcodes.outcome_of(sent.retcode) is retcodes.RetcodeOutcome.DONE:
            done = self._state_reply(request, now, status="OK", retcode=sent.retcode)
            if _shows_requested_prices(request, done):
                return done
            text = f"the venue answered {sent.retcode}, but does not show the requested prices"
            return self._state_reply(request, now, status="IN_DOUBT", error=text, error_code=ErrorCode.NO_TRACE)
        code = sent.error_code or ErrorCode.VENUE_REFUSED
        text = sent.message or f"the venue answered {sent.retcode}"
        return self._state_reply(request, now, status=REJECTED, retcode=sent.retcode, error=text, error_code=code)

    def _state_reply(self, request: Modify, now: Now, **fields: Any) -> ModifyReply:
        """A reply with the current state of the order or position."""
        order: VenueOrder | None = None
        position: VenuePosition | None = None
        if request.order_id:
            found = self._terminal.find(magic_of(request.order_id), now)
            order = None if found is None else self._queries.order_with_desk_names(found)
        else:
            matching = [held for held in self._venue.positions() if held.symbol == request.symbol]
            if request.position:
                matching = [held for held in matching if held.ticket == request.position]
            position = self._queries.position_with_desk_names(matching[0]) if len(matching) == 1 else None
        return ModifyReply(
            **(self._header.fields(request.request_id) | fields),
            order=order,
            position=position,
            deal_cursor=self._venue.deal_count,
            quiet=self._venue.quiet,
        )

    def _reply_to(self, request: Modify, outcome: Modification) -> ModifyReply:
        fields = self._header.fields(request.request_id)
        if outcome.error_code is not None:
            fields |= {"status": REJECTED, "error_code": outcome.error_code, "error": outcome.reason}
        order, position = outcome.order, outcome.position
        if order is not None:
            order = self._queries.with_desk_names(order, magic_of(request.order_id))
        if position is not None:
            position = self._queries.with_desk_names(position, self._venue.magic_of_position(position.ticket))
        return ModifyReply(
            **fields,
            retcode=outcome.retcode,
            order=order,
            position=position,
            deal_cursor=outcome.deal_cursor,
            quiet=outcome.quiet,
        )


def _shows_requested_prices(request: Modify, shown: ModifyReply) -> bool:
    """Whether the venue shows the requested prices; a retcode alone is no proof."""
    target = shown.order if request.order_id else shown.position
    return target is not None and has_requested_prices(target, request)


def has_requested_prices(target: VenueOrder | VenuePosition, request: Modify) -> bool:
    """Whether an order or a position has the prices that a modification requests."""
    if (target.stop_loss, target.take_profit) != (request.stop_loss, request.take_profit):
        return False
    if isinstance(target, VenuePosition):
        return True
    return request.price in (None, target.price) and request.expires_ns in (0, target.expires_ns)


def with_broker_names(request: Modify, symbol: str, venue: Venue) -> Modify:
    """The request with the broker's `symbol`, and with the ticket under which the venue reports the position."""
    return structs.replace(request, symbol=symbol, position=venue.position_ticket(request.position))
