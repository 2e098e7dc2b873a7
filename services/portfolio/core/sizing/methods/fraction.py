"""Sizing method `fraction`, fixed fractional: the loss at the stop loss is a fixed percentage of equity."""

from __future__ import annotations

from services.portfolio.core.plan.plan import Sizing
from services.portfolio.core.sizing.formatting import format_percent
from services.portfolio.core.sizing.stop_risk import stop_risk
from services.portfolio.core.sizing.types import NoTrade, RawSize, SizingInput


def raw_size(sizing: Sizing, inputs: SizingInput) -> RawSize | NoTrade:
    """Return the lots whose loss at the stop loss is `risk_pct` percent of equity.

    Formula: equity x risk_pct / 100 / loss of one lot at the stop. Vince, *Portfolio Management Formulas* (1990), fixed
    fractional trading.
    """
    assert sizing.risk_pct is not None, "the validation of the plan requires it"
    if inputs.equity is None:
        return NoTrade("the equity is not known")
    if isinstance(stop := stop_risk(inputs), NoTrade):
        return stop
    risk = inputs.equity * sizing.risk_pct / 100
    text = (
        f"{format_percent(sizing.risk_pct)} of {inputs.money_text(inputs.equity)} = {inputs.money_text(risk)} at risk"
    )
    return RawSize(risk / stop.loss_per_lot, f"{text} / {stop.explanation}")
