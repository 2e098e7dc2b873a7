"""The gateway core: one reply for each request, and the ticks to publish.

It combines orders, modifications, queries, operator commands, the lease and the publisher. Symbols have the desk's
names. All state that must survive a restart is in the journal, the book and the stream.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec import structs

from marketdata.tick_stream import MarketSource
from proto.codec import MalformedMessageError
from proto.core import Core
from proto.gateway import (
    Buy,
    Cancel,
    Close,
    Confirm,
    ConfirmReply,
    ErrorCode,
    ErrorReply,
    Fence,
    Flatten,
    Halt,
    Hello,
    HelloReply,
    Lease,
    Modify,
    OrderReply,
    OrderStatusQuery,
    Ping,
    PingReply,
    PlaceOrder,
    Reply,
    Request,
    Resume,
    Sell,
    Simulate,
    SimulateReply,
)
from proto.messages import MarketHeartbeat, Tick
from proto.time import Now
from proto.trading.instrument import Instrument
from proto.trading.units import NAME_CHARS_MAX
from services.mt5.core.gateway.journal import Journal
from services.mt5.core.gateway.lease_service import LeaseService
from services.mt5.core.gateway.modify_service import ModifyService, with_broker_names
from services.mt5.core.gateway.operator_commands import OperatorCommands
from services.mt5.core.gateway.order_service import OrderService, is_order_action
from services.mt5.core.gateway.query_service import QueryService
from services.mt5.core.gateway.reply_header import ReplyHeader
from services.mt5.core.gateway.tick_publisher import TickPublisher
from services.mt5.core.ports import retcodes
from services.mt5.core.ports.symbol_map import SymbolMap
from services.mt5.core.ports.terminal import Terminal
from services.mt5.core.ports.venue import Venue

_FIELD_ERRORS: Final = {
    ErrorCode.MISSING_FIELD: retcodes.INVALID,
    ErrorCode.UNKNOWN_FIELD: retcodes.INVALID,
    ErrorCode.INVALID_FIELD: retcodes.INVALID,
    ErrorCode.INVALID_VOLUME: retcodes.INVALID_VOLUME,
}
"""Errors in one field, with MetaTrader's retcode: an order with such an error may be rejected under its id."""


