"""Decides one tick that `StreamState.count` has recorded: exits first, then the signal.

The exits are applied to the account before the signal is decided. The shell commits all events of the tick together,
after the core has handled every waiting message.
"""

from __future__ import annotations

from typing import Protocol

from proto.control import denial_message
from proto.messages import Signal
from services.portfolio.core.account.events import Event, OrderCreated
from services.portfolio.core.decision.escalation import escalate
from services.portfolio.core.decision.exits import exit_events
from services.portfolio.core.decision.signal_decision import DecisionConditions, DecisionResult, decide_signal
from services.portfolio.core.risk.registry import CODES_WITH_CONDITION
from services.portfolio.core.state.portfolio_state import PortfolioState


class TickPolicy(Protocol):
    """The part of `OrderPolicy` that the decision of a tick uses."""

    shows_outcomes: bool
    """Whether consecutive denied signals set a condition."""

    def conditions(self, signal: Signal) -> DecisionConditions:
        """Inputs of a signal's decision other than account and ticks."""


def decide_tick(state: PortfolioState, signal: Signal, policy: TickPolicy) -> list[Event]:
    """Decide a tick, emit its events, and return them in order."""
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
    """Record whether the risk rules denied or passed the signal.

    A blocked signal counts for neither, nor does a denial with a code of `CODES_WITH_CONDITION`.
    """
    denial = decided.denial
    outcomes, mono_ns = state.warnings.outcomes, state.stream.now.mono_ns
    outcomes.on_direction(signal.symbol, mono_ns)
    if denial is not None and denial.code in CODES_WITH_CONDITION:
        return
    if denial is not None:
        text = f"{denial.code}: {denial_message(limit=denial.limit, observed=denial.observed)}"
        outcomes.on_denial(signal.symbol, signal.time_ns, text)
    elif any(isinstance(event, OrderCreated) for event in decided.events):
        outcomes.on_order(signal.symbol, mono_ns)
