"""What the portfolio's parts share: the account, the cursor, where the desk stands, and the events not yet durable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from proto.control import REASON_CHARS_MAX, DeskState, StateCause, TradingState
from proto.messages import Signal
from proto.time import Now
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import DealBooked, Event, ForeignOrdersFound, TradingStateChanged
from services.portfolio.core.account.foreign_orders import describe_foreign_orders
from services.portfolio.core.account.market_feed import MarketFeed
from services.portfolio.core.account.state_causes import add_cause, causes_of, describe_causes
from services.portfolio.core.account.tick_cursor import TickCursor
from services.portfolio.core.accounting.invariants import find_violation
from services.portfolio.core.accounting.modifications import ModificationCounts
from services.portfolio.core.accounting.round_trips import RoundTripTracker
from services.portfolio.core.risk.state_updates import update_from_event
from services.portfolio.core.state.closed_markets import ClosedMarkets
from services.portfolio.core.state.conditions import ActiveConditions
from services.portfolio.core.state.config import DeskConfig
from services.portfolio.core.state.latency_histogram import LatencyHistogram
from services.portfolio.core.state.symbol_outcomes import SymbolOutcomes
from services.portfolio.core.state.watchdog_contact import WatchdogContact

_SEVERITY: Final = {TradingState.ACTIVE: 0, TradingState.REDUCE_ONLY: 1, TradingState.HALTED: 2}


class Desk:
    """The desk's state in memory; every change of the account goes through `emit`."""

    def __init__(
        self,
        *,
        config: DeskConfig,
        book: Book,
        cursor: TickCursor,
        live_incarnation: str,
        incarnation_reason: str = "",
        boot_id: str = "",
    ) -> None:
        """Go on from a book and a cursor, empty ones for a new account.

        `live_incarnation` starts the order ids of a stream that runs by itself; a stepped stream derives its own.
        `incarnation_reason` says why it may be another one than before. `boot_id` tells this process from every other at the
        gateway's lease.
        """
        self.config = config
        self.book = book
        self.round_trip_tracker = RoundTripTracker(book)
        """The round trips so far; whoever asks makes it go on."""
        self.cursor = cursor
        self.modifications = ModificationCounts()
        """Counts since the start of the process; earlier ones are in the ledger's events."""
        self.live_incarnation = live_incarnation
        self.incarnation_reason = incarnation_reason
        self.boot_id = boot_id
        self.state = DeskState.CONNECTING
        self.waiting_for = "the gateway"
        self.running_since_mono_ns = 0
        self.gateway_silence_ns: Callable[[int], int] = lambda _mono_ns: 0
        """For how long the gateway has left questions unanswered at a monotonic time; 0 while none is open."""
        self.window = 0
        self.is_quiet = False
        self.now = Now(0, 0)
        self.market = MarketFeed()
        self.last_signals: dict[str, Signal] = {}
        self.is_dirty = False
        self.duplicates = 0
        self.malformed = 0
        self.tick_to_signal = LatencyHistogram()
        self.signal_to_order = LatencyHistogram()
        self.tick_to_order = LatencyHistogram()
        self.order_to_fill = LatencyHistogram()
        self.tick_to_fill = LatencyHistogram()
        self.ticks_ordered_mono_ns: list[int] = []
        """When the ticks were published whose orders go out with this turn; the shell knows when that is."""
        self.signals_ordered_mono_ns: list[int] = []
        """When the signals were sent whose orders go out with this turn."""
        self.ticks_filled_mono_ns: list[int] = []
        """When the ticks were published whose deals are durable with this turn."""
        self.storage_problem = ""
        """Why nothing can be made durable at present; empty while the ledger can be written."""
        self.conditions = ActiveConditions()
        """What holds at present, beside what the ledger keeps and what `queries/conditions.py` derives."""
        self.outcomes = SymbolOutcomes(self.conditions)
        self.watchdog = WatchdogContact()
        self.closed_markets = ClosedMarkets()
        self.instrument_change_count = 0
        self.epoch = 0
        """Of this process, in the orders it sends; 0 before it has one, and at a gateway that leases nothing."""
        self.lease_seen_ns = 0
        """What the gateway's clock showed last; the next renewal repeats it."""
        self.is_superseded = False
        """Another portfolio leads the account."""
        self.has_lease = False
        """The gateway has granted this process the lease since it was met."""
        self.lease_until_mono_ns = 0
        """Until when the last grant lasts, or before one until when it is waited for."""
        self.lease_refusal = ""
        """Why LEASE was refused last; empty since it was granted."""
        self.lease_problem = ""
        """Why nothing may be opened for want of the lease; empty while it is in force."""
        self.lapsed_refusals = 0
        """Orders in a row that were refused for want of the lease while it was granted."""
        self.needs_epoch = False
        """Another portfolio led, and a person wants this one to lead again."""
        self.unproven_symbols: set[str] = set()
        """Symbols of orders that were presumed to have expired, until a comparison with the venue is complete."""
        self.deal_pulls = 0
        """How often the venue's deals were pulled to their end."""
        self.ledger_fault = ""
        """What is broken in the ledger itself, which no word of a person mends."""
        self.venue_fault = ""
        """Why the venue's book is not the one that the ledger was made with, which no word of a person mends."""
        self.are_ids_checked = False
        """The gateway knows no order id of the desk's that this ledger does not, or another incarnation was taken."""
        self.is_stopping = False
        """The process is told to stop: no signal is decided any more."""
        self.needs_hello = False
        self.needs_deals = False
        self.refetch_deals_after: int | None = None
        """The number of a deal before those that a comparison found to be missing."""
        self.orders_to_wake: set[str] = set()
        """Ids of orders of which a person wants something, whose task is not to wait any longer."""
        self.foreign_tickets: list[int] = []
        """The venue's numbers of orders that are not the desk's, as the last comparison found them."""
        self.published_mono_ns: dict[str, int] = {}
        """When the tick of a live order was published, until its deal is booked."""
        self._events: list[Event] = []

    @property
    def state_causes(self) -> list[StateCause]:
        """What keeps the trading state from ACTIVE."""
        return [] if self.book.trading is None else causes_of(self.book.trading)

    @property
    def is_live(self) -> bool:
        """Whether the stream is known and runs by itself."""
        return self.window == 0 and bool(self.cursor.stream_id)

    def domain_ns(self, mono_ns: int) -> int:
        """The venue's time: live by its clock, stepped that of the last tick decided."""
        return max(self.market.time_ns(mono_ns), self.cursor.time_ns) if self.is_live else self.cursor.time_ns

    def emit(self, event: Event) -> None:
        """Fold an event into the book and the ladder's memory, and keep it for the ledger."""
        self.book.apply(event)
        update_from_event(self.cursor.risk, event, self.config.limits)
        self.modifications.add(event)
        self.closed_markets.on_event(event, self.book, self.domain_ns(self.now.mono_ns))
        self._events.append(event)
        self.is_dirty = True
        if isinstance(event, DealBooked) and (fault := find_violation(self.book, *_touched_by(event))):
            self.restrict_trading(TradingState.HALTED, "LEDGER_INVARIANT", fault, by="invariants")

    def take_events(self) -> list[Event]:
        """The events since the last call, already folded into the book, for the ledger to keep."""
        events, self._events = self._events, []
        self.is_dirty = False
        return events

    def resume_trading(self, reason: str, *, by: str, acknowledged: list[int] | None = None) -> None:
        """Let the desk trade again, durably; what had stopped it is over."""
        self._set_trading_state(TradingState.ACTIVE, reason, by=by, acknowledged=acknowledged)

    def set_trading_state(self, state: TradingState, code: str, text: str, *, by: str, flatten: bool = False) -> None:
        """Change to a state other than ACTIVE, durably; causes that held before still do.

        `code` is a row of `CONDITION_KINDS`.
        """
        causes = add_cause(self.state_causes, StateCause(code, by, text[:REASON_CHARS_MAX], state))
        self._set_trading_state(state, describe_causes(causes), by=by, causes=causes, flatten=flatten)

    def restrict_trading(self, state: TradingState, code: str, text: str, *, by: str) -> None:
        """The desk itself found a cause to do less; it never takes back what a person or a graver cause has stopped."""
        present = self.book.trading
        if _SEVERITY[state] > _SEVERITY[self.book.trading_state]:
            self.set_trading_state(state, code, text, by=by)
        elif present is not None and not any(
            cause.code == code and _SEVERITY[cause.state] >= _SEVERITY[state] for cause in self.state_causes
        ):
            # The person who resumes trading has to see this cause as well.
            causes = add_cause(self.state_causes, StateCause(code, by, text[:REASON_CHARS_MAX], state))
            self._set_trading_state(
                present.state, describe_causes(causes), by=present.by, causes=causes, flatten=present.flatten
            )

    def _set_trading_state(
        self,
        state: TradingState,
        reason: str,
        *,
        by: str,
        causes: list[StateCause] | None = None,
        flatten: bool = False,
        acknowledged: list[int] | None = None,
    ) -> None:
        event = TradingStateChanged(
            state=state,
            reason=reason,
            by=by,
            time_ns=self.domain_ns(self.now.mono_ns),
            flatten=flatten,
            acknowledged=acknowledged or [],
            causes=causes or [],
        )
        self.emit(event)

    def allow_foreign_orders(self, tickets: list[int]) -> None:
        """Let orders pass that are not the desk's, as its limits say, and warn of them once."""
        policy = self.config.limits.foreign_orders
        self.emit(ForeignOrdersFound(tickets=tickets, policy=policy, time_ns=self.domain_ns(self.now.mono_ns)))
        self.conditions.set("FOREIGN_ORDERS", describe_foreign_orders(tickets, policy))

    def lose_leadership(self, why: str) -> None:
        """Another portfolio leads the account: this one must not send another order until a person resumes."""
        self.is_superseded = True
        text = f"another portfolio leads this account: {why}"
        self.restrict_trading(TradingState.HALTED, "LEASE_LOST", text, by="lease")

    def stop_leading(self, why: str) -> None:
        """The gateway refuses the lease, or orders under it: no order is sent until a person resumes."""
        self.is_superseded = True
        self.restrict_trading(TradingState.HALTED, "LEASE_REFUSED", f"the gateway refused the lease: {why}", by="lease")

    def reclaim_leadership(self) -> None:
        """A person has resumed a desk that had stopped leading: it takes the next epoch at the next hello."""
        if self.is_superseded:
            self.is_superseded, self.needs_epoch, self.needs_hello = False, True, True
            self.lease_refusal = ""

    def on_clock_step(self, step_ns: int, while_down: bool = False) -> None:
        """The wall clock was set by so much, maybe while portfolio was down: no new risk until a person has looked."""
        text = f"the wall clock stepped by {step_ns / 1e9:+.3f} s" + (" while portfolio was down" if while_down else "")
        self.restrict_trading(TradingState.REDUCE_ONLY, "CLOCK_STEPPED", text, by="clock")

    def on_storage_failure(self, why: str) -> None:
        """The ledger cannot be written: until `on_storage_recovery` no order is made, and the caller sends nothing.

        Calls that are returned meanwhile may be dropped: every question is asked again until it is answered. A stepped stream
        decides nothing at all in the meantime, so that its digits stay what they are.
        """
        self.storage_problem = why[:REASON_CHARS_MAX] or "unknown"

    def on_storage_recovery(self) -> None:
        """The ledger has been written again."""
        self.storage_problem = ""

    def set_state(self, state: DeskState, waiting_for: str = "") -> None:
        """Go over to another state and say what it waits for."""
        if state is DeskState.RUNNING and self.state is not state:
            self.running_since_mono_ns = self.now.mono_ns
        self.state, self.waiting_for = state, waiting_for

    def fail_until_restart(self, why: str) -> None:
        """Stop deciding until the process is started again."""
        self.set_state(DeskState.FAILED, why)


def _touched_by(event: DealBooked) -> tuple[list[str], list[str]]:
    """The symbols and the orders that a deal has moved."""
    symbols = [event.deal.symbol] if event.deal.kind.is_trade else []
    return symbols, [event.order_id] if event.order_id else []
