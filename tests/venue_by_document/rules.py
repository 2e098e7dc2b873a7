"""Rules by which the venue refuses requests: stops level, freeze level, prices and expiry."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from proto.trading.enums import OrderType, TimeInForce
from tests.venue_by_document.book import ModifyStops, PlaceOrder, Position, Retcode
from tests.venue_by_document.money import Quote
from tests.venue_by_document.terms import SymbolTerms


def refusal_of_order(request: PlaceOrder, terms: SymbolTerms, quote: Quote, now: int) -> Retcode | None:
    """The return code with which an order is refused at a quote; None if its prices and its expiry are valid."""
    reference = quote.touch(-request.sign)
    if request.type is not OrderType.MARKET:
        if request.price is None or not _is_on_tick(request.price, terms):
            return Retcode.INVALID_PRICE
        reference = Fraction(request.price)
        worse = -1 if request.type is OrderType.LIMIT else 1
        distance = (reference - quote.touch(request.sign)) * request.sign * worse
        if distance <= 0 or distance < terms.stops_level_points * Fraction(terms.point):
            return Retcode.INVALID_PRICE
    if not stops_are_far(request.stop_loss, request.take_profit, sign=request.sign, reference=reference, terms=terms):
        return Retcode.INVALID_STOPS
    if request.time_in_force is TimeInForce.GTD and request.expires_ns <= now:
        return Retcode.INVALID_EXPIRATION
    return None


def is_frozen(request: PlaceOrder, terms: SymbolTerms, quote: Quote) -> bool:
    """Whether a resting order is within the freeze level, so that it cannot be changed or canceled."""
    return request.price is not None and _is_near(request.price, quote.touch(request.sign), terms)


def _is_near(price: Decimal, touch: Fraction, terms: SymbolTerms) -> bool:
    return abs(touch - Fraction(price)) <= terms.freeze_level_points * Fraction(terms.point)


def refusal_of_change(request: ModifyStops, held: Position, terms: SymbolTerms, quote: Quote) -> Retcode | None:
    """The return code with which a change of a position's stops is refused; None if the change is valid."""
    touch = quote.touch(-held.sign)
    if any(_is_near(price, touch, terms) for price in (held.stop_loss, held.take_profit) if price is not None):
        return Retcode.FROZEN
    stop_loss = None if request.stop_loss == held.stop_loss else request.stop_loss
    take_profit = None if request.take_profit == held.take_profit else request.take_profit
    if not stops_are_far(stop_loss, take_profit, sign=held.sign, reference=touch, terms=terms):
        return Retcode.INVALID_STOPS
    return None


def stops_are_far(
    stop_loss: Decimal | None, take_profit: Decimal | None, *, sign: int, reference: Fraction, terms: SymbolTerms
) -> bool:
    """Whether stops are multiples of the tick size, on the correct sides of a price, and outside the stops level."""
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
