"""Sizing method `volatility`: positions with a given daily standard deviation of profit."""

from __future__ import annotations

from proto.trading.units import to_decimal
from services.portfolio.core.plan.plan import Sizing
from services.portfolio.core.sizing.formatting import format_percent
from services.portfolio.core.sizing.types import NoTrade, RawSize, SizingInput


def raw_size(sizing: Sizing, inputs: SizingInput) -> RawSize | NoTrade:
    """Return the lots whose daily profit has a standard deviation of `volatility_pct_per_day` percent of equity.

    Formula: equity x target / (notional of one lot x standard deviation of the symbol's daily return). Carver,
    *Systematic Trading* (2015), chapters 9 and 10, volatility-standardised size of one instrument.
    """
    assert sizing.volatility_pct_per_day is not None, "the validation of the plan requires it"
    terms = inputs.instrument
    if inputs.equity is None:
        return NoTrade("the equity is not known")
    if inputs.notional_per_lot is None:
        return NoTrade(f"no rate is known from {terms.profit_currency} to {inputs.currency}")
    if inputs.volatility_per_day is None:
        return NoTrade(f"the volatility of {terms.symbol} is not known yet")
    volatility = to_decimal(inputs.volatility_per_day)
    if volatility <= 0:
        return NoTrade(f"{terms.symbol} does not move: its volatility is 0")
    target = inputs.equity * sizing.volatility_pct_per_day / 100
    per_lot = inputs.notional_per_lot * volatility
    text = (
        f"{format_percent(sizing.volatility_pct_per_day)} of {inputs.money_text(inputs.equity)} a day = "
        f"{inputs.money_text(target)} / ({inputs.money_text(inputs.notional_per_lot)} a lot x "
        f"{format_percent(volatility * 100)} a day = {inputs.money_text(per_lot)})"
    )
    return RawSize(target / per_lot, text)
