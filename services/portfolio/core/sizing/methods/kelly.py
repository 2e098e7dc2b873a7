"""A part of the Kelly fraction of equity is risked, which follows from the signal's probability and from the payoff."""

from __future__ import annotations

from decimal import Decimal

from proto.trading.units import exact
from services.portfolio.core.plan.plan import Exits, Sizing
from services.portfolio.core.sizing.formatting import money, percent, shown
from services.portfolio.core.sizing.stop_risk import stop_of
from services.portfolio.core.sizing.types import NoTrade, SizingInput, Wanted


def wanted(plan: Sizing, given: SizingInput) -> Wanted | NoTrade:
    """Lots that lose `kelly_fraction` of the Kelly fraction at the stop, at most `kelly_risk_pct_max` of equity.

    Formula: f* = p - (1 - p) / b, the part of the capital whose bet makes it grow fastest, when a bet is won with probability
    p and then pays b for each 1 that is lost otherwise: Kelly, *A New Interpretation of Information Rate* (1956); Thorp, *The
    Kelly Criterion in Blackjack, Sports Betting, and the Stock Market* (2006), who advises a part of it. p is the signal's
    confidence, so that it takes a strategy whose confidence is a calibrated probability of reaching the payoff before the
    stop. f* <= 0 is a bet that loses in the long run: no trade.
    """
    if given.equity is None:
        return NoTrade("the equity is not known")
    if isinstance(stop := stop_of(given), NoTrade):
        return stop
    payoff = payoff_of(plan, given.exits)
    if payoff is None:
        return NoTrade("there is no payoff, and no take_profit_points to tell it from")
    probability = exact(given.confidence)
    best = probability - (1 - probability) / payoff
    words = f"p {shown(probability)}, payoff {shown(payoff)} -> f {shown(best)}"
    if best <= 0:
        return NoTrade(f"{words}, not above 0")
    part_pct, most_pct = best * plan.kelly_fraction * 100, plan.kelly_risk_pct_max
    words = f"{words}, {shown(plan.kelly_fraction)} of it {percent(part_pct)}, at most {percent(most_pct)}"
    risk = given.equity * min(part_pct, most_pct) / 100
    of_equity = f"{money(risk, given.currency)} of {money(given.equity, given.currency)} at risk"
    return Wanted(risk / stop.loss_per_lot, f"{words} -> {of_equity} / {stop.words}")


def payoff_of(plan: Sizing, exits: Exits) -> Decimal | None:
    """What is won for each 1 that is lost otherwise: as the plan says, else its take profit by its stop loss."""
    if plan.payoff is not None:
        return plan.payoff
    if exits.take_profit_points is None or exits.stop_loss_points is None:
        return None
    return Decimal(exits.take_profit_points) / exits.stop_loss_points
