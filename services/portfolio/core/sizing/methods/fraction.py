"""A fixed fraction of equity is risked: what the position would lose at its stop loss."""

from __future__ import annotations

from services.portfolio.core.plan.plan import Sizing
from services.portfolio.core.sizing.formatting import money, percent
from services.portfolio.core.sizing.stop_risk import stop_of
from services.portfolio.core.sizing.types import NoTrade, SizingInput, Wanted


def wanted(plan: Sizing, given: SizingInput) -> Wanted | NoTrade:
    """Lots that lose `risk_pct` of equity at the stop.

    Formula: equity x risk_pct / 100 / loss of one lot at the stop. Fixed fractional trading, Vince, *Portfolio Management
    Formulas* (1990).
    """
    assert plan.risk_pct is not None, "a plan that is read has it"
    if given.equity is None:
        return NoTrade("the equity is not known")
    if isinstance(stop := stop_of(given), NoTrade):
        return stop
    risk = given.equity * plan.risk_pct / 100
    words = f"{percent(plan.risk_pct)} of {money(given.equity, given.currency)} = {money(risk, given.currency)} at risk"
    return Wanted(risk / stop.loss_per_lot, f"{words} / {stop.words}")
