"""The stops of a position after a deal, as MetaTrader's rules of inheritance have them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from proto.gateway import DealEntry
from proto.trading.stops import Stops, stops_after

LOW, LOWER, HIGH = Decimal("1.09"), Decimal("1.08"), Decimal("1.2")
HELD = Stops(LOW, HIGH)


def test_what_opens_a_position_brings_its_own_stops() -> None:
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
def test_what_adds_replaces_each_stop_that_it_gives_and_leaves_the_other(given: Stops, after: Stops) -> None:
    assert stops_after(DealEntry.IN, given=given, held=HELD) == after


@pytest.mark.parametrize("given", [Stops(), Stops(HIGH), Stops(HIGH, LOW)])
def test_what_takes_away_changes_none(given: Stops) -> None:
    assert stops_after(DealEntry.OUT, given=given, held=HELD) == HELD


@pytest.mark.parametrize("given", [Stops(), Stops(HIGH), Stops(HIGH, LOW)])
def test_what_reverses_brings_its_own_and_nothing_stays(given: Stops) -> None:
    assert stops_after(DealEntry.INOUT, given=given, held=HELD) == given
