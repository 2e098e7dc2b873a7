"""`ports.terminal.Terminal` for a real terminal: it reads snapshots periodically and makes single calls.

An order is never sent twice: the journal lets each order id pass once, and `send` calls `order_send` once. The
terminal's retcode is passed on unchanged. A refused order is kept in memory under its magic, because it may leave no
trace at the broker. One snapshot is read at a time; while a call is in progress, no new snapshot is requested.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from msgspec import structs

from common.errors import StartError
from marketdata.tick_stream import StreamTick
from proto.gateway import (
    ErrorCode,
    Modify,
    OrderReplyStatus,
    PlaceOrder,
    Simulate,
    VenueDeal,
    VenueOrder,
    VenuePosition,
)
from proto.time import MS_NS, Now
from proto.trading.enums import AccountMode
from services.mt5.core.gateway.modify_service import has_requested_prices
from services.mt5.core.ports import retcodes
from services.mt5.core.ports.book_records import BookOrder, Modification
from services.mt5.core.ports.magic import magic_of
from services.mt5.core.ports.retcodes import RetcodeOutcome
from services.mt5.core.ports.symbol_map import SymbolMap
from services.mt5.core.ports.terminal import CallInProgress, TradeResult, Unavailable
from services.mt5.terminal.account_mirror import AccountMirror, target_key
from services.mt5.terminal.call_results import call_result, rejected_order
from services.mt5.terminal.mt5_types import TradeRequest
from services.mt5.terminal.pending_calls import PendingCancel, PendingModification, PendingOrder
from services.mt5.terminal.server_clock import NoSuchTimeError
from services.mt5.terminal.store import TerminalStore
from services.mt5.terminal.terminal_account import TerminalAccount
from services.mt5.terminal.terminal_connection import TerminalSetup
from services.mt5.terminal.terminal_market import TerminalMarket
from services.mt5.terminal.terminal_snapshot import (
    OrderSendOutcome,
    SnapshotRequest,
    TerminalSnapshot,
    TickRequest,
    send_trade_request,
    take_snapshot,
)
from services.mt5.terminal.terminal_thread import TerminalWorker
from services.mt5.terminal.tick_reader import TickBatch, TickReader
from services.mt5.terminal.trade_requests import (
    LocalRejection,
    modify_order_request,
    order_request,
    remove_request,
    stops_request,
)

CHECK_NS: Final = 2 * MS_NS
"""Time between two checks whether a call has returned; short compared with the duration of a call."""

ACCOUNT_EVERY_NS: Final = 250 * MS_NS
SYMBOLS_EVERY_NS: Final = 60_000 * MS_NS
CANCEL_AGAIN_NS: Final = 2_000 * MS_NS
"""Shortest time between two attempts to cancel an order that could not be canceled."""

SILENCE_NS_MAX: Final = 10_000 * MS_NS
"""Age of the last snapshot with account rows above which the terminal counts as disconnected."""

_OPEN: Final = (OrderReplyStatus.ACCEPTED, OrderReplyStatus.PARTIALLY_FILLED)


class TerminalClient:
    """A terminal with one account. Symbols have the broker's names, except in `TerminalMarket`."""

    def __init__(
        self,
        caller: TerminalWorker,
        *,
        mirror: AccountMirror,
        market: TerminalMarket,
        broker: TerminalAccount,
        store: TerminalStore,
        readers: Mapping[str, TickReader],
        symbols: SymbolMap,
        setup: TerminalSetup,
        wall_ns: Callable[[int], int],
        is_ours: Callable[[int], bool],
        rejected: Callable[[str, int], None],
    ) -> None:
        """Use these parts, which `terminal_gateway` makes.

        `readers` are by the broker's names. `wall_ns` returns UTC by the host's clock for a monotonic time. `is_ours`
        is True for the magic of an order of this gateway. `rejected` is called with a reason and the number of tick
        rows rejected for it.
        """
        self._caller = caller
        self._mirror = mirror
        self._market = market
        self._broker = broker
        self._store = store
        self._readers = dict(readers)
        self._symbols = symbols
        self._clock = setup.clock
        self._account_policy = setup.account_policy
        self._connection = setup.connection
        self._poll_ns = setup.poll_ms * MS_NS
        self._wall_ns = wall_ns
        self._is_ours = is_ours
        self._rejected = rejected
        self._is_reading = False
        self._is_calling = False
        self._subject: PendingOrder | PendingCancel | PendingModification | None = None
        self._not_canceled: dict[int, tuple[TradeResult, int]] = {}
        self._called: OrderSendOutcome | None = None
        self._waiting_results: list[object] = []
        self._trouble: Unavailable | None = Unavailable(
            ErrorCode.VENUE_DISCONNECTED, "no snapshot of the terminal has been read yet"
        )
        self._seen_mono_ns = 0
        self._due_mono_ns = 0
        self._account_due_mono_ns = 0
        self._symbols_due_mono_ns = 0
        self._caught_up: set[str] = set()
        self._has_more = False
        self._unsaved: tuple[list[StreamTick], dict[str, TickBatch]] | None = None
        self._refused: dict[int, BookOrder] = {}

    # ------------------------------------------------------------------------------------------------------------ state

    def unavailable(self, now: Now) -> Unavailable | None:
        """Why the terminal cannot be used: no connection, a forbidden account, or no recent snapshot; else None."""
        if self._trouble is None and now.mono_ns - self._seen_mono_ns > SILENCE_NS_MAX:
            silent_s = (now.mono_ns - self._seen_mono_ns) // 1_000_000_000
            return Unavailable(ErrorCode.VENUE_DISCONNECTED, f"the terminal has not answered for {silent_s} s")
        return self._trouble

    def is_history_complete(self, now: Now) -> bool:  # noqa: ARG002 - of the port
        """Always False, because the broker's history may be late: an order that it lacks may have been executed."""
        return False

    def begin(self, shown: TerminalSnapshot, now: Now) -> None:
        """Process the first snapshot, which has the whole history; call it before any other method."""
        self._process_snapshot(shown, now)

    def on_timer(self, now: Now) -> None:
        """Process the results that have arrived, and request the next snapshot if it is due."""
        self._collect(now)
        if not self._is_reading and not self._is_calling and now.mono_ns >= self._due_mono_ns:
            self._is_reading = True
            wanted = self._next_snapshot(now)
            self._caller.post(lambda terminal: take_snapshot(terminal, wanted, connection=self._connection))
            self._collect(now)
        if self._is_reading or self._is_calling:
            self._due_mono_ns = now.mono_ns + CHECK_NS

    def inject_fault(self, command: Simulate, now: Now) -> dict[str, int] | None:  # noqa: ARG002 - of the port
        """None, because a real terminal cannot inject faults."""
        return None

    def next_timer(self) -> int | None:
        """Monotonic time of the next request for a snapshot, or of the next check of a call in progress."""
        return self._due_mono_ns

    # ------------------------------------------------------------------------------------------------------------ calls

    def send(self, request: PlaceOrder, symbol: str, now: Now) -> TradeResult | CallInProgress | None:
        """Send an order with one call of `order_send`; an invalid order is rejected without a call."""
        instrument = self._mirror.instrument(symbol)
        self._refused.pop(magic_of(request.order_id), None)
        made: TradeRequest | LocalRejection
        if instrument is None:
            text = f"{symbol} is not a symbol of this gateway, expected one of {', '.join(self._readers)}"
            made = LocalRejection(retcodes.INVALID, ErrorCode.UNKNOWN_SYMBOL, text)
        else:
            made = order_request(
                structs.replace(request, position=self._ticket_of(request.position)),
                symbol=symbol,
                instrument=instrument,
                quote=self._broker.quote(symbol),
                netted=self._netted(symbol),
                clock=self._clock,
            )
        if isinstance(made, LocalRejection):
            self._keep_refused(PendingOrder(request, symbol), made, now)
            return TradeResult(made.retcode, 0, 0)
        return self._begin(made, PendingOrder(request, symbol), now)

    def cancel(self, order: BookOrder, now: Now, *, why: str) -> TradeResult | CallInProgress | None:  # noqa: ARG002
        """Cancel a resting order; `why` is not sent. A repeat within `CANCEL_AGAIN_NS` returns the stored refusal."""
        ticket = order.order.ticket
        refused, at_mono_ns = self._not_canceled.get(ticket, (None, 0))
        if refused is not None and now.mono_ns < at_mono_ns + CANCEL_AGAIN_NS:
            return refused
        return self._begin(remove_request(ticket), PendingCancel(ticket), now)

    def modify(self, request: Modify, now: Now) -> TradeResult | CallInProgress | None:
        """Modify a resting order or a position; the request has the broker's symbol."""
        target = self._target(request, now)
        if target is None:
            code = ErrorCode.UNKNOWN_ORDER if request.order_id else ErrorCode.UNKNOWN_POSITION
            return TradeResult(retcodes.POSITION_CLOSED, 0, 0, code, "no such order or position")
        if isinstance(target, VenueOrder):
            if target.status not in _OPEN or target.price is None:
                text = f"order {request.order_id} is not resting: {target.status}"
                return TradeResult(retcodes.INVALID_ORDER, target.ticket, 0, ErrorCode.ORDER_ENDED, text)
            name = target_key("order", target.ticket)
            made = modify_order_request(request, order=target, price=target.price, clock=self._clock)
        else:
            name = self._mirror.position_target_key(target.ticket)
            made = stops_request(request, position=self._ticket_of(target.ticket), symbol=target.symbol)
        if isinstance(made, LocalRejection):
            sent = TradeResult(made.retcode, 0, 0, made.code, made.message)
            self._mirror.record_modification(name, request.revision, self._outcome(request, name, sent, now))
            return sent
        is_again = self._mirror.last_modification(name) == (request.revision, None)
        self._mirror.record_modification(name, request.revision, None)
        return self._begin(made, PendingModification(request, name, is_again=is_again), now)

    def previous_modification(self, request: Modify, now: Now) -> Modification | None:
        """The stored outcome of a modification of this revision, or the refusal of a lower revision.

        None for a new revision, and for one with an unknown outcome. A modification with an unknown outcome may be sent
        again, because it sets absolute prices and no later modification was made.
        """
        target = self._target(request, now)
        if not request.revision or target is None:
            return None
        is_order = isinstance(target, VenueOrder)
        name = target_key("order", target.ticket) if is_order else self._mirror.position_target_key(target.ticket)
        revision, outcome = self._mirror.last_modification(name)
        if request.revision < revision:
            text = f"revision {request.revision} of {name}, expected more than {revision}"
            return self._outcome(request, name, TradeResult(retcodes.REJECT, 0, 0, ErrorCode.STALE_REVISION, text), now)
        return outcome if request.revision == revision else None

    def resting(self, now: Now) -> Sequence[BookOrder]:  # noqa: ARG002 - of the port
        """Open orders of this gateway in the last snapshot, without foreign orders."""
        return [order for order in self._mirror.resting() if order.magic and self._is_ours(order.magic)]

    def poll(self, now: Now) -> TradeResult | CallInProgress | None:
        """The result of the call in progress; `CallInProgress` until it has returned."""
        assert self._is_calling, f"no call is in progress at {now}"
        self._collect(now)
        if self._called is None:
            return CallInProgress(now.mono_ns + CHECK_NS)
        called, subject = self._called, self._subject
        self._called, self._subject, self._is_calling = None, None, False
        sent = call_result(called)
        if isinstance(subject, PendingModification) and self._was_done_before(subject, sent, now):
            sent = TradeResult(retcodes.DONE, 0, 0)
        if sent is not None and retcodes.outcome_of(sent.retcode) is RetcodeOutcome.NOT_DONE:
            assert sent.error_code is not None, sent
            if isinstance(subject, PendingOrder):
                self._keep_refused(subject, LocalRejection(sent.retcode, sent.error_code, sent.message), now)
            elif isinstance(subject, PendingCancel):
                self._not_canceled[subject.ticket] = (sent, now.mono_ns)
        is_clear = sent is not None and retcodes.outcome_of(sent.retcode) is not RetcodeOutcome.IN_DOUBT
        if sent is not None and is_clear and isinstance(subject, PendingModification):
            outcome = self._outcome(subject.request, subject.target, sent, now)
            self._mirror.record_modification(subject.target, subject.request.revision, outcome)
        return sent

    def _was_done_before(self, subject: PendingModification, sent: TradeResult | None, now: Now) -> bool:
        """Whether a repeat got NO_CHANGES because the first call, whose answer was lost, had succeeded."""
        if not subject.is_again or sent is None or sent.retcode != retcodes.NO_CHANGES:
            return False
        target = self._target(subject.request, now)
        return target is not None and has_requested_prices(target, subject.request)

    def _netted(self, symbol: str) -> VenuePosition | None:
        """The position of a netting account in a symbol; None on a hedging account or without a position."""
        if self._broker.account_mode is AccountMode.HEDGING:
            return None
        return next((held for held in self._mirror.positions if held.symbol == symbol), None)

    def _ticket_of(self, position: int) -> int:
        """The current ticket of a position, from its identifier; calls need the ticket.

        An unknown identifier is returned unchanged.
        """
        row = self._mirror.position_row(position)
        return position if row is None else row.ticket

    def _target(self, request: Modify, now: Now) -> VenueOrder | VenuePosition | None:
        """The order or position of a modification, as the terminal shows it; None if it shows none."""
        if request.order_id:
            found = self.find(magic_of(request.order_id), now)
            return None if found is None else found.order
        if request.position:
            held = [row for row in self._mirror.positions if row.ticket == request.position]
        else:
            held = [row for row in self._mirror.positions if row.symbol == request.symbol]
        return held[0] if len(held) == 1 else None

    def _outcome(self, request: Modify, target: str, sent: TradeResult, now: Now) -> Modification:
        shown = self._target(request, now)
        return Modification(
            target=target,
            symbol=request.symbol,
            revision=request.revision,
            ordinal=self._broker.ordinal,
            retcode=sent.retcode,
            error_code=sent.error_code,
            reason=sent.message,
            deal_cursor=self._mirror.deal_count,
            quiet=False,
            order=shown if isinstance(shown, VenueOrder) else None,
            position=shown if isinstance(shown, VenuePosition) else None,
        )

    def _begin(
        self, made: TradeRequest, subject: PendingOrder | PendingCancel | PendingModification, now: Now
    ) -> TradeResult | CallInProgress | None:
        assert not self._is_calling, "one call at a time"
        self._is_calling = True
        self._subject = subject
        wanted = SnapshotRequest(history_s=self._mirror.history_s)
        account_policy, connection = self._account_policy, self._connection
        self._caller.post(
            lambda terminal: send_trade_request(
                terminal, made, wanted, account_policy=account_policy, connection=connection
            )
        )
        self._due_mono_ns = now.mono_ns + CHECK_NS
        return self.poll(now)

    def _keep_refused(self, placing: PendingOrder, refusal: LocalRejection, now: Now) -> None:
        """Keep a refused order, so that `find` returns it although the terminal does not show it."""
        refused = rejected_order(
            placing.request,
            placing.symbol,
            refusal,
            time_ns=now.domain_ns,
            ordinal=self._broker.ordinal,
            deal_cursor=self._mirror.deal_count,
        )
        self._refused[refused.magic] = refused

    # -------------------------------------------------------------------------------------------------- account history

    def find(self, magic: int, now: Now) -> BookOrder | None:  # noqa: ARG002 - of the port
        """The order that the terminal shows under a `magic`, or else one that was refused since the gateway started."""
        return self._mirror.find(magic) or self._refused.get(magic)

    def orders_after(self, ticket: int, limit: int, now: Now) -> Sequence[BookOrder]:  # noqa: ARG002 - of the port
        """At most `limit` shown orders with tickets above `ticket`, by ticket."""
        return self._mirror.orders_after(ticket, limit)

    def deals_after(self, deal: int, limit: int, now: Now) -> Sequence[VenueDeal]:  # noqa: ARG002 - of the port
        """At most `limit` shown deals with numbers above `deal`, by number."""
        return self._mirror.deals_after(deal, limit)

    def deal_cursor(self, now: Now) -> int:  # noqa: ARG002 - of the port
        """The number of the newest deal shown; 0 before the first."""
        return self._mirror.deal_count

    # -------------------------------------------------------------------------------------------------------- snapshots

    def _next_snapshot(self, now: Now) -> SnapshotRequest:
        asks = tuple(TickRequest(symbol, reader.from_s, reader.count) for symbol, reader in self._readers.items())
        history_s = None
        if now.mono_ns >= self._account_due_mono_ns:
            self._account_due_mono_ns = now.mono_ns + ACCOUNT_EVERY_NS
            history_s = self._mirror.history_s
        symbols: tuple[str, ...] = ()
        if now.mono_ns >= self._symbols_due_mono_ns:
            self._symbols_due_mono_ns = now.mono_ns + SYMBOLS_EVERY_NS
            symbols = tuple(self._readers)
        return SnapshotRequest(asks, symbols, history_s)

    def _collect(self, now: Now) -> None:
        """Process the arrived results in order, after results whose ticks could not be stored before."""
        self._save_ticks()
        self._waiting_results += self._caller.take_results()
        while self._waiting_results:
            result = self._waiting_results[0]
            shown = result.snapshot if isinstance(result, OrderSendOutcome) else result
            assert isinstance(shown, TerminalSnapshot), shown
            self._process_snapshot(shown, now)
            del self._waiting_results[0]
            if isinstance(result, OrderSendOutcome):
                self._called = result
            else:
                self._is_reading = False
                self._due_mono_ns = now.mono_ns + (0 if self._has_more else self._poll_ns)

    def _process_snapshot(self, shown: TerminalSnapshot, now: Now) -> None:
        self._trouble = self._trouble_of(shown)
        if self._trouble is not None or now.mono_ns - self._seen_mono_ns > SILENCE_NS_MAX:
            # Ticks after an interruption may be old, so they cannot be compared with the host's clock.
            self._caught_up.clear()
        if self._trouble is not None:
            return
        assert shown.account is not None, shown
        self._mirror.update_instruments(shown.symbols, shown.account.currency)
        self._process_ticks(shown, now)
        if shown.rows is not None:
            try:
                self._mirror.update(shown.rows, ordinal=self._market.newest_ordinal)
            except NoSuchTimeError as error:
                raise StartError(f"MT5_SERVER_ZONE: {error}; expected the zone of the broker's server") from None
            self._seen_mono_ns = now.mono_ns

    def _trouble_of(self, shown: TerminalSnapshot) -> Unavailable | None:
        number, text = shown.error
        if shown.terminal is None or shown.account is None:
            return Unavailable(ErrorCode.VENUE_DISCONNECTED, f"the terminal does not answer: {text} ({number})")
        if not shown.terminal.connected:
            return Unavailable(ErrorCode.VENUE_DISCONNECTED, "the terminal has no connection to its broker")
        return self._account_policy.violation(shown.account)

    def _process_ticks(self, shown: TerminalSnapshot, now: Now) -> None:
        batches: dict[str, TickBatch] = {}
        self._has_more = False
        for symbol, rows in shown.ticks.items():
            batch = self._readers[symbol].read(rows, wall_ns=self._wall_ns(now.mono_ns))
            batches[self._symbols.to_desk(symbol)] = batch
            self._has_more |= batch.is_full
            if batch.newest_msc and symbol in self._caught_up:
                # The tick arrived since the last snapshot, so its time is close to the server's clock.
                problem = self._clock.problem(batch.newest_msc, self._wall_ns(now.mono_ns))
                if problem is not None:
                    raise StartError(problem)
            if not batch.is_full:
                self._caught_up.add(symbol)
        if any(batch.read for batch in batches.values()):
            self._unsaved = (self._market.number_ticks(batches), batches)
            self._save_ticks()

    def _save_ticks(self) -> None:
        """Store the new ticks, then add them to the market, so that they are published."""
        if self._unsaved is None:
            return
        ticks, batches = self._unsaved
        self._store.add_ticks(ticks, {symbol: batch.cursor for symbol, batch in batches.items() if batch.read})
        self._unsaved = None
        self._market.add(ticks, batches)
        for batch in batches.values():
            for reason, count in batch.rejected.items():
                self._rejected(reason, count)
