"""One request in, one reply out: everything that the gateway says on its request socket.

It joins the order desk, the simulated venue and the publisher, and speaks the desk's names of symbols. Whatever does not
stand in the journal, the book or the stream is not known here, so a restart forgets nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec import structs

from proto.codec import MalformedMessageError
from proto.gateway import (
    AccountReply,
    Buy,
    Confirm,
    ConfirmReply,
    DealsReply,
    ErrorCode,
    ErrorReply,
    Fence,
    Flatten,
    GetAccount,
    GetDeals,
    GetOrders,
    GetPositions,
    GetSymbolInfo,
    GetTicks,
    Halt,
    Hello,
    HelloReply,
    Lease,
    OrderReply,
    OrdersReply,
    OrderStatusQuery,
    Ping,
    PingReply,
    PlaceOrder,
    PositionsReply,
    Reply,
    Request,
    Resume,
    Sell,
    Simulate,
    SymbolReply,
    TicksReply,
)
from proto.messages import MarketHeartbeat, Tick
from proto.time import Now
from services.mt5.core.instruments import catalogue
from services.mt5.core.journal import Journal
from services.mt5.core.orders import Identity, OrderDesk, is_order_action
from services.mt5.core.publisher import Publisher
from services.mt5.core.stream import MarketSource
from services.mt5.core.symbol_map import SymbolMap
from services.mt5.core.venue import RETCODE_INVALID, RETCODE_INVALID_VOLUME, SimulatedVenue

OK: Final = "OK"
FILLS: Final = "ideal"
NAME_CHARS_MAX: Final = 64

_FIELD_ERRORS: Final = {
    ErrorCode.MISSING_FIELD: RETCODE_INVALID,
    ErrorCode.UNKNOWN_FIELD: RETCODE_INVALID,
    ErrorCode.INVALID_FIELD: RETCODE_INVALID,
    ErrorCode.INVALID_VOLUME: RETCODE_INVALID_VOLUME,
}
"""What can be wrong with a request that is an order all the same, and MetaTrader's word for it."""


