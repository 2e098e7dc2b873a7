"""A position that moves the equity by so much on an ordinary day, whatever the symbol moves by."""

from __future__ import annotations

from proto.trading.units import exact
from services.portfolio.core.plan.plan import Sizing
from services.portfolio.core.sizing.formatting import money, percent
from services.portfolio.core.sizing.types import NoTrade, SizingInput, Wanted


def wanted(plan: Sizing, given: SizingInput) -> Wanted | NoTrade:
    """Lots whose profit over a day has a standard deviation of `volatility_pct_per_day` of equity.

    Formula: equity x target / (notional of one lot x standard deviation of the symbol's return over a day): Carver, *Systematic
    Trading* (2015), chapters 9 and 10, for the volatility standardised size of one instrument.
    """
    assert plan.volatility_pct_per_day is not None, "a plan that is read has it"
    terms = given.instrument
    if given.equity is None:
        return NoTrade("the equity is not known")
    if given.notional_per_lot is None:
        return NoTrade(f"no rate is known from {terms.profit_currency} to {given.currency}")
    if given.volatility_per_day is None:
        return NoTrade(f"the volatility of {terms.symbol} is not known yet")
    volatility = exact(given.volatility_per_day)
    if volatility <= 0:
        return NoTrade(f"{terms.symbol} does not move: its volatility is 0")
    target = given.equity * plan.volatility_pct_per_day / 100
    per_lot = given.notional_per_lot * volatility
    words = (
        f"{percent(plan.volatility_pct_per_day)} of {money(given.equity, given.currency)} a day = "
        f"{money(target, given.currency)} / ({money(given.notional_per_lot, given.currency)} a lot x "
        f"{percent(volatility * 100)} a day = {money(per_lot, given.currency)})"
    )
    return Wanted(target / per_lot, words)
