"""Sizing method `weights`: the notional of a symbol's position is a percentage of equity."""

from __future__ import annotations

from services.portfolio.core.plan.plan import Sizing
from services.portfolio.core.sizing.formatting import format_percent
from services.portfolio.core.sizing.types import NoTrade, RawSize, SizingInput


def raw_size(sizing: Sizing, inputs: SizingInput) -> RawSize | NoTrade:
    """Return the lots whose notional is the symbol's percentage of equity in `weights_pct`.

    A weight above 100 uses leverage; a weight of 0 gives `NoTrade`. Formula: equity x weight / 100 / notional of one
    lot. Source: the portfolio weights of Markowitz, *Portfolio Selection* (1952).
    """
    terms = inputs.instrument
    weight = sizing.weights_pct.get(terms.symbol)
    if weight is None:
        return NoTrade(f"{terms.symbol} has no weight")
    if not weight:
        return NoTrade(f"{terms.symbol} has the weight 0")
    if inputs.equity is None:
        return NoTrade("the equity is not known")
    if inputs.notional_per_lot is None:
        return NoTrade(f"no rate is known from {terms.profit_currency} to {inputs.currency}")
    target = inputs.equity * weight / 100
    text = (
        f"{format_percent(weight)} of {inputs.money_text(inputs.equity)} = {inputs.money_text(target)} / "
        f"{inputs.money_text(inputs.notional_per_lot)} a lot"
    )
    return RawSize(target / inputs.notional_per_lot, text)
