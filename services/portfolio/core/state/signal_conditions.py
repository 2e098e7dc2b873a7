"""The desk's conditions by the health of the signal processes, and HOLD signals for ticks that get none."""

from __future__ import annotations

from typing import Final

from proto.control import DeskState
from proto.messages import Signal, Tick
from services.portfolio.core.state.desk import Desk
from services.portfolio.core.state.signal_health import SIGNAL_CONDITIONS, UNATTENDED, SignalHealth

NO_SIGNAL: Final = "NO_SIGNAL"
"""Reason of a HOLD that portfolio makes for a tick without a signal."""

_LISTENING: Final = (DeskState.RUNNING, DeskState.WAITING_FOR_SIGNALS)


def show_signal_health(desk: Desk, health: SignalHealth) -> frozenset[str]:
    """Set and clear the conditions; a strategy's fault fails a recorded stream, which cannot go on without signals.

    Returns:
        The symbols of a live desk that get no signals, whose ticks are to be taken from the market itself.
    """
    stream_id, symbols = desk.cursor.stream_id, desk.config.symbols
    if desk.window and desk.state in _LISTENING and (fault := health.first_fault(symbols, stream_id)) is not None:
        desk.conditions.set(fault.code, fault.text, subject=fault.symbol)
        desk.fail_until_restart(fault.text)
    if desk.state not in _LISTENING or desk.is_stopping:
        health.pause()
        if desk.state is DeskState.FINISHED or desk.is_stopping:
            _clear(desk, set())
        return frozenset()
    cursor = desk.cursor
    found = health.findings(symbols, stream_id, desk.market, cursor.marks, cursor.sequences, desk.now.mono_ns)
    for finding in found:
        desk.conditions.set(finding.code, finding.text, subject=finding.symbol)
    _clear(desk, {(finding.code, finding.symbol) for finding in found})
    return frozenset(finding.symbol for finding in found if finding.code in UNATTENDED) if desk.is_live else frozenset()


def hears_every_symbol(desk: Desk, health: SignalHealth) -> bool:
    """Whether a signal process has announced each symbol in the desk's stream."""
    return health.has_heard_of(desk.config.symbols, desk.cursor.stream_id)


def hold_without_signal(tick: Tick, mono_ns: int) -> Signal:
    """A HOLD in place of a signal that does not come: it opens nothing; stops, time exits and limits see the tick."""
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
        NO_SIGNAL,
        tick.published_mono_ns,
        mono_ns,
    )


def _clear(desk: Desk, present: set[tuple[str, str]]) -> None:
    for one in list(desk.conditions):
        if one.code in SIGNAL_CONDITIONS and (one.code, one.subject) not in present:
            desk.conditions.clear(one.code, subject=one.subject)
