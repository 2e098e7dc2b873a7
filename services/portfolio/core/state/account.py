"""Owner of the account state: book, trading state, order ids, and events that are not yet durable."""

from __future__ import annotations

from typing import Final

from msgspec import UNSET, UnsetType

from proto.control import REASON_CHARS_MAX, StateCause, TradingState
from services.portfolio.core.account.book import Book
from services.portfolio.core.account.events import (
    ANSWERS_OF_VENUE,
    DealBooked,
    Event,
    ForeignOrdersFound,
    IncarnationTaken,
    StateCommand,
    TradingStateChanged,
)
from services.portfolio.core.account.foreign_orders import describe_foreign_orders
from services.portfolio.core.account.state_causes import PERSON, add_cause, causes_of, describe_causes
from services.portfolio.core.accounting.invariants import find_violation
from services.portfolio.core.accounting.modifications import ModificationCounts
from services.portfolio.core.accounting.round_trips import RoundTripTracker
from services.portfolio.core.accounting.valuation import AccountValuation
from services.portfolio.core.risk.limits import Limits
from services.portfolio.core.state.stream import StreamState
from services.portfolio.core.state.warnings import Warnings

_SEVERITY: Final = {TradingState.ACTIVE: 0, TradingState.REDUCE_ONLY: 1, TradingState.HALTED: 2}


