"""Sizing method `kelly`, fractional Kelly: the risk follows from the signal's confidence and the payoff."""

from __future__ import annotations

from decimal import Decimal

from proto.trading.units import to_decimal
from services.portfolio.core.plan.plan import Exits, Sizing
from services.portfolio.core.sizing.formatting import format_number, format_percent
from services.portfolio.core.sizing.stop_risk import stop_risk
from services.portfolio.core.sizing.types import NoTrade, RawSize, SizingInput


def raw_size(sizing: Sizing, inputs: SizingInput) -> RawSize | NoTrade:
    """Return the lots whose loss at the stop loss is the fraction `kelly_fraction` x f* of equity.

    The loss is at most `kelly_risk_pct_max` percent of equity. f* <= 0 gives `NoTrade`.

    Formula: f* = p - (1 - p) / b, the growth-optimal fraction of capital for a bet that is won with probability p and
    pays b for each unit at stake. Source: Kelly, *A New Interpretation of Information Rate* (1956). Thorp, *The Kelly
    Criterion in Blackjack, Sports Betting, and the Stock Market* (2006), recommends staking only a part of f*. p is
    the signal's confidence, which must be a calibrated probability of reaching the take profit before the stop loss.
    """
    if inputs.equity is None:
        return NoTrade("the equity is not known")
    if isinstance(stop := stop_risk(inputs), NoTrade):
        return stop
    payoff = payoff_of(sizing, inputs.exits)
    if payoff is None:
        return NoTrade("there is no payoff, and no take_profit_points to compute it from")
    probability = to_decimal(inputs.confidence)
    best = probability - (1 - probability) / payoff
    text = f"p {format_number(probability)}, payoff {format_number(payoff)} -> f {format_number(best)}"
    if best <= 0:
        return NoTrade(f"{text}, not above 0")
    part_pct, most_pct = best * sizing.kelly_fraction * 100, sizing.kelly_risk_pct_max
    part = f"{format_number(sizing.kelly_fraction)} of f is {format_percent(part_pct)}"
    text = f"{text}, {part}, at most {format_percent(most_pct)}"
    risk = inputs.equity * min(part_pct, most_pct) / 100
    of_equity = f"{inputs.money_text(risk)} of {inputs.money_text(inputs.equity)} at risk"
    return RawSize(risk / stop.loss_per_lot, f"{text} -> {of_equity} / {stop.explanation}")


def payoff_of(sizing: Sizing, exits: Exits) -> Decimal | None:
    """Return the gain for each unit at stake: the plan's `payoff`, else take profit / stop loss; None without both."""
    if sizing.payoff is not None:
        return sizing.payoff
    if exits.take_profit_points is None or exits.stop_loss_points is None:
        return None
    return Decimal(exits.take_profit_points) / exits.stop_loss_points
