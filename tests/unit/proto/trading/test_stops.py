"""The stops of a position after a deal, by MetaTrader's rules."""

from __future__ import annotations

from decimal import Decimal

import pytest

from proto.gateway import DealEntry
from proto.trading.stops import Stops, stops_after

LOW, LOWER, HIGH = Decimal("1.09"), Decimal("1.08"), Decimal("1.2")
HELD = Stops(LOW, HIGH)


def test_an_opening_order_sets_its_stops() -> None:
    assert stops_after(DealEntry.IN, given=Stops(LOW), held=None) == (LOW, None)


@pytest.mark.parametrize(
    ("given", "after"),
    [
        (Stops(), (LOW, HIGH)),
        (Stops(LOWER), (LOWER, HIGH)),
        (Stops(None, LOW), (LOW, LOW)),
        (Stops(LOWER, LOW), (LOWER, LOW)),
    ],
)
def test_an_increasing_order_replaces_the_stops_that_it_names_and_keeps_the_others(given: Stops, after: Stops) -> None:
    assert stops_after(DealEntry.IN, given=given, held=HELD) == after


@pytest.mark.parametrize("given", [Stops(), Stops(HIGH), Stops(HIGH, LOW)])
def test_a_closing_order_changes_no_stop(given: Stops) -> None:
    assert stops_after(DealEntry.OUT, given=given, held=HELD) == HELD


@pytest.mark.parametrize("given", [Stops(), Stops(HIGH), Stops(HIGH, LOW)])
def test_a_reversing_order_sets_its_stops_and_keeps_none_of_the_old_ones(given: Stops) -> None:
    assert stops_after(DealEntry.INOUT, given=given, held=HELD) == given
