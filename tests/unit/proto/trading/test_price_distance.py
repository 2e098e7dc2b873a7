"""Distances of prices from the market, computed by hand at a quote of 1.10000/1.10010."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec import structs

from proto.trading.enums import OrderType, Side
from proto.trading.money import Quote
from proto.trading.price_distance import (
    closing_touch,
    entry_distance,
    respects_stops_level,
    stop_loss_distance,
    take_profit_distance,
)
from tests.support.builders import an_instrument

D = Decimal
QUOTE = Quote(D("1.1"), D("1.1001"))


@pytest.mark.parametrize(("order_type", "side", "price", "distance"), [
    (OrderType.LIMIT, Side.BUY, "1.099", "0.0011"),
    (OrderType.LIMIT, Side.BUY, "1.101", "-0.0009"),
    (OrderType.LIMIT, Side.SELL, "1.101", "0.001"),
    (OrderType.LIMIT, Side.SELL, "1.099", "-0.001"),
    (OrderType.STOP, Side.BUY, "1.101", "0.0009"),
    (OrderType.STOP, Side.BUY, "1.099", "-0.0011"),
    (OrderType.STOP, Side.SELL, "1.099", "0.001"),
    (OrderType.STOP, Side.SELL, "1.101", "-0.001"),
])  # fmt: skip
def test_a_pending_price_is_measured_from_the_touch_it_would_trade_at(
    order_type: OrderType, side: Side, price: str, distance: str
) -> None:
    assert entry_distance(order_type, side, D(price), QUOTE) == D(distance)


@pytest.mark.parametrize(("side", "stop", "take"), [(Side.BUY, "1.099", "1.102"), (Side.SELL, "1.1011", "1.0981")])
def test_stops_of_a_position_are_measured_from_the_touch_that_closes_it(side: Side, stop: str, take: str) -> None:
    reference = closing_touch(side, QUOTE)
    assert reference == {Side.BUY: D("1.1"), Side.SELL: D("1.1001")}[side]
    assert stop_loss_distance(side, D(stop), reference) == D("0.001")
    assert take_profit_distance(side, D(take), reference) == D("0.002")
    assert stop_loss_distance(side, D(take), reference) == -D("0.002"), (
        "the distance of a stop on the wrong side is negative"
    )
    assert take_profit_distance(side, D(stop), reference) == -D("0.001")


@pytest.mark.parametrize(("level", "distance", "expected"), [
    (0, "0", False), (0, "0.00001", True), (0, "-0.00001", False), (10, "0.0001", True), (10, "0.00009", False),
])  # fmt: skip
def test_a_distance_is_accepted_from_the_stops_level_on_and_never_at_0(
    level: int, distance: str, expected: bool
) -> None:
    terms = structs.replace(an_instrument(), stops_level_points=level)
    assert respects_stops_level(D(distance), terms) is expected
