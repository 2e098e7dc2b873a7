"""Fractional Kelly: risk by the signal's probability and the payoff."""

from __future__ import annotations

from decimal import Decimal

from proto.trading.units import to_decimal
from services.portfolio.core.plan.plan import Exits, Sizing
from services.portfolio.core.sizing.formatting import format_number, format_percent
from services.portfolio.core.sizing.stop_risk import stop_risk
from services.portfolio.core.sizing.types import NoTrade, RawSize, SizingInput


def raw_size(sizing: Sizing, inputs: SizingInput) -> RawSize | NoTrade:
    """Lots that lose `kelly_fraction` of f* of equity at the stop, at most `kelly_risk_pct_max`.

    Formula: f* = p - (1 - p) / b, the growth-optimal fraction of capital for a bet won with probability p that pays b
    for each 1 at stake: Kelly, *A New Interpretation of Information Rate* (1956); Thorp, *The Kelly Criterion in
    Blackjack, Sports Betting, and the Stock Market* (2006), who advises a part of it. p is the signal's confidence,
    which must be a calibrated probability of reaching the payoff before the stop. f* <= 0 is no trade.
    """
    if inputs.equity is None:
        return NoTrade("the equity is not known")
    if isinstance(stop := stop_risk(inputs), NoTrade):
        return stop
    payoff = payoff_of(sizing, inputs.exits)
    if payoff is None:
        return NoTrade("there is no payoff, and no take_profit_points to tell it from")
    probability = to_decimal(inputs.confidence)
    best = probability - (1 - probability) / payoff
    text = f"p {format_number(probability)}, payoff {format_number(payoff)} -> f {format_number(best)}"
    if best <= 0:
        return NoTrade(f"{text}, not above 0")
    part_pct, most_pct = best * sizing.kelly_fraction * 100, sizing.kelly_risk_pct_max
    part = f"{format_number(sizing.kelly_fraction)} of it {format_percent(part_pct)}"
    text = f"{text}, {part}, at most {format_percent(most_pct)}"
    risk = inputs.equity * min(part_pct, most_pct) / 100
    of_equity = f"{inputs.money_text(risk)} of {inputs.money_text(inputs.equity)} at risk"
    return RawSize(risk / stop.loss_per_lot, f"{text} -> {of_equity} / {stop.explanation}")


def payoff_of(sizing: Sizing, exits: Exits) -> Decimal | None:
    """Gain for each 1 at stake: the plan's `payoff`, else take profit / stop loss, or None."""
    if sizing.payoff is not None:
        return sizing.payoff
    if exits.take_profit_points is None or exits.stop_loss_points is None:
        return None
    return Decimal(exits.take_profit_points) / exits.stop_loss_points
