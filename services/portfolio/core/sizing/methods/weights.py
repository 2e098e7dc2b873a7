"""Each symbol has its weight: the part of equity that a position in it is worth."""

from __future__ import annotations

from services.portfolio.core.plan.plan import Sizing
from services.portfolio.core.sizing.formatting import money, percent
from services.portfolio.core.sizing.types import NoTrade, SizingInput, Wanted


def wanted(plan: Sizing, given: SizingInput) -> Wanted | NoTrade:
    """Lots worth `weights_pct` of equity; above 100 is leverage, 0 keeps out of the symbol.

    Formula: equity x weight / notional of one lot, the weights of a portfolio as Markowitz, *Portfolio Selection* (1952), has
    them.
    """
    terms = given.instrument
    weight = plan.weights_pct.get(terms.symbol)
    if weight is None:
        return NoTrade(f"{terms.symbol} has no weight")
    if not weight:
        return NoTrade(f"{terms.symbol} has the weight 0")
    if given.equity is None:
        return NoTrade("the equity is not known")
    if given.notional_per_lot is None:
        return NoTrade(f"no rate is known from {terms.profit_currency} to {given.currency}")
    target = given.equity * weight / 100
    words = (
        f"{percent(weight)} of {money(given.equity, given.currency)} = {money(target, given.currency)} / "
        f"{money(given.notional_per_lot, given.currency)} a lot"
    )
    return Wanted(target / given.notional_per_lot, words)
