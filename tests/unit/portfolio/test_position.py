"""Net position accounting: FIFO lots, partial closes, crossing zero."""

from __future__ import annotations

from decimal import Decimal

import pytest

from proto.units import Side
from services.portfolio.core.position import Closing, Position

D = Decimal


def a_position(*fills: tuple[Side, str, str]) -> Position:
    """A EURUSD position after these fills."""
    position = Position("EURUSD", D(100_000))
    for number, (side, volume, price) in enumerate(fills, 1):
        position.apply(side=side, volume=D(volume), price=D(price), deal=str(number), time_ns=number)
    return position


def test_a_new_position_is_flat() -> None:
    position = a_position()
    assert position.is_flat
    assert position.label == "FLAT"
    assert position.avg_entry_price is None
    assert position.gross_unrealized(D("1.1")) == 0


@pytest.mark.parametrize(("side", "net", "label"), [(Side.BUY, "0.5", "LONG(0.5)"), (Side.SELL, "-0.5", "SHORT(0.5)")])
def test_a_fill_opens_a_position_on_its_side(side: Side, net: str, label: str) -> None:
    position = a_position((side, "0.50", "1.1"))
    assert position.net_volume == D(net)
    assert position.volume == D("0.5")
    assert position.label == label


def test_the_average_price_is_weighted_by_volume() -> None:
    position = a_position((Side.BUY, "0.1", "1.1"), (Side.BUY, "0.3", "1.2"))
    assert position.avg_entry_price == D("1.175")


def test_the_oldest_lot_closes_first() -> None:
    position = a_position((Side.BUY, "0.1", "1.1"), (Side.BUY, "0.1", "1.2"))
    closings = position.apply(side=Side.SELL, volume=D("0.15"), price=D("1.3"), deal="3", time_ns=3)
    assert closings == [
        Closing("1", D("0.1"), D("1.1"), D("1.3"), D("2000.00")),
        Closing("2", D("0.05"), D("1.2"), D("1.3"), D("500.0")),
    ]
    assert position.avg_entry_price == D("1.2")
    assert position.net_volume == D("0.05")


def test_a_partial_close_keeps_the_price_of_the_rest() -> None:
    position = a_position((Side.SELL, "0.3", "1.2"), (Side.BUY, "0.1", "1.1"))
    assert position.avg_entry_price == D("1.2")
    assert position.net_volume == D("-0.2")


def test_fill_crossing_zero_realises_only_the_closed_part() -> None:
    """Selling 3 lots against a 2-lot long closes 2 and opens a 1-lot short."""
    position = a_position((Side.BUY, "2", "1.1"))
    closings = position.apply(side=Side.SELL, volume=D(3), price=D("1.2"), deal="2", time_ns=2)
    assert [closing.volume for closing in closings] == [2]
    assert sum(closing.gross for closing in closings) == D(20_000)
    assert position.net_volume == -1
    assert position.avg_entry_price == D("1.2")
    assert position.lots[0].opened_by == "2"


def test_a_short_gains_when_the_price_falls() -> None:
    position = a_position((Side.SELL, "1", "1.2"))
    assert position.gross_unrealized(D("1.1")) == D(10_000)
    assert position.gross_unrealized(D("1.3")) == D(-10_000)


def test_closing_all_is_flat_again_whatever_the_digits() -> None:
    position = a_position((Side.BUY, "0.03", "1.1"), *[(Side.SELL, "0.010", "1.1")] * 3)
    assert position.is_flat
    assert position.net_volume == 0
    assert position.lots == ()


def test_lots_and_direction_go_together() -> None:
    with pytest.raises(AssertionError):
        Position("EURUSD", D(100_000), (), 1)


def test_a_fill_has_a_volume() -> None:
    with pytest.raises(AssertionError):
        a_position((Side.BUY, "0", "1.1"))
