"""How the ladder's memory changes: with each tick that is decided, and with each event of the account."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from proto.control import TradingState
from proto.gateway import DealEntry, DealKind, VenueDeal
from proto.trading.server_time import SECOND_NS, server_day, within_last_minute
from services.portfolio.core.account.events import (
    DealBooked,
    Event,
    OrderCreated,
    OrderUpdated,
    RiskReset,
    TradingStateChanged,
)
from services.portfolio.core.account.order_status import OrderStatus
from services.portfolio.core.account.orders import Order
from services.portfolio.core.account.position import ZERO
from services.portfolio.core.account.state_causes import PERSON, RISK, causes_of
from services.portfolio.core.risk.clearing import clear_rule
from services.portfolio.core.risk.limits import Limits
from services.portfolio.core.risk.state import Breaker, Peaks, RiskState

MEDIAN_STEP_POINTS: Final = 0.05
"""How far the estimate moves with a tick: over a hundred ticks it follows a spread that has become five points wider."""

COOLDOWN_DOUBLINGS_MAX: Final = 10
"""The default pause of 300 s becomes three and a half days, past which a person will have looked."""

_DRAWDOWN: Final = "DRAWDOWN"
_REPEATED: Final = "REPEATED_ORDERS"
_REJECTS: Final = "REJECTS"
_MEASURED: Final = (_DRAWDOWN, _REPEATED, _REJECTS)
"""Rules that stop the desk by something that they measure, and would stop it again at once if it stayed."""

_NO_RESULT: Final = (DealKind.BALANCE, DealKind.CORRECTION)
"""Cash that no trading has brought."""


def update_spread_median(risk_state: RiskState, symbol: str, spread: float, point: float) -> None:
    """Move the running median of a symbol's spread a step towards one that was quoted.

    The estimate is the frugal one of Ma, Muthukrishnan and Sandler (2013): a step up for a value above it, a step down for
    one below, which comes to rest where as many are above as below.
    """
    median = risk_state.spread_medians.get(symbol)
    if median is None:
        risk_state.spread_medians[symbol] = spread
    elif spread > median:
        risk_state.spread_medians[symbol] = min(median + MEDIAN_STEP_POINTS * point, spread)
    elif spread < median:
        risk_state.spread_medians[symbol] = max(median - MEDIAN_STEP_POINTS * point, spread)


def update_equity_peaks(risk_state: RiskState, equity: Decimal, time_ns: int) -> bool:
    """Take in the equity of a tick, for the day's start and highest and the highest of all; whether it is another."""
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


def update_from_event(risk_state: RiskState, event: Event, limits: Limits) -> None:
    """Take in an event of the account."""
    match event:
        case OrderCreated(order=order):
            _see_order(risk_state, order)
        case OrderUpdated(status=OrderStatus.REJECTED, time_ns=time_ns):
            risk_state.reject_times_ns = [*within_last_minute(risk_state.reject_times_ns, time_ns), time_ns]
        case DealBooked(deal=deal):
            _see_deal(risk_state, deal, limits)
        case TradingStateChanged():
            _see_state(risk_state, event)
        case RiskReset():
            clear_rule(risk_state, event)
        case _:
            pass


def _see_order(risk_state: RiskState, order: Order) -> None:
    now_ns, symbol, sign = order.created_ns, order.symbol, order.side.sign
    risk_state.order_times_ns = [*within_last_minute(risk_state.order_times_ns, now_ns), now_ns]
    risk_state.last_order_ns[symbol] = now_ns
    day = server_day(now_ns)
    if risk_state.order_day != day:
        risk_state.order_day, risk_state.orders_of_day = day, 0
    risk_state.orders_of_day += 1
    run = risk_state.runs.get(symbol, 0)
    risk_state.runs[symbol] = run + sign if run * sign > 0 else sign


def _see_deal(risk_state: RiskState, deal: VenueDeal, limits: Limits) -> None:
    if deal.kind is DealKind.BALANCE:
        _shift(risk_state.peaks, deal.cash)
    _see_result(risk_state, deal)
    if deal.kind.is_trade and deal.entry is not DealEntry.IN and limits.breaker_losses is not None:
        breaker = risk_state.breakers.setdefault(deal.symbol, Breaker())
        _see_trade(breaker, deal, limits, limits.breaker_losses)


def _see_result(risk_state: RiskState, deal: VenueDeal) -> None:
    """Count what a deal brought for its symbol's day; one that is told late belongs to a day that is over."""
    if not deal.symbol or deal.kind in _NO_RESULT:
        return
    day = server_day(deal.time_ns)
    if day > risk_state.result_day:
        risk_state.result_day, risk_state.results_of_day = day, {}
    if day == risk_state.result_day:
        risk_state.results_of_day[deal.symbol] = risk_state.results_of_day.get(deal.symbol, ZERO) + deal.cash


def _see_trade(breaker: Breaker, deal: VenueDeal, limits: Limits, losses_max: int) -> None:
    """A trade was closed: count its loss, or its being none.

    What closes during a pause was opened before it and is no trial. An order that closes in several fills is one trade, and
    its first fill says which way it went.
    """
    if deal.time_ns < breaker.until_ns or (deal.ticket and deal.ticket == breaker.ticket):
        return
    breaker.ticket = deal.ticket
    if deal.cash >= 0:
        breaker.losses = breaker.run = 0
        breaker.trials_left = max(breaker.trials_left - 1, 0)
        if not breaker.trials_left:
            breaker.trips = 0
        return
    breaker.losses += 1
    breaker.run += 1
    if breaker.losses >= losses_max or breaker.trials_left:
        doublings = min(breaker.trips, COOLDOWN_DOUBLINGS_MAX)
        pause_s = limits.breaker_cooldown_s * 2**doublings
        if limits.breaker_cooldown_max_s is not None:
            pause_s = min(pause_s, limits.breaker_cooldown_max_s)
        breaker.until_ns = deal.time_ns + pause_s * SECOND_NS
        breaker.trips, breaker.losses, breaker.trials_left = breaker.trips + 1, 0, limits.breaker_trials


def _shift(peaks: Peaks, amount: Decimal) -> None:
    """A deposit or withdrawal is no profit or loss: what equity is measured by moves along."""
    for name in ("day_start", "day_high", "high", "equity"):
        value = getattr(peaks, name)
        if value is not None:
            setattr(peaks, name, value + amount)


def _see_state(risk_state: RiskState, event: TradingStateChanged) -> None:
    """A person who lets the desk trade again has seen what had stopped it: that alone begins with the present."""
    if event.state is not TradingState.ACTIVE:
        found = {cause.code for cause in causes_of(event) if cause.by == RISK}
        risk_state.stopped_for = [code for code in _MEASURED if code in found]
        return
    stopped_for, risk_state.stopped_for = risk_state.stopped_for, []
    if event.by != PERSON:
        return
    if _DRAWDOWN in stopped_for:
        risk_state.peaks.high = risk_state.peaks.equity
    if _REPEATED in stopped_for:
        risk_state.runs.clear()
    if _REJECTS in stopped_for:
        risk_state.reject_times_ns.clear()
