"""The rules in the order in which they are asked; the first denial counts."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, Protocol

from services.portfolio.core.risk.rules import (
    circuit_breaker,
    confidence,
    conversion,
    currency_exposure,
    daily_loss,
    drawdown,
    expiry,
    friday_close,
    gross_exposure,
    hours,
    instrument_volume,
    lease,
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
    signal_age,
    spread,
    stops,
    storage,
    strategy_budget,
    strategy_loss,
    symbol,
    symbol_exposure,
    trading_state,
)
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


class Rule(Protocol):
    """A module of `rules`."""

    def check(self, order: OrderProposal, context: RiskContext, now_ns: int) -> Denial | None:
        """Why the order may not be made, at venue time `now_ns`; None when this rule has nothing against it."""


BASE_RULES: Final[tuple[Rule, ...]] = (
    storage,
    trading_state,
    lease,
    symbol,
    instrument_volume,
    prices,
    stops,
    expiry,
    conversion,
)
"""Asked about every order, in any set."""

PRE_SIZING_RULES: Final[tuple[Rule, ...]] = (
    signal_age,
    circuit_breaker,
    confidence,
    quote_age,
    hours,
    friday_close,
    rollover,
    news,
    daily_loss,
    drawdown,
    rejects,
    repeated_orders,
    order_rate,
    spread,
)
"""Limits that an opening may meet whatever its size and price; what denies for long comes first."""

SIZE_RULES: Final[tuple[Rule, ...]] = (
    price_collar,
    order_volume,
    order_notional,
    symbol_exposure,
    gross_exposure,
    currency_exposure,
    margin_use,
    strategy_budget,
    strategy_loss,
)
"""Limits on what an order opens."""

OPENING_RULES: Final = PRE_SIZING_RULES + SIZE_RULES
"""For an order that opens something; each denies with one code, so that it can be passed by its name."""

RESTING_ORDER_RULES: Final[tuple[Rule, ...]] = (
    trading_state,
    circuit_breaker,
    hours,
    friday_close,
    news,
    daily_loss,
    drawdown,
    rejects,
)
"""What ends an order that rests and would open something."""

_BEFORE_SIZE: Final = (storage, *PRE_SIZING_RULES)


def check_order(
    order: OrderProposal, context: RiskContext, now_ns: int, past_rules: Collection[str] = ()
) -> Denial | None:
    """The first denial, or None when the order may be made; denials by `past_rules` do not count."""
    denial = check_base_rules(order, context, now_ns)
    if denial is not None or not order.opening_volume > 0:
        return denial
    return _first(OPENING_RULES, order, context, now_ns, past_rules)


def passed_denials(
    order: OrderProposal, context: RiskContext, now_ns: int, past_rules: Collection[str]
) -> dict[str, Denial]:
    """What the rules that an order is let past have against it, by code; one that has nothing is left out."""
    if not past_rules or not order.opening_volume > 0:
        return {}
    found = (rule.check(order, context, now_ns) for rule in OPENING_RULES)
    return {denial.code: denial for denial in found if denial is not None and denial.code in past_rules}


def check_before_sizing(order: OrderProposal, context: RiskContext, now_ns: int) -> Denial | None:
    """The first denial that an opening meets in any case, before anybody has worked out how much it would be.

    `check_order` asks the same again; this saves the sizing where a limit denies tick after tick.
    """
    return _first(_BEFORE_SIZE, order, context, now_ns)


def check_resting(
    order: OrderProposal, context: RiskContext, now_ns: int, past_rules: Collection[str] = ()
) -> Denial | None:
    """Why an order that rests may no longer open what it would; None while it may.

    The limits of whole stretches of time count, those that come and go with a tick do not. A person's order stays past
    the rules that it was let past.
    """
    return _first(RESTING_ORDER_RULES, order, context, now_ns, past_rules)


def check_base_rules(order: OrderProposal, context: RiskContext, now_ns: int) -> Denial | None:
    """The first denial of what holds for every order, also for one that only closes."""
    return _first(BASE_RULES, order, context, now_ns)


def _first(
    rules: tuple[Rule, ...],
    order: OrderProposal,
    context: RiskContext,
    now_ns: int,
    past_rules: Collection[str] = (),
) -> Denial | None:
    for rule in rules:
        denial = rule.check(order, context, now_ns)
        if denial is not None and denial.code not in past_rules:
            return denial
    return None
