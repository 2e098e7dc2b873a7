"""Bounds of ticks: the narrowest of several bounds counts, and each concerns its symbol only."""

from __future__ import annotations

from decimal import Decimal

import pytest

from marketdata.tick_bounds import NEVER_NS, TickBounds
from proto.trading.units import to_decimal


def test_no_tick_is_outside_new_bounds() -> None:
    bounds = TickBounds(("EURUSD", "NZDUSD"))
    assert bounds.any_ns == NEVER_NS
    assert bounds.tick_ns.tolist() == [NEVER_NS, NEVER_NS]
    assert bounds.bid_low.tolist() == bounds.ask_low.tolist() == [float("-inf")] * 2
    assert bounds.bid_high.tolist() == bounds.ask_high.tolist() == [float("inf")] * 2
    assert bounds.visited_parts == set()


def test_the_narrowest_bound_of_each_symbol_counts() -> None:
    bounds = TickBounds(("EURUSD", "NZDUSD"))
    for price in ("1.1", "1.3", "1.2"):
        bounds.bid_at_most("EURUSD", Decimal(price))
        bounds.ask_at_most("NZDUSD", Decimal(price))
        bounds.bid_at_least("NZDUSD", Decimal(price))
        bounds.ask_at_least("EURUSD", Decimal(price))
    assert bounds.bid_low.tolist() == [pytest.approx(1.3), float("-inf")]
    assert bounds.ask_low.tolist() == [float("-inf"), pytest.approx(1.3)]
    assert bounds.bid_high.tolist() == [float("inf"), pytest.approx(1.1)]
    assert bounds.ask_high.tolist() == [pytest.approx(1.1), float("inf")]


@pytest.mark.parametrize("price", ["1.1", "0.00001", "151.237", "99999.99"])
def test_a_quote_is_outside_if_its_decimal_reaches_the_bound(price: str) -> None:
    """The decimal of a computed quote has 12 places, and may reach a price that the float does not."""
    bounds, at = TickBounds(("EURUSD",)), Decimal(price)
    bounds.bid_at_most("EURUSD", at)
    bounds.ask_at_least("EURUSD", at)
    for shift in (-4e-13, 0.0, 4e-13):
        quote = float(price) + shift
        assert to_decimal(quote) == at or float(price) > 1e4
        if to_decimal(quote) == at:
            assert bounds.ask_high[0] <= quote <= bounds.bid_low[0]
    assert bounds.ask_high[0] > float(price) - 1e-9
    assert bounds.bid_low[0] < float(price) + 1e-9


def test_the_earliest_time_counts() -> None:
    bounds = TickBounds(("EURUSD", "NZDUSD"))
    for time_ns in (30, 10, 20):
        bounds.any_tick_from(time_ns)
        bounds.tick_from("NZDUSD", 2 * time_ns)
    assert bounds.any_ns == 10
    assert bounds.tick_ns.tolist() == [NEVER_NS, 20]


def test_a_part_that_cannot_say_has_every_tick_and_is_named() -> None:
    bounds = TickBounds(("EURUSD",))
    bounds.every_tick("spread")
    assert bounds.any_ns == 0
    assert bounds.visited_parts == {"spread"}
