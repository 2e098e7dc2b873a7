"""Cost of an open position by the average price, and the profit of closing it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from proto.trading.cost_basis import CostBasis, add_to_cost_basis, gross_profit_at

D = Decimal


@pytest.mark.parametrize(
    ("before", "signed", "price", "after", "closed"),
    [
        (("0", "0"), "2", "1.1", ("2", "2.2"), ("0", "0")),
        (("2", "2.2"), "1", "1.4", ("3", "3.6"), ("0", "0")),
        (("-2", "-2.2"), "-1", "1.4", ("-3", "-3.6"), ("0", "0")),
        # A third of the volume takes a third of the cost of 3.6.
        (("3", "3.6"), "-1", "1.5", ("2", "2.4"), ("1", "1.2")),
        (("3", "3.6"), "-3", "1.5", ("0", "0"), ("3", "3.6")),
        (("3", "3.6"), "-5", "1.5", ("-2", "-3.0"), ("3", "3.6")),
        (("-3", "-3.6"), "5", "1.5", ("2", "3.0"), ("-3", "-3.6")),
    ],
)
def test_a_deal_adds_to_the_cost_removes_a_share_of_it_or_reverses_the_holding(
    before: tuple[str, str], signed: str, price: str, after: tuple[str, str], closed: tuple[str, str]
) -> None:
    found = add_to_cost_basis(CostBasis(D(before[0]), D(before[1])), signed_volume=D(signed), price=D(price))
    assert found.holding == CostBasis(D(after[0]), D(after[1]))
    assert (found.closed_volume, found.closed_cost) == (D(closed[0]), D(closed[1]))


def test_a_part_that_does_not_divide_evenly_leaves_the_exact_rest() -> None:
    found = add_to_cost_basis(CostBasis(D(3), D(1)), signed_volume=D(-1), price=D(1))
    assert found.closed_cost == D("0.333333333333333")
    assert found.holding.cost + found.closed_cost == 1


def test_the_profit_of_closing_is_the_value_at_the_closing_price_less_the_cost() -> None:
    assert gross_profit_at(CostBasis(D(2), D("2.2")), price=D("1.2"), multiplier=D(100_000)) == D(20_000)
    assert gross_profit_at(CostBasis(D(-2), D("-2.2")), price=D("1.2"), multiplier=D(100_000)) == D(-20_000)
    assert gross_profit_at(CostBasis(), price=D("1.2"), multiplier=D(100_000)) == 0


def test_a_deal_without_volume_is_an_error() -> None:
    with pytest.raises(AssertionError):
        add_to_cost_basis(CostBasis(), signed_volume=D(0), price=D(1))
