"""What the desk makes of one tick that is counted and marked: of its positions first, then of the signal.

Every event is folded into the account before the next is decided, and waits with the others to be made durable.
"""

from __future__ import annotations

from typing import Final

from proto.control import denial_message
from proto.messages import Signal
from services.portfolio.core.account.events import Event, OrderCreated
from services.portfolio.core.decision.escalation import escalate
from services.portfolio.core.decision.exits import exit_events
from services.portfolio.core.decision.order_factory import ORDER_VALIDITY_NS
from services.portfolio.core.decision.signal_decision import DecisionConditions, DecisionResult, decide_signal
from services.portfolio.core.state.portfolio_state import PortfolioState

SHOWN_OTHERWISE: Final = frozenset({"CIRCUIT_BREAKER", "HALTED", "REDUCE_ONLY", "STORAGE", "LEASE_MISSING"})
"""Denials by what is a condition of its own, and ends with it: not when the next order of the symbol passes."""


def decide_tick(state: PortfolioState, signal: Signal) -> list[Event]:
    """Decide a tick and return its events, already emitted, in their order."""
    has_exits = bool(state.account.book.protections or state.account.book.open_orders)
    if not has_exits and not signal.direction:
        return []
    conditions, events = _conditions(state, signal), list[Event]()
    for exit_event in (
        exit_events(signal, state.account.book, state.stream, state.config, conditions) if has_exits else ()
    ):
        state.account.emit(exit_event)
        events.append(exit_event)
    if signal.direction:
        decided = decide_signal(signal, state.account.book, state.stream, state.config, conditions)
        escalate(state, decided.denial)
        if not state.stream.window:
            _note_outcome(state, signal, decided)
        for event in decided.events:
            state.account.emit(event)
            events.append(event)
    return events


def _note_outcome(state: PortfolioState, signal: Signal, decided: DecisionResult) -> None:
    """Whether the symbol's limits let its signal pass; one that the position leaves no room for shows neither."""
    denial = decided.denial
    state.warnings.outcomes.directed_mono_ns[signal.symbol] = state.stream.now.mono_ns
    if denial is not None and denial.code in SHOWN_OTHERWISE:
        return
    if denial is not None:
        text = f"{denial.code}: {denial_message(limit=denial.limit, observed=denial.observed)}"
        state.warnings.outcomes.on_denial(signal.symbol, signal.time_ns, text)
    elif any(isinstance(event, OrderCreated) for event in decided.events):
        state.warnings.outcomes.on_order(signal.symbol)
        state.warnings.outcomes.ordered_mono_ns[signal.symbol] = state.stream.now.mono_ns


def _conditions(state: PortfolioState, signal: Signal) -> DecisionConditions:
    """A stepped stream waits for the desk: there is no age, no deadline, and no newer quote."""
    if state.stream.window:
        return DecisionConditions(
            storage_problem=state.warnings.storage_problem, is_unproven=signal.symbol in state.warnings.unproven_symbols
        )
    quote = state.stream.market.quotes.get(signal.symbol)
    return DecisionConditions(
        valid_until_ns=signal.time_ns + ORDER_VALIDITY_NS,
        tick_age_ns=state.stream.domain_ns(state.stream.now.mono_ns) - signal.time_ns,
        storage_problem=state.warnings.storage_problem,
        latest_bid_ask=None if quote is None else (quote.bid, quote.ask),
        is_unproven=signal.symbol in state.warnings.unproven_symbols,
        lease_problem=state.lease.problem,
        closed_symbols=state.warnings.closed_markets.symbols_at(state.stream.domain_ns(state.stream.now.mono_ns)),
    )