class AccountState:
    """The account in memory; only `emit` changes the book."""

    def __init__(
        self,
        book: Book,
        limits: Limits,
        stream: StreamState,
        warnings: Warnings,
        *,
        incarnation: str,
        incarnation_reason: str,
    ) -> None:
        """Continue from a book, which is empty for a new account.

        Args:
            book: the account.
            limits: limits of the desk.
            stream: owner of the stream state.
            warnings: owner of the warnings.
            incarnation: first part of the order ids of a live stream; a lock-step stream derives its own.
            incarnation_reason: why `incarnation` may differ from the ledger's.
        """
        self._limits = limits
        self._stream = stream
        self._warnings = warnings
        self._events: list[Event] = []
        self.emitted = 0
        """Number of events since the start of the process. The account changes only with an event."""
        self.book = book
        self.valuation = AccountValuation(book)
        """Value of the positions, for what is computed at every tick."""
        self.round_trips = RoundTripTracker(book)
        """Round trips; deals are processed only when a query needs them."""
        self.modifications = ModificationCounts()
        """Counts of modifications since the start of the process; the ledger's events contain the earlier ones."""
        self.incarnation = incarnation
        self._incarnation_reason = incarnation_reason
        self._are_ids_checked = False
        self.foreign_tickets: list[int] = []
        """Tickets of the foreign orders in the last comparison that no person has acknowledged."""
        self.deal_pulls = 0
        """Number of complete pulls of the venue's deals."""

    @property
    def state_causes(self) -> list[StateCause]:
        """Causes of the trading state; empty if it is ACTIVE."""
        return [] if self.book.trading is None else causes_of(self.book.trading)

    def emit(self, event: Event) -> None:
        """Apply an event to the book and the risk state, and keep it for the ledger."""
        self.book.apply(event)
        self.valuation.forget()
        self._stream.on_event(event, self._limits)
        if isinstance(event, ANSWERS_OF_VENUE):
            self.modifications.add(event)
            self._warnings.closed_markets.on_event(event, self.book, self._stream.domain_ns(self._stream.now.mono_ns))
        self._events.append(event)
        self.emitted += 1
        if isinstance(event, DealBooked) and (fault := find_violation(self.book, *_touched_by(event))):
            self.restrict_trading(TradingState.HALTED, "LEDGER_INVARIANT", fault, by="invariants")

    def on_deals_pulled(self) -> None:
        """Count a complete pull of the venue's deals."""
        self.deal_pulls += 1

    @property
    def event_count(self) -> int:
        """Number of events that are not yet durable."""
        return len(self._events)

    def events_from(self, first: int) -> list[Event]:
        """Return the events that are not yet durable, from index `first`, counted from 0."""
        return self._events[first:]

    def take_events(self) -> list[Event]:
        """Return and remove the events that the ledger has to store; the book already contains them."""
        events, self._events = self._events, []
        return events

    @property
    def can_number_orders(self) -> bool:
        """Whether the next order ids are certainly unused.

        The ledger may have lost ids, so that this is certain only after a comparison with the gateway's order ids.
        """
        stream = self.book.stream
        return stream is not None and stream.incarnation == self.incarnation and self._are_ids_checked

    def confirm_ids(self) -> None:
        """Record that the ledger's order ids were compared with the gateway's.

        If the gateway has an id that the ledger lacks, the caller takes another incarnation in the same turn.
        """
        self._are_ids_checked = True

    def take_incarnation(self, incarnation: str, why: str, seen: dict[str, int], time_ns: int) -> None:
        """Begin all further order ids with another incarnation, durably.

        Args:
            incarnation: the new incarnation.
            why: text for the ledger.
            seen: by incarnation, the highest number of an order id at the gateway or the venue. The ledger may have
                lost ids up to this number.
            time_ns: venue time.
        """
        self.incarnation, self._incarnation_reason = incarnation, why
        self.emit(IncarnationTaken(incarnation=incarnation, why=why, time_ns=time_ns, seen=seen))

    def renew_incarnation(self, time_ns: int) -> None:
        """Record the incarnation of this process as the stream's incarnation, durably, if the two differ.

        Args:
            time_ns: venue time.
        """
        assert self.book.stream is not None
        if self.book.stream.incarnation != self.incarnation:
            why = self._incarnation_reason
            self.emit(IncarnationTaken(incarnation=self.incarnation, why=why, time_ns=time_ns))

    def resume_trading(self, reason: str, *, by: str, command: StateCommand | UnsetType = UNSET) -> None:
        """Set the trading state to ACTIVE, durably, and remove all causes.

        If a person resumes (`by`), the person also acknowledges the foreign orders. `command` is the person's command.
        """
        acknowledged = self.foreign_tickets if by == PERSON else []
        self._set_trading_state(TradingState.ACTIVE, reason, by=by, acknowledged=acknowledged, command=command)
        if by == PERSON:
            self.foreign_tickets = []

    def set_trading_state(
        self,
        state: TradingState,
        code: str,
        text: str,
        *,
        by: str,
        flatten: bool = False,
        command: StateCommand | UnsetType = UNSET,
    ) -> None:
        """Set a trading state other than ACTIVE, durably, and add a cause to the current causes.

        `code` is a key of `CONDITION_KINDS`, and `command` the person's command.
        """
        causes = add_cause(self.state_causes, StateCause(code, by, text[:REASON_CHARS_MAX], state))
        self._set_trading_state(state, describe_causes(causes), by=by, causes=causes, flatten=flatten, command=command)

    def restrict_trading(self, state: TradingState, code: str, text: str, *, by: str) -> None:
        """Add a cause that the desk has found; the trading state can only become more restrictive."""
        present = self.book.trading
        if _SEVERITY[state] > _SEVERITY[self.book.trading_state]:
            self.set_trading_state(state, code, text, by=by)
        elif present is not None and not any(
            cause.code == code and _SEVERITY[cause.state] >= _SEVERITY[state] for cause in self.state_causes
        ):
            # The person who resumes trading must see this cause as well.
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
        command: StateCommand | UnsetType = UNSET,
    ) -> None:
        event = TradingStateChanged(
            state=state,
            reason=reason,
            by=by,
            time_ns=self._stream.domain_ns(self._stream.now.mono_ns),
            flatten=flatten,
            acknowledged=acknowledged or [],
            causes=causes or [],
            command=command,
        )
        self.emit(event)

    def on_foreign_orders(self, tickets: list[int]) -> None:
        """Remember the foreign orders that a comparison has found; a person acknowledges them by resuming.

        Args:
            tickets: tickets of the foreign orders.
        """
        self.foreign_tickets = sorted(set(tickets) - self.book.acknowledged)

    def allow_foreign_orders(self, tickets: list[int]) -> None:
        """Record foreign orders that the limits allow, and warn of them.

        Args:
            tickets: tickets of the foreign orders.
        """
        policy = self._limits.foreign_orders
        time_ns = self._stream.domain_ns(self._stream.now.mono_ns)
        self.emit(ForeignOrdersFound(tickets=tickets, policy=policy, time_ns=time_ns))
        self._warnings.conditions.set("FOREIGN_ORDERS", describe_foreign_orders(tickets, policy))

    def on_clock_step(self, step_ns: int, while_down: bool = False) -> None:
        """Set REDUCE_ONLY until a person resumes, because the wall clock was set.

        Args:
            step_ns: step of the clock; positive if it was set forward.
            while_down: whether the clock was set while portfolio did not run.
        """
        text = f"the wall clock stepped by {step_ns / 1e9:+.3f} s" + (" while portfolio was down" if while_down else "")
        self.restrict_trading(TradingState.REDUCE_ONLY, "CLOCK_STEPPED", text, by="clock")


def _touched_by(event: DealBooked) -> tuple[list[str], list[str]]:
    """The symbols whose position and the orders whose filled volume a deal has changed."""
    symbols = [event.deal.symbol] if event.deal.kind.is_trade else []
    return symbols, [event.order_id] if event.order_id else []
