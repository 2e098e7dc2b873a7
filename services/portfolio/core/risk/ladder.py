"""The rules in the order in which they are asked; the first denial counts."""

from __future__ import annotations

from typing import Final, Protocol

from services.portfolio.core.risk.rules import (
    circuit_breaker,
    confidence,
    conversion,
    currency_exposure,
    daily_loss,
    drawdown,
    gross_exposure,
    hours,
    margin_use,
    news,
    order_notional,
    order_rate,
    order_volume,
    price_collar,
    prices,
    quote_age,
    rejects,
    repeated_orders,
    rollover,
    spread,
    stops,
    storage,
    strategy_budget,
    symbol,
    symbol_exposure,
    trading_state,
    volume,
)
from services.portfolio.core.risk.terms import Account, Denial, Proposal


class Rule(Protocol):
    """A module of `rules`."""

    def check(self, order: Proposal, account: Account, now_ns: int) -> Denial | None:
        """Why the order may not be made, at venue time `now_ns`; None when this rule has nothing against it."""


ALWAYS: Final[tuple[Rule, ...]] = (storage, trading_state, symbol, volume, prices, stops, conversion)
"""Asked about every order, in any set."""

ON_OPENING: Final[tuple[Rule, ...]] = (
    circuit_breaker,
    confidence,
    quote_age,
    hours,
    rollover,
    news,
    daily_loss,
    drawdown,
    rejects,
    repeated_orders,
    order_rate,
    spread,
    price_collar,
    order_volume,
    order_notional,
    symbol_exposure,
    gross_exposure,
    currency_exposure,
    margin_use,
    strategy_budget,
)
"""Limits: asked about an order that opens something; what denies for long comes first."""


def check(order: Proposal, account: Account, now_ns: int) -> Denial | None:
    """The first denial, or None when the order may be made."""
    denial = check_always(order, account, now_ns)
    return _first(ON_OPENING, order, account, now_ns) if denial is None and order.opens > 0 else denial


def check_always(order: Proposal, account: Account, now_ns: int) -> Denial | None:
    """The first denial of what holds for every order, also for one that only closes."""
    return _first(ALWAYS, order, account, now_ns)


def _first(rules: tuple[Rule, ...], order: Proposal, account: Account, now_ns: int) -> Denial | None:
    for rule in rules:
        denial = rule.check(order, account, now_ns)
        if denial is not None:
            return denial
    return None
