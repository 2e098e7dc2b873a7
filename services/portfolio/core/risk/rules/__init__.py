"""Risk rules, one in each file. docs/extending.md shows how to add a rule."""

from __future__ import annotations

from typing import Final

from services.portfolio.core.risk.rule import RiskRule
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

RULES: Final[tuple[RiskRule, ...]] = (
    # Rules for every order.
    storage.RULE,
    trading_state.RULE,
    lease.RULE,
    symbol.RULE,
    instrument_volume.RULE,
    prices.RULE,
    stops.RULE,
    expiry.RULE,
    conversion.RULE,
    # Limits on opening that do not depend on volume and price.
    signal_age.RULE,
    circuit_breaker.RULE,
    confidence.RULE,
    quote_age.RULE,
    hours.RULE,
    friday_close.RULE,
    rollover.RULE,
    news.RULE,
    daily_loss.RULE,
    drawdown.RULE,
    rejects.RULE,
    repeated_orders.RULE,
    order_rate.RULE,
    spread.RULE,
    # Limits on the volume and price of an opening order.
    price_collar.RULE,
    order_volume.RULE,
    order_notional.RULE,
    symbol_exposure.RULE,
    gross_exposure.RULE,
    currency_exposure.RULE,
    margin_use.RULE,
    strategy_budget.RULE,
    strategy_loss.RULE,
)
"""The rules in the order in which they are checked; the first denial is the result."""