class Gateway:
    """The gateway in front of the simulated venue, without its sockets."""

    def __init__(
        self,
        *,
        stream: MarketSource,
        stream_id: str,
        venue: SimulatedVenue,
        journal: Journal,
        publisher: Publisher,
        symbols: SymbolMap,
        identity: Identity,
        publisher_name: str,
    ) -> None:
        """Put the parts together; `core.compose.simulated_gateway` makes them."""
        self.venue = venue
        self.publisher = publisher
        self._stream = stream
        self._stream_id = stream_id
        self._journal = journal
        self._symbols = symbols
        self._identity = identity
        self._publisher_name = publisher_name
        self._orders = OrderDesk(venue=venue, journal=journal, symbols=symbols, identity=identity)
        self._handlers: dict[type, Callable[[Any, Now], Reply]] = {
            Ping: self._ping,
            Hello: self._hello,
            Buy: self._place,
            Sell: self._place,
            OrderStatusQuery: self._order_status,
            Fence: self._fence,
            Confirm: self._confirm,
            Lease: self._not_available,
            Halt: self._not_available,
            Resume: self._not_available,
            Flatten: self._not_available,
            Simulate: self._not_available,
            GetAccount: self._get_account,
            GetPositions: self._get_positions,
            GetOrders: self._get_orders,
            GetDeals: self._get_deals,
            GetSymbolInfo: self._get_symbol_info,
            GetTicks: self._get_ticks,
        }

    # -------------------------------------------------------------------------------------------- what the shell calls

    def handle(self, request: Request, now: Now) -> Reply:
        """Answer a request. `now` counts for timers and, in a live market, as the venue's time."""
        return self._handlers[type(request)](request, now)

    def refuse(self, error: MalformedMessageError, fields: Mapping[str, object] | None = None) -> Reply:
        """Answer bytes that are no request.

        Args:
            error: what the decoder said.
            fields: the map that could be read all the same, if any. An order that names itself is rejected by its id,
                unless that id is known already and this can only be somebody else's mistake.
        """
        fields = fields or {}
        said_id = fields.get("request_id")
        request_id = said_id if isinstance(said_id, str) and len(said_id) <= NAME_CHARS_MAX else ""
        order_id, action, symbol = fields.get("order_id"), fields.get("action"), fields.get("symbol")
        is_order = error.code in _FIELD_ERRORS and is_order_action(action) and _is_name(order_id)
        if is_order and not self._orders.knows(str(order_id)):
            reply = self._orders.refuse_fields(
                order_id=str(order_id),
                symbol=str(symbol) if _is_name(symbol) else None,
                action=str(action),
                code=error.code,
                words=str(error),
                retcode=_FIELD_ERRORS[error.code],
            )
            return structs.replace(reply, request_id=request_id)
        return self._error(request_id, error.code, str(error))

    def due(self, now: Now) -> list[Tick]:
        """Ticks to publish now; ask again until there are none. A live book steps with them."""
        ticks = self.publisher.due(now)
        if ticks and self.publisher.is_live:
            self.venue.step_to(ticks[-1].ordinal)
        return ticks

    def next_due(self) -> int | None:
        """Monotonic time at which `due` will have something, None when only a request can change that."""
        return self.publisher.next_due()

    def heartbeat(self, now: Now) -> MarketHeartbeat:
        """What goes out on the tick socket when nothing else does."""
        published = self.publisher.published
        return MarketHeartbeat(
            self._publisher_name,
            self._identity.boot_id,
            self._stream_id,
            published,
            self._stream.sequences_at(published),
            self._time_ns(now),
        )

    def domain_ns(self, mono_ns: int) -> int:
        """Venue time: that of the book's tick, or what the clock of a live market shows."""
        market = self.publisher.market_time_ns(mono_ns)
        return self.venue.time_ns if market is None else max(market, self.venue.time_ns)

    # ------------------------------------------------------------------------------------------------- stream and time

    def _time_ns(self, now: Now) -> int:
        """A replay's time is that of the book's tick, whatever the caller's clock says."""
        return max(now.domain_ns, self.venue.time_ns) if self.publisher.is_live else self.venue.time_ns

    def _ping(self, request: Ping, now: Now) -> PingReply:
        return PingReply(**self._said(request.request_id), now_ns=self._time_ns(now))

    def _hello(self, request: Hello, now: Now) -> HelloReply:
        return HelloReply(
            **self._said(request.request_id),
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
            fills=FILLS,
        )

    def _confirm(self, request: Confirm, now: Now) -> Reply:
        ordinal = request.ordinal
        if request.stream_id != self._stream_id:
            words = f"stream {request.stream_id} is not the one that runs here, which is {self._stream_id}"
            return self._error(request.request_id, ErrorCode.UNKNOWN_STREAM, words)
        if not self.publisher.knows(ordinal):
            words = f"CONFIRM {ordinal}, expected at most {self._stream.last_ordinal}, the last tick"
            return self._error(request.request_id, ErrorCode.OUT_OF_STEP, words)
        self._advance(ordinal, now)
        is_end = ordinal == self._stream.last_ordinal
        identity = self._identity
        return ConfirmReply(
            status=OK,
            request_id=request.request_id,
            mode="simulated",
            venue=identity.venue,
            account=identity.account,
            boot_id=identity.boot_id,
            ordinal=ordinal,
            deal_cursor=self.venue.deals_before_commands_at(ordinal + 1),
            quiet=self.venue.quiet,
            end_of_data=is_end,
            counts=self._stream.counts if is_end else None,
        )

    def _advance(self, confirmed: int, now: Now) -> None:
        """Everything up to `confirmed` is done with: the book of a stepped stream stands at the tick after it."""
        if self.publisher.is_live:
            return
        self.publisher.confirm(confirmed, now)
        self.venue.step_to(confirmed + 1)
        if confirmed == self._stream.last_ordinal:
            self.venue.checkpoint()

    # ---------------------------------------------------------------------------------------------------------- orders

    def _place(self, request: PlaceOrder, now: Now) -> Reply:
        answered = self._orders.answered(request)
        if answered is not None:
            return _to(request.request_id, answered)
        symbol = self._symbols.to_broker(request.symbol)
        if symbol is None or catalogue(symbol) is None:
            return _to(request.request_id, self._orders.refuse_symbol(request))
        refused = self._step_for(request, now)
        if refused is not None:
            return refused
        return _to(request.request_id, self._orders.place(request, time_ns=self._time_ns(now)))

    def _step_for(self, request: PlaceOrder, now: Now) -> ErrorReply | None:
        """Bring the book to the tick that the order belongs to, or say why that cannot be."""
        ordinal = request.ordinal
        if ordinal and not self.publisher.knows(ordinal):
            words = f"order {request.order_id} at tick {ordinal}, but the last is {self._stream.last_ordinal}"
            return self._error(request.request_id, ErrorCode.OUT_OF_STEP, words)
        if ordinal:
            self._advance(ordinal - 1, now)
        if ordinal and self.venue.ordinal != ordinal:
            words = f"order {request.order_id} at tick {ordinal}, but the book stands at {self.venue.ordinal}"
            return self._error(request.request_id, ErrorCode.OUT_OF_STEP, words)
        if self.venue.ordinal == 0:
            words = f"order {request.order_id} before the first tick: {request.symbol} has no quote yet"
            return self._error(request.request_id, ErrorCode.NO_QUOTE, words)
        return None

    def _order_status(self, request: OrderStatusQuery, now: Now) -> Reply:  # noqa: ARG002 - handlers are called alike
        return _to(request.request_id, self._orders.status(request.order_id))

    def _fence(self, request: Fence, now: Now) -> Reply:  # noqa: ARG002 - handlers are called alike
        return _to(request.request_id, self._orders.fence(request.order_id))

    # --------------------------------------------------------------------------------------------------------- queries

    def _not_available(self, request: Request, now: Now) -> ErrorReply:  # noqa: ARG002 - handlers are called alike
        words = f"{request.__struct_config__.tag} is not to be had from this gateway"
        return self._error(request.request_id, ErrorCode.NOT_AVAILABLE, words)

    def _get_account(self, request: GetAccount, now: Now) -> AccountReply:  # noqa: ARG002 - handlers are called alike
        return AccountReply(
            **self._said(request.request_id),
            currency=self.venue.currency,
            currency_digits=self.venue.currency_digits,
            balance=self.venue.balance,
            equity=self.venue.equity,
            deal_cursor=self.venue.deal_count,
            ordinal=self.venue.ordinal,
        )

    def _get_positions(self, request: GetPositions, now: Now) -> PositionsReply:  # noqa: ARG002 - handlers are called alike
        rest = [position for position in self.venue.positions() if position.ticket > request.after]
        page = [self._renamed(position) for position in rest[: request.limit]]
        following = page[-1].ticket if len(rest) > len(page) else None
        return PositionsReply(**self._said(request.request_id), positions=page, next=following)

    def _get_orders(self, request: GetOrders, now: Now) -> OrdersReply:  # noqa: ARG002 - handlers are called alike
        rows = self.venue.orders_after(request.after, request.limit + 1)
        page = [self._renamed(order) for order in rows[: request.limit]]
        following = page[-1].ticket if len(rows) > len(page) else None
        return OrdersReply(**self._said(request.request_id), orders=page, next=following)

    def _get_deals(self, request: GetDeals, now: Now) -> DealsReply:  # noqa: ARG002 - handlers are called alike
        rows = self.venue.deals_after(request.after, request.limit + 1)
        page = [self._renamed(deal) for deal in rows[: request.limit]]
        following = page[-1].deal if len(rows) > len(page) else None
        return DealsReply(**self._said(request.request_id), deals=page, next=following)

    def _get_symbol_info(self, request: GetSymbolInfo, now: Now) -> Reply:  # noqa: ARG002 - handlers are called alike
        symbol = self._symbols.to_broker(request.symbol)
        instrument = None if symbol is None else catalogue(symbol)
        if instrument is None:
            return self._error(request.request_id, ErrorCode.UNKNOWN_SYMBOL, f"unknown symbol {request.symbol}")
        return SymbolReply(
            **self._said(request.request_id), instrument=structs.replace(instrument, symbol=request.symbol)
        )

    def _get_ticks(self, request: GetTicks, now: Now) -> Reply:  # noqa: ARG002 - handlers are called alike
        if request.symbol not in self._stream.symbols:
            words = f"no ticks of {request.symbol} here, expected one of {', '.join(self._stream.symbols)}"
            return self._error(request.request_id, ErrorCode.UNKNOWN_SYMBOL, words)
        columns = self._stream.ticks(
            request.symbol,
            from_sequence=request.from_sequence,
            limit=request.limit,
            published=self.publisher.published,
        )
        return TicksReply(
            **self._said(request.request_id),
            symbol=request.symbol,
            stream_id=self._stream_id,
            **columns._asdict(),
        )

    def _renamed(self, row: Any) -> Any:
        """A row of the book with the desk's name of its symbol."""
        name = self._symbols.to_desk(row.symbol)
        return row if name == row.symbol else structs.replace(row, symbol=name)

    def _said(self, request_id: str) -> dict[str, Any]:
        return {
            "status": OK,
            "request_id": request_id,
            "mode": "simulated",
            "venue": self._identity.venue,
            "account": self._identity.account,
            "boot_id": self._identity.boot_id,
        }

    def _error(self, request_id: str, code: ErrorCode, words: str) -> ErrorReply:
        said = {**self._said(request_id), "status": "ERROR"}
        return ErrorReply(**said, error=words[:512], error_code=code)


def _to(request_id: str, reply: OrderReply) -> OrderReply:
    return structs.replace(reply, request_id=request_id) if request_id else reply


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= NAME_CHARS_MAX
