"""Sets the conditions of the signal processes, and makes HOLD signals for ticks without a signal."""

from __future__ import annotations

from collections.abc import Set
from typing import Final

from proto.control import DeskState
from proto.messages import WATCHED, MarketHeartbeat, Signal, Tick
from services.portfolio.core.state.conditions import ActiveConditions
from services.portfolio.core.state.config import DeskConfig
from services.portfolio.core.state.portfolio_state import PortfolioState
from services.portfolio.core.state.signal_health import SIGNAL_CONDITIONS, UNATTENDED, SignalHealth
from services.portfolio.core.state.stream import StreamState

NO_SIGNAL: Final = "NO_SIGNAL"
"""Reason of a HOLD that portfolio makes for a tick without a signal."""

_RECEIVES_SIGNALS: Final = (DeskState.RUNNING, DeskState.WAITING_FOR_SIGNALS)


def show_signal_health(state: PortfolioState, health: SignalHealth, *, outlives_strategies: bool) -> frozenset[str]:
    """Set and clear the conditions of the signal processes.

    Args:
        state: the owners of the desk's state.
        health: the hellos and signals that portfolio has received.
        outlives_strategies: whether the desk continues after the fault of a strategy; otherwise a fault fails the desk.

    Returns:
        The symbols without signals, for which portfolio takes the ticks from the market; empty unless
        `outlives_strategies`.
    """
    stream_id, symbols = state.stream.cursor.stream_id, state.config.symbols
    if (
        not outlives_strategies
        and state.stream.desk_state in _RECEIVES_SIGNALS
        and (fault := health.first_fault(symbols, stream_id)) is not None
    ):
        state.warnings.conditions.set(fault.code, fault.text, subject=fault.symbol)
        state.stream.fail_until_restart(fault.text)
    if state.stream.desk_state not in _RECEIVES_SIGNALS or state.stream.is_stopping:
        health.pause()
        if state.stream.desk_state is DeskState.FINISHED or state.stream.is_stopping:
            _clear(state.warnings.conditions, set())
        return frozenset()
    cursor = state.stream.cursor
    found = health.findings(
        symbols, stream_id, state.stream.market, cursor.marks, cursor.sequences, state.stream.now.mono_ns
    )
    for finding in found:
        state.warnings.conditions.set(finding.code, finding.text, subject=finding.symbol)
    _clear(state.warnings.conditions, {(finding.code, finding.symbol) for finding in found})
    return (
        frozenset(finding.symbol for finding in found if finding.code in UNATTENDED)
        if outlives_strategies
        else frozenset()
    )


def signal_from_market(
    config: DeskConfig, stream: StreamState, message: Tick | MarketHeartbeat, unattended: Set[str]
) -> Signal | None:
    """Return a HOLD for a tick of a watched or unattended symbol, None for other messages.

    Such a HOLD opens nothing, but its decision updates conversion rates, trailing stops, time exits and risk state.

    Args:
        config: names the watched symbols.
        stream: the current stream.
        message: a tick or heartbeat of the market.
        unattended: symbols without signals.
    """
    if (
        not isinstance(message, Tick)
        or stream.desk_state not in _RECEIVES_SIGNALS
        or message.stream_id != stream.cursor.stream_id
    ):
        return None
    if message.symbol in config.watched:
        return hold_signal(message, WATCHED, stream.now.mono_ns)
    return hold_signal(message, NO_SIGNAL, stream.now.mono_ns) if message.symbol in unattended else None


def hold_signal(tick: Tick, reason: str, mono_ns: int) -> Signal:
    """Return the HOLD of a tick without a signal; `mono_ns` is the monotonic time at which it is made."""
    return Signal(
        "portfolio",
        tick.stream_id,
        tick.symbol,
        tick.sequence,
        tick.ordinal,
        tick.time_ns,
        tick.bid,
        tick.ask,
        0,
        0.0,
        reason,
        tick.published_mono_ns,
        mono_ns,
    )


def _clear(conditions: ActiveConditions, present: set[tuple[str, str]]) -> None:
    for one in list(conditions):
        if one.code in SIGNAL_CONDITIONS and (one.code, one.subject) not in present:
            conditions.clear(one.code, subject=one.subject)
