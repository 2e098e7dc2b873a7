"""Stop loss and take profit must be on the right side of the market, at least the venue's stops level away."""

from __future__ import annotations

from typing import Final

from proto.time import NEVER_NS
from proto.trading.enums import side_of
from proto.trading.price_distance import closing_touch, respects_stops_level, stop_loss_distance, take_profit_distance
from proto.trading.price_rounding import PriceRole, price_away
from proto.trading.units import decimal_text
from services.portfolio.core.risk.latest_quote import NO_QUOTE, latest_quote, no_quote
from services.portfolio.core.risk.rule import Phase, RiskRule, RuleCode
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext


def check(order: OrderProposal, context: RiskContext, _now_ns: int) -> Denial | None:
    """Deny with INVALID_STOPS a stop on the wrong side or nearer than the symbol's stops level.

    Deny with NO_QUOTE if there is no quote to compare a stop with.
    """
    if not _has_stops(order):
        return None
    terms, side, quote = order.instrument, side_of(order.direction), latest_quote(order, context)
    if order.waits_for_price and order.limit_price is not None:
        reference = order.limit_price
    elif quote is not None:
        reference = closing_touch(side, quote)
    else:
        return no_quote(terms.symbol)
    for name, price, measure, sign in (
        ("stop loss", order.stop_loss, stop_loss_distance, -side.sign),
        ("take profit", order.take_profit, take_profit_distance, side.sign),
    ):
        if price is None:
            continue
        distance = measure(side, price, reference)
        if not respects_stops_level(distance, terms):
            where = "above" if sign > 0 else "below"
            limit = f"{max(terms.stops_level_points, 1)} points {where} {decimal_text(reference)}"
            return Denial(
                "INVALID_STOPS", limit, f"{name} {decimal_text(price)}, {decimal_text(distance / terms.point)} points"
            )
    if points := order.trailing_stop_points:
        trailing = price_away(reference, points, role=PriceRole.STOP_LOSS, side=side, instrument=terms)
        if not respects_stops_level(stop_loss_distance(side, trailing, reference), terms):
            return Denial("INVALID_STOPS", f"{terms.stops_level_points} points", f"trailing stop {points} points")
    return None


def until(order: OrderProposal, _context: RiskContext, now_ns: int) -> int:
    """Return `now_ns` for stops that are compared with the quote (see `rule.Until`)."""
    return now_ns if _has_stops(order) else NEVER_NS


def _has_stops(order: OrderProposal) -> bool:
    return order.stop_loss is not None or order.take_profit is not None or order.trailing_stop_points > 0


RULE: Final = RiskRule(
    codes=(
        RuleCode(
            "INVALID_STOPS",
            "a stop loss or take profit on the wrong side of its reference price, or nearer to it than the stops "
            "level; a trailing distance below that level. The reference is the price of a resting order; for other "
            "orders it is the touch at which the position would be closed",
            "the stops must be on the right side of the price, at least the venue's stops level away",
        ),
        NO_QUOTE,
    ),
    phases=Phase.BASE,
    check=check,
    until=until,
)
