"""What is refused for its prices: levels, distances and times."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from proto.trading.enums import OrderType, TimeInForce
from tests.venue_by_document.book import ModifyStops, PlaceOrder, Position, Retcode
from tests.venue_by_document.money import Quote
from tests.venue_by_document.terms import SymbolTerms


def refusal_of_order(asked: PlaceOrder, terms: SymbolTerms, quote: Quote, now: int) -> Retcode | None:
    """Why an order is refused at a quote, None where its prices and its time are in order."""
    reference = quote.touch(-asked.sign)
    if asked.type is not OrderType.MARKET:
        if asked.price is None or not _is_on_tick(asked.price, terms):
            return Retcode.INVALID_PRICE
        reference = Fraction(asked.price)
        worse = -1 if asked.type is OrderType.LIMIT else 1
        distance = (reference - quote.touch(asked.sign)) * asked.sign * worse
        if distance <= 0 or distance < terms.stops_level_points * Fraction(terms.point):
            return Retcode.INVALID_PRICE
    if not stops_are_far(asked.stop_loss, asked.take_profit, sign=asked.sign, reference=reference, terms=terms):
        return Retcode.INVALID_STOPS
    if asked.time_in_force is TimeInForce.GTD and asked.expires_ns <= now:
        return Retcode.INVALID_EXPIRATION
    return None


def is_frozen(asked: PlaceOrder, terms: SymbolTerms, quote: Quote) -> bool:
    """Whether an order that rests is too near to its execution to be changed or canceled."""
    return asked.price is not None and _is_near(asked.price, quote.touch(asked.sign), terms)


def _is_near(price: Decimal, touch: Fraction, terms: SymbolTerms) -> bool:
    return abs(touch - Fraction(price)) <= terms.freeze_level_points * Fraction(terms.point)


def refusal_of_change(asked: ModifyStops, held: Position, terms: SymbolTerms, quote: Quote) -> Retcode | None:
    """Why a position's stops are not changed, None where they may be."""
    touch = quote.touch(-held.sign)
    if any(_is_near(price, touch, terms) for price in (held.stop_loss, held.take_profit) if price is not None):
        return Retcode.FROZEN
    stop_loss = None if asked.stop_loss == held.stop_loss else asked.stop_loss
    take_profit = None if asked.take_profit == held.take_profit else asked.take_profit
    if not stops_are_far(stop_loss, take_profit, sign=held.sign, reference=touch, terms=terms):
        return Retcode.INVALID_STOPS
    return None


def stops_are_far(
    stop_loss: Decimal | None, take_profit: Decimal | None, *, sign: int, reference: Fraction, terms: SymbolTerms
) -> bool:
    """Whether stops lie on their sides of a reference, on the tick, and no nearer than the stops level."""
    level = terms.stops_level_points * Fraction(terms.point)
    for price, side in ((stop_loss, -sign), (take_profit, sign)):
        if price is None:
            continue
        distance = (Fraction(price) - reference) * side
        if not _is_on_tick(price, terms) or distance <= 0 or distance < level:
            return False
    return True


def _is_on_tick(price: Decimal, terms: SymbolTerms) -> bool:
    return not price % terms.tick_size