class Gateway(Core[Request, Reply | Tick]):
    """The gateway in front of a venue, simulated or real, without its sockets."""

    def __init__(
        self,
        *,
        stream: MarketSource,
        stream_id: str,
        venue: Venue,
        journal: Journal,
        publisher: TickPublisher,
        symbols: SymbolMap,
        header: ReplyHeader,
        publisher_name: str,
        terminal: Terminal,
        lease_ttl_ms: int,
        settling_ms: int,
    ) -> None:
        """Use these parts; `core.compose.simulated_gateway` makes them for the simulated venue.

        Args:
            stream: the market, with the desk's names of symbols.
            stream_id: id of the stream in replies and ticks.
            venue: the account.
            journal: stores order ids and the replies to them.
            publisher: decides which ticks to publish now.
            symbols: the desk's names and the broker's.
            header: the fields common to all replies.
            publisher_name: the publisher's name in heartbeats.
            terminal: sends orders to the venue.
            lease_ttl_ms: how long a client may open exposure after it has renewed its lease.
            settling_ms: how late an order may appear in the venue's history. An order that the venue does not show is
                presumed to have expired only after this time.
        """
        self.venue = venue
        self.publisher = publisher
        self._stream = stream
        self._stream_id = stream_id
        self._journal = journal
        self._symbols = symbols
        self._header = header
        self._publisher_name = publisher_name
        self._terminal = terminal
        self._orders = OrderService(
            venue=venue, terminal=terminal, journal=journal, symbols=symbols, header=header, settling_ms=settling_ms
        )
        self.leases = LeaseService(
            journal=journal,
            orders=self._orders,
            terminal=terminal,
            header=header,
            is_live=publisher.is_live,
            ttl_ms=lease_ttl_ms,
        )
        self._lease = self.leases.account_lease
        self._queries = QueryService(
            stream=stream,
            stream_id=stream_id,
            venue=venue,
            terminal=terminal,
            publisher=publisher,
            symbols=symbols,
            header=header,
            client_order_id=self._orders.client_order_id,
        )
        self._modifications = ModifyService(venue=venue, terminal=terminal, queries=self._queries, header=header)
        self._operator = OperatorCommands(
            venue=venue,
            terminal=terminal,
            journal=journal,
            orders=self._orders,
            symbols=symbols,
            header=header,
            is_live=publisher.is_live,
            venue_ns=self._time_ns,
        )
        self._handlers: dict[type, Callable[[Any, Now], Reply]] = {
            Ping: self._ping,
            Hello: self._hello,
            Buy: self._place,
            Sell: self._place,
            Close: self._close,
            Cancel: self._cancel,
            Modify: self._modify,
            OrderStatusQuery: self._order_status,
            Fence: self._fence,
            Confirm: self._confirm,
            Lease: self.leases.handle,
            Halt: self._operator.handle,
            Resume: self._operator.handle,
            Flatten: self._operator.handle,
            Simulate: self._simulate,
            **self._queries.handlers,
        }

    # -------------------------------------------------------------------------------------------- what the shell calls

    def start(self, now: Now) -> list[Tick]:  # noqa: ARG002 - the journal does not keep the time of a restart
        """Record in the journal that the gateway has restarted since the last renewal of the lease."""
        self.leases.record_restart()
        return []

    def handle(self, request: Request, now: Now) -> list[Reply]:
        """Answer a request with exactly one reply; in lock-step `now.domain_ns` is ignored."""
        self._run_due_timers(now)
        if request.needs_venue and (trouble := self._terminal.unavailable(now)) is not None:
            return [self._header.error(request.request_id, trouble.code, trouble.message)]
        reply = self._handlers[type(request)](request, now)
        return [self._addressed(reply, request.request_id) if isinstance(reply, OrderReply) else reply]

    def next_timer(self) -> int | None:
        """Monotonic time of the next tick, terminal timer or lapse of the lease; None if nothing is scheduled."""
        dues = (self.publisher.next_timer(), self._terminal.next_timer(), self.leases.next_timer())
        return min((due for due in dues if due is not None), default=None)

    def on_timer(self, now: Now) -> list[Tick]:
        """Run due timers and return the ticks to publish now; a live book is stepped to the last of these ticks."""
        self._run_due_timers(now)
        ticks = self.publisher.on_timer(now)
        if ticks and self.publisher.is_live:
            self.venue.step_to(ticks[-1].ordinal)
        return ticks

    on_idle = on_timer
    """Called when no request waits, because a CONFIRM may have made ticks due."""

    def _run_due_timers(self, now: Now) -> None:
        """Run the timers of lease, terminal and operator commands, and complete a call that has returned."""
        if self.publisher.is_live or not self.venue.quiet:
            self.leases.on_timer(now)
            self._terminal.on_timer(now)
            self._orders.on_timer(now, time_ns=self._time_ns(now))
            self._operator.on_timer(now)

    def refuse(self, error: MalformedMessageError, fields: Mapping[str, object] | None = None) -> Reply:
        """Answer a malformed request.

        Args:
            error: the decoder's error.
            fields: the readable fields, if any. An order with a readable, unknown id is rejected under that id. For a
                known id the reply is an ErrorReply, because the id keeps its stored reply.
        """
        fields = fields or {}
        given_id = fields.get("request_id")
        request_id = given_id if isinstance(given_id, str) and len(given_id) <= NAME_CHARS_MAX else ""
        order_id, action, symbol = fields.get("order_id"), fields.get("action"), fields.get("symbol")
        is_order = error.code in _FIELD_ERRORS and is_order_action(action) and _is_name(order_id)
        if is_order and not self._orders.is_known(str(order_id)):
            reply = self._orders.refuse_fields(
                order_id=str(order_id),
                symbol=str(symbol) if _is_name(symbol) else None,
                action=str(action),
                code=error.code,
                text=str(error),
                retcode=_FIELD_ERRORS[error.code],
            )
            return self._addressed(reply, request_id)
        return self._header.error(request_id, error.code, str(error))

    def instrument(self, symbol: str) -> Instrument | None:
        """Terms of a symbol by the desk's name, used to round numbers of requests; None if it is not traded."""
        name = self._symbols.to_broker(symbol)
        return None if name is None else self.venue.instrument(name)

    def storage_error(self, request: Request, text: str) -> Reply:
        """The error reply to a request during which a write to the disk failed; `text` describes the failure."""
        return self._header.error(request.request_id, ErrorCode.STORAGE, f"the gateway cannot write: {text}")

    def heartbeat(self, now: Now) -> MarketHeartbeat:
        """The heartbeat of the tick socket, with the last published sequence of each symbol."""
        published = self.publisher.published
        return MarketHeartbeat(
            self._publisher_name,
            self._header.boot_id,
            self._stream_id,
            published,
            self._stream.sequences_at(published),
            self._time_ns(now),
        )

    def domain_ns(self, mono_ns: int) -> int:
        """Venue time, UTC nanoseconds: the book's tick time; in a live stream, the market's clock at `mono_ns`."""
        market = self.publisher.market_time_ns(mono_ns)
        return self.venue.time_ns if market is None else max(market, self.venue.time_ns)

    def _addressed(self, reply: OrderReply, request_id: str) -> OrderReply:
        """A reply of `OrderService` as it is sent."""
        return structs.replace(reply, request_id=request_id, boot_id=self._header.boot_id)

    # ------------------------------------------------------------------------------------------------- stream and time

    def _time_ns(self, now: Now) -> int:
        """Venue time in UTC nanoseconds: in lock-step the time of the book's tick, in a live stream that of `now`."""
        return max(now.domain_ns, self.venue.time_ns) if self.publisher.is_live else self.venue.time_ns

    def _ping(self, request: Ping, now: Now) -> PingReply:
        return PingReply(**self._header.fields(request.request_id), now_ns=self._time_ns(now))

    def _hello(self, request: Hello, now: Now) -> HelloReply:
        return HelloReply(
            **self._header.fields(request.request_id),
            stream_id=self._stream_id,
            journal_id=self._journal.journal_id,
            now_ns=self._time_ns(now),
            window=self.publisher.window,
            published=self.publisher.published,
            confirmed=self.publisher.confirmed,
            sequences=self._stream.sequences_at(self.publisher.published),
            first_time_ns=self._stream.first_time_ns,
            currency=self.venue.currency,
            currency_digits=self.venue.currency_digits,
            data_sha256=self._stream.data_sha256,
            fills=self.venue.fills,
            account_mode=self.venue.account_mode,
            leverage=self.venue.leverage,
            epoch=self._lease.epoch,
            lease_now_ns=now.mono_ns,
            is_halted=bool(self._journal.halt_reason),
            known_ids=self._journal.known_ids(),
            deal_cursor=self._queries.deal_cursor(now),
        )

    def _confirm(self, request: Confirm, now: Now) -> Reply:
        ordinal = request.ordinal
        if request.stream_id != self._stream_id:
            text = f"CONFIRM of stream {request.stream_id}, but this gateway serves stream {self._stream_id}"
            return self._header.error(request.request_id, ErrorCode.UNKNOWN_STREAM, text)
        if not self.publisher.has_tick(ordinal):
            text = f"CONFIRM {ordinal}, expected at most {self._stream.last_ordinal}, the last tick"
            return self._header.error(request.request_id, ErrorCode.OUT_OF_STEP, text)
        self._advance(ordinal, now)
        is_end = ordinal == self._stream.last_ordinal
        return ConfirmReply(
            **self._header.fields(request.request_id),
            ordinal=ordinal,
            deal_cursor=self.venue.deal_cursor_at(ordinal + 1),
            order_cursor=self.venue.order_cursor_at(ordinal + 1),
            quiet=self.venue.quiet_from(ordinal + 1),
            end_of_data=is_end,
            counts=self._stream.counts if is_end else None,
        )

    def _advance(self, confirmed: int, now: Now) -> None:
        """In lock-step, confirm every tick up to `confirmed` and step the book to the next tick; else do nothing."""
        if self.publisher.is_live:
            return
        self.publisher.confirm(confirmed, now)
        self.venue.step_to(confirmed + 1)
        if confirmed == self._stream.last_ordinal:
            self.venue.checkpoint()

    # ---------------------------------------------------------------------------------------------------------- orders

    def _place(self, request: PlaceOrder, now: Now) -> Reply:
        answered = self._orders.existing_reply(request, now, time_ns=self._time_ns(now))
        if answered is not None:
            return answered
        if self._broker_name(request.symbol) is None:
            return self._orders.refuse_symbol(request)
        refused = self._step_for(request, now)
        return refused if refused is not None else self._call(request, now)

    def _call(self, request: PlaceOrder, now: Now) -> Reply:
        """Place an order whose id has had no effect yet; the book is at the order's tick."""
        if self.publisher.is_live and (refused := self._order_refusal(request, now)) is not None:
            return refused
        return self._orders.place(request, now, time_ns=self._time_ns(now))

    def _close(self, request: Close, now: Now) -> Reply:
        answered = self._orders.existing_close(request, now, time_ns=self._time_ns(now))
        if isinstance(answered, OrderReply):
            return answered
        if self._broker_name(request.symbol) is None:
            return self._orders.refuse_symbol(request)
        refused = self._step_for(request, now)
        if refused is not None:
            return refused
        order = answered if answered is not None else self._orders.close(request)
        return order if isinstance(order, OrderReply) else self._call(order, now)

    def _cancel(self, request: Cancel, now: Now) -> Reply:
        ended = self._orders.ended_reply(request.order_id, now, time_ns=self._time_ns(now))
        if ended is None:
            refused = self._step_for(request, now) or self._change_refusal(request, now)
            if refused is not None:
                return refused
            # The step to the request's tick may have ended the order.
            ended = self._orders.ended_reply(request.order_id, now, time_ns=self._time_ns(now))
        if ended is None:
            ended = self._orders.cancel(request.order_id, now, time_ns=self._time_ns(now))
        return ended

    def _modify(self, request: Modify, now: Now) -> Reply:
        symbol = self._broker_name(request.symbol)
        if symbol is None:
            text = f"unknown symbol {request.symbol}"
            return self._header.error(request.request_id, ErrorCode.UNKNOWN_SYMBOL, text)
        at_broker = with_broker_names(request, symbol, self.venue)
        known = self._modifications.existing_reply(at_broker, now, symbol=request.symbol)
        if known is not None:
            return known
        refused = self._step_for(request, now) or self._change_refusal(request, now)
        if refused is not None:
            return refused
        reply, is_waiting = self._modifications.modify(at_broker, now)
        if is_waiting:
            self._orders.mark_busy()
        return reply

    def _change_refusal(self, request: Cancel | Modify, now: Now) -> ErrorReply | None:
        """The refusal of a CANCEL or MODIFY because of the lease or a busy venue; None if it is allowed."""
        if not self.publisher.is_live:
            return None
        code = self._lease.refusal(request.epoch, opens=False, now=now)
        if code is not None:
            text = f"{_named(request)} of epoch {request.epoch}, but the highest leased epoch is {self._lease.epoch}"
            return self._header.error(request.request_id, code, text)
        return self._busy(request) if self._orders.is_busy else None

    def _broker_name(self, symbol: str) -> str | None:
        """The broker's name of a symbol; None if the broker does not trade it."""
        name = self._symbols.to_broker(symbol)
        return name if name is not None and self.venue.is_traded(name) else None

    def _busy(self, request: Request) -> ErrorReply:
        text = "another call to the venue is in progress"
        return self._header.error(request.request_id, ErrorCode.VENUE_BUSY, text)

    def _order_refusal(self, request: PlaceOrder, now: Now) -> Reply | None:
        """The refusal of an order because of the lease, a halt or a busy venue; None if the order is allowed."""
        opens = self._orders.adds_exposure(request)
        code = self._lease.refusal(request.epoch, opens=opens, now=now)
        if code is not None:
            text = f"no valid lease for order {request.order_id} of epoch {request.epoch}, highest: {self._lease.epoch}"
            return self._header.error(request.request_id, code, text)
        if opens and self._journal.halt_reason:
            text = f"halted: {self._journal.halt_reason}"
            return self._orders.reject_permanently(request, ErrorCode.HALTED, text)
        return self._busy(request) if self._orders.is_busy else None

    def _step_for(self, request: PlaceOrder | Close | Cancel | Modify, now: Now) -> ErrorReply | None:
        """Step the book to the tick of the request; returns the refusal if that is not possible."""
        ordinal = request.ordinal
        if ordinal and not self.publisher.has_tick(ordinal):
            text = f"{_named(request)} at tick {ordinal}, but the last tick is {self._stream.last_ordinal}"
            return self._header.error(request.request_id, ErrorCode.OUT_OF_STEP, text)
        if ordinal:
            self._advance(ordinal - 1, now)
        if ordinal and self.venue.ordinal != ordinal:
            text = f"{_named(request)} at tick {ordinal}, but the book is at tick {self.venue.ordinal}"
            return self._header.error(request.request_id, ErrorCode.OUT_OF_STEP, text)
        if self.venue.ordinal == 0:
            text = f"{_named(request)} before the first tick: no symbol has a quote yet"
            return self._header.error(request.request_id, ErrorCode.NO_QUOTE, text)
        return None

    def _order_status(self, request: OrderStatusQuery, now: Now) -> Reply:
        return self._orders.status(request.order_id, now, time_ns=self._time_ns(now))

    def _fence(self, request: Fence, now: Now) -> Reply:
        return self._orders.fence(request.order_id, now, time_ns=self._time_ns(now))

    # ---------------------------------------------------------------------------------------------------------- faults

    def _simulate(self, request: Simulate, now: Now) -> Reply:
        active = self._terminal.inject_fault(request, now)
        if active is None:
            return self._header.not_available(request)
        return SimulateReply(**self._header.fields(request.request_id), active=active)


def _named(request: PlaceOrder | Close | Cancel | Modify) -> str:
    """The order or position of a request, for error texts."""
    if isinstance(request, Modify) and not request.order_id:
        return f"position {request.position}" if request.position else f"the position in {request.symbol}"
    return f"order {request.order_id}"


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= NAME_CHARS_MAX
