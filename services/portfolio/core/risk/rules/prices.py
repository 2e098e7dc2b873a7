"""Prices of an order must be above 0, multiples of the tick size, and on the right side of the market."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from proto.time import NEVER_NS
from proto.trading.enums import OrderType, side_of
from proto.trading.price_distance import entry_distance, respects_stops_level
from proto.trading.units import decimal_text, is_exact, is_on_step
from services.portfolio.core.risk.latest_quote import NO_QUOTE, latest_quote, no_quote
from services.portfolio.core.risk.rule import Phase, RiskRule, RuleCode
from services.portfolio.core.risk.types import Denial, OrderProposal, RiskContext

INVALID_PRICE: Final = "INVALID_PRICE"


def check(order: OrderProposal, context: RiskContext, _now_ns: int) -> Denial | None:
    """Deny with INVALID_PRICE or NO_QUOTE for the decision's price, the order's own price or its stops."""
    terms = order.instrument
    if not _is_price(order.price):
        return Denial(INVALID_PRICE, "a price above 0", f"{order.price} of the quote of {terms.symbol}")
    for name, price in (
        ("price", order.limit_price),
        ("stop loss", order.stop_loss),
        ("take profit", order.take_profit),
    ):
        if price is None:
            continue
        if not _is_price(price):
            return Denial(INVALID_PRICE, "a price above 0", f"{name} {price} of {terms.symbol}")
        if not is_on_step(price, terms.tick_size):
            limit = f"a multiple of {decimal_text(terms.tick_size)}"
            return Denial(INVALID_PRICE, limit, f"{name} {decimal_text(price)} of {terms.symbol}")
    if order.type is OrderType.MARKET:
        if order.limit_price is None:
            return None
        return Denial(INVALID_PRICE, "no price for a MARKET order", decimal_text(order.limit_price))
    if order.limit_price is None:
        return Denial(INVALID_PRICE, f"the price of a {order.type}", "none")
    return _check_resting_price(order, order.limit_price, context) if order.waits_for_price else None


def _check_resting_price(order: OrderProposal, price: Decimal, context: RiskContext) -> Denial | None:
    """Check that a resting order keeps the stops level and would not be executed at once."""
    terms, quote = order.instrument, latest_quote(order, context)
    if quote is None:
        return no_quote(terms.symbol)
    side = side_of(order.direction)
    distance = entry_distance(order.type, side, price, quote)
    if respects_stops_level(distance, terms):
        return None
    where = "better" if order.type is OrderType.LIMIT else "worse"
    limit = (
        f"{max(terms.stops_level_points, 1)} points {where} than {decimal_text(quote.bid)}/{decimal_text(quote.ask)}"
    )
    return Denial(
        INVALID_PRICE,
        limit,
        f"{side} {order.type} at {decimal_text(price)}, {decimal_text(distance / terms.point)} points",
    )


def _is_price(price: Decimal) -> bool:
    return is_exact(price) and price > 0


def until(order: OrderProposal, _context: RiskContext, now_ns: int) -> int:
    """Return `now_ns` for an order that would rest, whose price is compared with the quote (see `rule.Until`)."""
    return now_ns if order.waits_for_price else NEVER_NS


RULE: Final = RiskRule(
    codes=(
        RuleCode(
            INVALID_PRICE,
            "a price that is no number, not above 0 or not a multiple of the tick size; a LIMIT or STOP order without "
            "a price, executable at once, or nearer to the market than the stops level",
            "the price must be above 0, a multiple of the tick size, and on the right side of the market",
        ),
        NO_QUOTE,
    ),
    phases=Phase.BASE,
    check=check,
    until=until,
)
