"""What a person may do about a rule: clear what it remembers, or let an order of theirs past it.

The desk-wide rules that change the trading state (DRAWDOWN, REJECTS, REPEATED_ORDERS) are cleared and never passed: an
order past one of them would be followed by the same halt. What makes an order no order at all, and what no person can
see (the ledger, an unknown rate), is neither cleared nor passed.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final, NamedTuple

from proto.time import utc_text
from proto.trading.units import decimal_text
from services.portfolio.core.account.events import RiskReset
from services.portfolio.core.risk.state import Breaker, RiskState

PASSABLE_RULES: Final = frozenset(
    {
        "CIRCUIT_BREAKER",
        "CURRENCY_EXPOSURE",
        "DAILY_LOSS",
        "FRIDAY_CLOSE",
        "GROSS_EXPOSURE",
        "MARGIN_USE",
        "NEWS",
        "ORDER_NOTIONAL",
        "ORDER_RATE",
        "ORDER_VOLUME",
        "PRICE_COLLAR",
        "QUOTE_STALE",
        "ROLLOVER",
        "SPREAD",
        "STRATEGY_LOSS",
        "STRATEGY_VOLUME",
        "SYMBOL_EXPOSURE",
        "TRADING_HOURS",
    }
)
"""Codes of the limits that a person's own order may be let past, by name and with a reason."""


class ClearableRule(NamedTuple):
    """A rule whose memory can be cleared: `by_symbol` of one symbol alone, too; what it remembers, and the clearing."""

    by_symbol: bool
    values: Callable[[RiskState, str], dict[str, str]]
    clear: Callable[[RiskState, RiskReset], None]


def remembered_values(risk_state: RiskState, rule: str, symbol: str) -> dict[str, str]:
    """What a rule remembers, of a symbol or of all (""), by name in words; empty where that is nothing."""
    return CLEARABLE_RULES[rule].values(risk_state, symbol)


def clear_rule(risk_state: RiskState, event: RiskReset) -> None:
    """Forget what the event names; a function of the state and the event alone."""
    CLEARABLE_RULES[event.rule].clear(risk_state, event)


def _of(symbol: str, entries: dict[str, str]) -> dict[str, str]:
    return {name: words for name, words in sorted(entries.items()) if symbol in ("", name)}


def _named(symbol: str, kept: dict[str, Decimal] | dict[str, int] | dict[str, float]) -> list[str]:
    return [name for name in kept if symbol in ("", name)]


def _breaker_values(risk_state: RiskState, symbol: str) -> dict[str, str]:
    found = {}
    for name, breaker in risk_state.breakers.items():
        words = [f"{breaker.losses} losses in a row"] if breaker.losses else []
        words += [f"{breaker.trips} pauses without recovery"] if breaker.trips else []
        words += [f"{breaker.trials_left} trials left"] if breaker.trials_left else []
        words += [f"pause until {utc_text(breaker.until_ns)}"] if breaker.until_ns else []
        if words:
            found[name] = ", ".join(words)
    return _of(symbol, found)


def _clear_breaker(risk_state: RiskState, event: RiskReset) -> None:
    for name, breaker in risk_state.breakers.items():
        if event.symbol in ("", name):
            # A further fill of the order that closed the last trade is still no trade of its own.
            risk_state.breakers[name] = Breaker(ticket=breaker.ticket)


def _drawdown_values(risk_state: RiskState, _symbol: str) -> dict[str, str]:
    return _amounts({"highest equity": risk_state.peaks.high, "equity": risk_state.peaks.equity})


def _clear_drawdown(risk_state: RiskState, event: RiskReset) -> None:
    risk_state.peaks.high = event.equity


def _day_values(risk_state: RiskState, _symbol: str) -> dict[str, str]:
    peaks = risk_state.peaks
    return _amounts({"the day's start": peaks.day_start, "the day's high": peaks.day_high, "equity": peaks.equity})


def _clear_day(risk_state: RiskState, event: RiskReset) -> None:
    risk_state.peaks.day_start = risk_state.peaks.day_high = event.equity


def _amounts(amounts: dict[str, Decimal | None]) -> dict[str, str]:
    return {name: decimal_text(amount) for name, amount in amounts.items() if amount is not None}


def _rate_values(risk_state: RiskState, _symbol: str) -> dict[str, str]:
    counts = {
        "orders of the last minute": len(risk_state.order_times_ns),
        "orders of the day": risk_state.orders_of_day,
    }
    return {name: str(count) for name, count in counts.items() if count}


def _clear_rate(risk_state: RiskState, _event: RiskReset) -> None:
    risk_state.order_times_ns, risk_state.orders_of_day = [], 0
    risk_state.last_order_ns.clear()


def _reject_values(risk_state: RiskState, _symbol: str) -> dict[str, str]:
    count = len(risk_state.reject_times_ns)
    return {"rejects of the last minute": str(count)} if count else {}


def _clear_rejects(risk_state: RiskState, _event: RiskReset) -> None:
    risk_state.reject_times_ns = []


def _run_values(risk_state: RiskState, symbol: str) -> dict[str, str]:
    sides = {name: f"{abs(run)} {'buys' if run > 0 else 'sells'} in a row" for name, run in risk_state.runs.items()}
    return _of(symbol, sides)


def _clear_runs(risk_state: RiskState, event: RiskReset) -> None:
    for name in _named(event.symbol, risk_state.runs):
        del risk_state.runs[name]


def _spread_values(risk_state: RiskState, symbol: str) -> dict[str, str]:
    return _of(symbol, {name: f"median {median:.8g}" for name, median in risk_state.spread_medians.items()})


def _clear_spread(risk_state: RiskState, event: RiskReset) -> None:
    for name in _named(event.symbol, risk_state.spread_medians):
        del risk_state.spread_medians[name]


def _result_values(risk_state: RiskState, symbol: str) -> dict[str, str]:
    return _of(symbol, {name: decimal_text(result) for name, result in risk_state.results_of_day.items() if result})


def _clear_results(risk_state: RiskState, event: RiskReset) -> None:
    for name in _named(event.symbol, risk_state.results_of_day):
        del risk_state.results_of_day[name]


CLEARABLE_RULES: Final = {
    "CIRCUIT_BREAKER": ClearableRule(True, _breaker_values, _clear_breaker),
    "DAILY_LOSS": ClearableRule(False, _day_values, _clear_day),
    "DRAWDOWN": ClearableRule(False, _drawdown_values, _clear_drawdown),
    "ORDER_RATE": ClearableRule(False, _rate_values, _clear_rate),
    "REJECTS": ClearableRule(False, _reject_values, _clear_rejects),
    "REPEATED_ORDERS": ClearableRule(True, _run_values, _clear_runs),
    "SPREAD": ClearableRule(True, _spread_values, _clear_spread),
    "STRATEGY_LOSS": ClearableRule(True, _result_values, _clear_results),
}
"""By the code that each denies with: all rules that remember something from order to order or from tick to tick."""
