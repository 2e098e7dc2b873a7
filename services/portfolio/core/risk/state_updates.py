"""Updates of the state of the risk rules, by ticks and by events of the account."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from proto.control import TradingState
from proto.gateway import DealKind
from proto.trading.server_time import server_day
from services.portfolio.core.account.events import DealBooked, Event, RiskReset, TradingStateChanged
from services.portfolio.core.account.state_causes import PERSON, RISK, causes_of
from services.portfolio.core.risk.limits import Limits
from services.portfolio.core.risk.registry import ON_RESUME, UPDATES_OF_EVENT, Update, clear_rule
from services.portfolio.core.risk.state import Peaks, RiskState

MEDIAN_STEP_POINTS: Final = 0.05
"""Change of the estimate at one tick. If the spread becomes five points wider, the estimate follows in 100 ticks."""


def next_spread_median(median: float, spread: float, point: float) -> float:
    """Return the running median of a symbol's spread after a tick, one step towards the quoted `spread`.

    The estimate is the frugal median of Ma, Muthukrishnan and Sandler (2013). It rises by a step if the spread is
    higher and falls by a step if the spread is lower. So it converges to a value with as many spreads above as below.

    Args:
        median: the estimate before the tick, in price units.
        spread: ask - bid, in price units.
        point: size of a point, in price units.
    """
    if spread > median:
        return min(median + MEDIAN_STEP_POINTS * point, spread)
    if spread < median:
        return max(median - MEDIAN_STEP_POINTS * point, spread)
    return median


def update_spread_median(risk_state: RiskState, symbol: str, spread: float, point: float) -> None:
    """Update the running median of a symbol's spread in place; the first median is the first `spread`.

    Args:
        risk_state: the state to update in place.
        symbol: the quoted symbol.
        spread: ask - bid, in price units.
        point: size of a point, in price units.
    """
    median = risk_state.spread_medians.get(symbol)
    updated = spread if median is None else next_spread_median(median, spread, point)
    risk_state.spread_medians[symbol] = updated


def set_spread_median(risk_state: RiskState, symbol: str, median: float) -> None:
    """Set the running median of a symbol's spread, in price units, to the value after many ticks."""
    risk_state.spread_medians[symbol] = median


def update_equity_peaks(risk_state: RiskState, equity: Decimal, time_ns: int) -> bool:
    """Record the equity of a tick, in account currency, and update the day's start, the day's high and the peak.

    Returns:
        Whether the equity or the server's day differs from that of the previous tick.
    """
    peaks, day = risk_state.peaks, server_day(time_ns)
    if equity == peaks.equity and day == peaks.day:
        return False
    if peaks.day != day or peaks.day_start is None or peaks.day_high is None:
        peaks.day, peaks.day_start, peaks.day_high = day, equity, equity
    if equity > peaks.day_high:
        peaks.day_high = equity
    if peaks.high is None or equity > peaks.high:
        peaks.high = equity
    peaks.equity = equity
    return True


def update_equity_peaks_of_ticks(risk_state: RiskState, *, highest: Decimal, latest: Decimal) -> None:
    """Update the peaks by ticks of the server's present day of which at least one changed the equity.

    Args:
        risk_state: the state to update in place.
        highest: the highest equity of the ticks, in account currency.
        latest: the equity of the latest tick, in account currency.
    """
    peaks = risk_state.peaks
    assert peaks.high is not None, latest
    assert peaks.day_high is not None, latest
    peaks.day_high = highest if highest > peaks.day_high else peaks.day_high
    peaks.high = highest if highest > peaks.high else peaks.high
    peaks.equity = latest


def update_from_event(risk_state: RiskState, event: Event, limits: Limits) -> None:
    """Update the state of the rules from an event of the account."""
    for update in _UPDATES.get(type(event), ()):
        update(risk_state, event, limits)


def _on_deal(risk_state: RiskState, event: DealBooked, _limits: Limits) -> None:
    if event.deal.kind is DealKind.BALANCE:
        _shift(risk_state.peaks, event.deal.cash)


def _shift(peaks: Peaks, amount: Decimal) -> None:
    """Add a deposit, or a withdrawal as a negative amount, to the reference values: neither is profit or loss."""
    for name in ("day_start", "day_high", "high", "equity"):
        value = getattr(peaks, name)
        if value is not None:
            setattr(peaks, name, value + amount)


def _on_trading_state(risk_state: RiskState, event: TradingStateChanged, _limits: Limits) -> None:
    """Remember which rules restricted the desk, and clear the state of these rules when a person resumes trading."""
    if event.state is not TradingState.ACTIVE:
        found = {cause.code for cause in causes_of(event) if cause.by == RISK}
        risk_state.stopped_for = [code for code in ON_RESUME if code in found]
        return
    stopped_for, risk_state.stopped_for = risk_state.stopped_for, []
    if event.by == PERSON:
        for code, forget in ON_RESUME.items():
            if code in stopped_for:
                forget(risk_state)


def _on_reset(risk_state: RiskState, event: RiskReset, _limits: Limits) -> None:
    clear_rule(risk_state, event)


_UPDATES: Final[dict[type[Any], tuple[Update, ...]]] = UPDATES_OF_EVENT | {
    event_type: (*UPDATES_OF_EVENT.get(event_type, ()), update)
    for event_type, update in (
        (DealBooked, _on_deal),
        (TradingStateChanged, _on_trading_state),
        (RiskReset, _on_reset),
    )
}
"""Updates by the type of the event: first those of the rules, then those of the state that all rules share."""
