"""A price at a distance from a quote is a multiple of the tick size, rounded away from the market."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from proto.trading.enums import OrderType, Side
from proto.trading.instrument import Instrument
from proto.trading.money import Quote
from proto.trading.price_distance import (
    closing_touch,
    entry_distance,
    respects_stops_level,
    stop_loss_distance,
    take_profit_distance,
)
from proto.trading.price_rounding import ENTRY_ROLES, PriceRole, price_away, round_to_tick
from proto.trading.units import is_on_step
from services.portfolio.core.account.protection import Protection, trail_stop
from tests.support.builders import plain_terms

TICKS = st.sampled_from(["0.00001", "0.0001", "0.001", "0.0025", "0.01", "0.03", "0.25", "0.5", "1", "5", "25"])
SIDES = st.sampled_from(Side)
POINTS = st.integers(min_value=1, max_value=100_000)


@st.composite
def instruments(draw: st.DrawFn) -> Instrument:
    """Instruments with any tick size, which may be above, equal to or below the point."""
    return structs.replace(
        plain_terms(),
        tick_size=Decimal(draw(TICKS)),
        digits=draw(st.integers(min_value=0, max_value=6)),
        stops_level_points=draw(st.integers(min_value=0, max_value=100)),
    )


@st.composite
def quotes(draw: st.DrawFn) -> Quote:
    """Quotes with six decimals for any tick size, including crossed ones."""
    bid = draw(st.integers(min_value=10**9, max_value=10**11))
    return Quote(
        Decimal(bid).scaleb(-6), Decimal(bid + draw(st.integers(min_value=-500, max_value=100_000))).scaleb(-6)
    )


@given(quotes(), POINTS, SIDES, instruments(), st.sampled_from([OrderType.LIMIT, OrderType.STOP]))
def test_an_entry_is_a_multiple_of_the_tick_size_and_less_than_one_tick_size_beyond_its_distance(
    quote: Quote, points: int, side: Side, terms: Instrument, kind: OrderType
) -> None:
    touch = quote.ask if side is Side.BUY else quote.bid
    price = price_away(touch, points, role=ENTRY_ROLES[kind], side=side, instrument=terms)
    assert is_on_step(price, terms.tick_size)
    farther = entry_distance(kind, side, price, quote) - points * terms.point
    assert 0 <= farther < terms.tick_size


@given(quotes(), POINTS, SIDES, instruments())
def test_stops_are_multiples_of_the_tick_size_and_respect_the_stops_level_if_their_points_do(
    quote: Quote, points: int, side: Side, terms: Instrument
) -> None:
    touch = closing_touch(side, quote)
    for role, distance_of in (
        (PriceRole.STOP_LOSS, stop_loss_distance),
        (PriceRole.TAKE_PROFIT, take_profit_distance),
    ):
        price = price_away(touch, points, role=role, side=side, instrument=terms)
        assert is_on_step(price, terms.tick_size)
        distance = distance_of(side, price, touch)
        assert 0 <= distance - points * terms.point < terms.tick_size
        assert respects_stops_level(distance, terms) or points < terms.stops_level_points


@given(quotes(), instruments(), st.booleans())
def test_a_price_that_is_a_multiple_of_the_tick_size_is_not_changed(
    quote: Quote, terms: Instrument, is_upward: bool
) -> None:
    price = round_to_tick(quote.bid, terms, is_upward=is_upward)
    assert round_to_tick(price, terms, is_upward=not is_upward) == price


@given(
    st.lists(quotes(), min_size=1, max_size=30),
    POINTS,
    st.integers(min_value=1, max_value=200),
    st.sampled_from([1, -1]),
    instruments(),
)
def test_a_trailing_stop_is_a_multiple_of_the_tick_size_never_moves_back_and_keeps_its_distance(
    ticks: list[Quote], points: int, step: int, direction: int, terms: Instrument
) -> None:
    guard = Protection(symbol="EURUSD", position=0, tag="desk", trailing_stop_points=points, trailing_step_points=step)
    for quote in ticks:
        moved = trail_stop(guard, direction=direction, bid=quote.bid, ask=quote.ask, instrument=terms)
        touch = quote.bid if direction > 0 else quote.ask
        best = touch - direction * points * terms.point
        if moved is None:
            # The stop stays if it would move by less than the trailing step plus the tick size, or if its price would
            # not be positive.
            assert best < terms.tick_size or (
                guard.stop_loss is not None
                and (best - guard.stop_loss) * direction < step * terms.point + terms.tick_size
            )
            continue
        assert moved.stop_loss is not None
        assert is_on_step(moved.stop_loss, terms.tick_size)
        assert 0 <= (best - moved.stop_loss) * direction < terms.tick_size
        if guard.stop_loss is not None:
            assert (moved.stop_loss - guard.stop_loss) * direction >= step * terms.point
        guard = moved
