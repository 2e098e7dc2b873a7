"""A netting position is the sum of its deals, and its profits add up to the cash of its deals."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from proto.gateway import DealEntry
from proto.trading.cost_basis import CostBasis, gross_profit_at
from proto.trading.enums import Side
from proto.trading.money import gross_profit
from services.mt5.core.simulated.positions import Position, PositionChange, apply_deal

CONTRACT = Decimal(100_000)

volumes = st.integers(1, 500).map(lambda n: Decimal(n) / 100)
prices = st.integers(90_000, 120_000).map(lambda n: Decimal(n) / 100_000)
deals = st.lists(st.tuples(st.sampled_from(Side), volumes, prices), max_size=40)


def add(position: Position | None, side: Side, volume: str, price: str) -> PositionChange:
    return apply_deal(
        position, symbol="EURUSD", side=side, volume=Decimal(volume), price=Decimal(price), time_ns=7, new_ticket=3
    )


def a_long(volume: str = "2", price: str = "1.10") -> Position:
    position = add(None, Side.BUY, volume, price).position
    assert position is not None
    return position


def test_a_first_deal_opens_at_its_price() -> None:
    change = add(None, Side.SELL, "0.5", "1.1")
    assert change.entry is DealEntry.IN
    assert change.position == Position(
        ticket=3,
        symbol="EURUSD",
        volume=Decimal("-0.5"),
        cost=Decimal("-0.55"),
        price_open=Decimal("1.1"),
        time_ns=7,
    )


def test_more_of_the_same_side_moves_the_price_to_the_weighted_average() -> None:
    change = add(a_long("1", "1.10"), Side.BUY, "3", "1.20")
    assert change.entry is DealEntry.IN
    assert change.position is not None
    assert change.position.price_open == Decimal("1.175")
    assert change.position.ticket == 3


def test_a_partial_close_keeps_the_open_price() -> None:
    change = add(a_long("2", "1.10"), Side.SELL, "0.5", "1.30")
    assert change.entry is DealEntry.OUT
    assert change.position is not None
    assert change.position.volume == Decimal("1.5")
    assert change.position.price_open == Decimal("1.10")
    assert (change.closed_volume, change.closed_cost) == (Decimal("0.5"), Decimal("0.55"))


def test_a_deal_crossing_zero_closes_all_and_opens_the_rest_at_its_price() -> None:
    change = add(a_long("2", "1.10"), Side.SELL, "3", "1.30")
    assert change.entry is DealEntry.INOUT
    assert change.position is not None
    assert (change.position.volume, change.position.price_open) == (Decimal(-1), Decimal("1.30"))
    assert change.closed_volume == 2


def test_closing_all_leaves_no_position() -> None:
    change = add(a_long("2", "1.10"), Side.SELL, "2.00", "1.30")
    assert (change.entry, change.position) == (DealEntry.OUT, None)


def test_the_profit_computed_from_cost_equals_that_from_the_open_price() -> None:
    held = CostBasis(volume=Decimal("-0.3"), cost=Decimal("-0.33"))
    by_cost = gross_profit_at(held, price=Decimal("1.25"), multiplier=CONTRACT)
    by_price = gross_profit(
        signed_volume=Decimal("-0.3"), open_price=Decimal("1.1"), close_price=Decimal("1.25"), multiplier=CONTRACT
    )
    assert by_cost == by_price == -4500


def test_the_costs_of_partial_closes_add_up_to_the_whole_cost() -> None:
    """0.01 lots at 1.1 and 0.02 at 1.2 average to 1.1666...; the costs of three equal closes still sum to 0.035."""
    position = add(a_long("0.01", "1.1"), Side.BUY, "0.02", "1.2").position
    total = Decimal(0)
    for _ in range(3):
        change = add(position, Side.SELL, "0.01", "1.3")
        position, total = change.position, total + change.closed_cost
    assert total == Decimal("0.035")


@given(deals=deals)
def test_the_position_is_the_sum_of_its_signed_deals(deals: list[tuple[Side, Decimal, Decimal]]) -> None:
    position: Position | None = None
    total = Decimal(0)
    for side, volume, price in deals:
        position = add(position, side, str(volume), str(price)).position
        total += volume * side.sign
        assert (position.volume if position else Decimal(0)) == total


@given(deals=deals, last=prices)
def test_the_profits_of_a_closed_position_equal_the_cash_of_its_deals(
    deals: list[tuple[Side, Decimal, Decimal]], last: Decimal
) -> None:
    """The rounding of the average price has no effect: profit is exactly the sum sold minus the sum bought."""
    position: Position | None = None
    realized = paid = Decimal(0)

    def book(side: Side, volume: Decimal, price: Decimal) -> None:
        nonlocal position, realized, paid
        change = add(position, side, str(volume), str(price))
        closed = CostBasis(change.closed_volume, change.closed_cost)
        realized += gross_profit_at(closed, price=price, multiplier=CONTRACT)
        paid -= volume * side.sign * price * CONTRACT
        position = change.position

    for side, volume, price in deals:
        book(side, volume, price)
    if position is not None:
        book(position.side.opposite, abs(position.volume), last)
    assert position is None
    assert realized == paid
