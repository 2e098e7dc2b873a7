"""What the desk makes of one tick that is counted and marked: of its positions first, then of the signal.

Every event is folded into the account before the next is decided, and waits with the others to be made durable.
"""

from __future__ import annotations

from typing import Final, Protocol

from proto.control import denial_message
from proto.messages import Signal
from services.portfolio.core.account.events import Event, OrderCreated
from services.portfolio.core.decision.escalation import escalate
from services.portfolio.core.decision.exits import exit_events
from services.portfolio.core.decision.signal_decision import DecisionConditions, DecisionResult, decide_signal
from services.portfolio.core.state.portfolio_state import PortfolioState

SHOWN_OTHERWISE: Final = frozenset({"CIRCUIT_BREAKER", "HALTED", "REDUCE_ONLY", "STORAGE", "LEASE_MISSING"})
"""Denials by what is a condition of its own, and ends with it: not when the next order of the symbol passes."""


class TickPolicy(Protocol):
    """What the kind of stream means for a decision."""

    shows_outcomes: bool

    def conditions(self, signal: Signal) -> DecisionConditions:
        """What is known beside account and ticks when a signal is decided."""


def decide_tick(state: PortfolioState, signal: Signal, policy: TickPolicy) -> list[Event]:
    """Decide a tick and return its events, already emitted, in their order."""
    has_exits = bool(state.account.book.protections or state.account.book.open_orders)
    if not has_exits and not signal.direction:
        return []
    conditions, events = policy.conditions(signal), list[Event]()
    for exit_event in (
        exit_events(signal, state.account.book, state.stream, state.config, conditions) if has_exits else ()
    ):
        state.account.emit(exit_event)
        events.append(exit_event)
    if signal.direction:
        decided = decide_signal(signal, state.account.book, state.stream, state.config, conditions)
        escalate(state.account, decided.denial)
        if policy.shows_outcomes:
            _note_outcome(state, signal, decided)
        for event in decided.events:
            state.account.emit(event)
            events.append(event)
    return events


def _note_outcome(state: PortfolioState, signal: Signal, decided: DecisionResult) -> None:
    """Whether the symbol's limits let its signal pass; one that the position leaves no room for shows neither."""
    denial = decided.denial
    outcomes, mono_ns = state.warnings.outcomes, state.stream.now.mono_ns
    outcomes.on_direction(signal.symbol, mono_ns)
    if denial is not None and denial.code in SHOWN_OTHERWISE:
        return
    if denial is not None:
        text = f"{denial.code}: {denial_message(limit=denial.limit, observed=denial.observed)}"
        outcomes.on_denial(signal.symbol, signal.time_ns, text)
    elif any(isinstance(event, OrderCreated) for event in decided.events):
        outcomes.on_order(signal.symbol, mono_ns)
