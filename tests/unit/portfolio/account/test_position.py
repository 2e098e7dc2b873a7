"""Net position accounting: FIFO lots, partial closes, crossing zero."""

from __future__ import annotations

from decimal import Decimal

import pytest

from proto.trading.cost_basis import CostBasis
from proto.trading.enums import Side
from services.portfolio.core.account.position import ClosedLot, Position

D = Decimal


def a_position(*fills: tuple[Side, str, str]) -> Position:
    """Return a EURUSD position after these fills."""
    position = Position("EURUSD", D(100_000))
    for number, (side, volume, price) in enumerate(fills, 1):
        position.apply(side=side, volume=D(volume), price=D(price), deal=str(number), time_ns=number)
    return position


def test_a_position_without_fills_is_flat() -> None:
    position = a_position()
    assert position.is_flat
    assert position.label == "FLAT"
    assert position.avg_entry_price is None
    assert position.gross_unrealized(bid=D("1.1"), ask=D("1.1")) == 0


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
        ClosedLot("1", D("0.1"), D("1.1"), D("1.3"), D("2000.00")),
        ClosedLot("2", D("0.05"), D("1.2"), D("1.3"), D("500.0")),
    ]
    assert position.avg_entry_price == D("1.2")
    assert position.net_volume == D("0.05")


def test_a_partial_close_keeps_the_price_of_the_remaining_lot() -> None:
    position = a_position((Side.SELL, "0.3", "1.2"), (Side.BUY, "0.1", "1.1"))
    assert position.avg_entry_price == D("1.2")
    assert position.net_volume == D("-0.2")


def test_a_reversing_fill_realizes_profit_only_for_the_closed_lots() -> None:
    """Selling 3 lots against a 2-lot long closes 2 and opens a 1-lot short."""
    position = a_position((Side.BUY, "2", "1.1"))
    closings = position.apply(side=Side.SELL, volume=D(3), price=D("1.2"), deal="2", time_ns=2)
    assert [closing.volume for closing in closings] == [2]
    assert sum(closing.gross for closing in closings) == D(20_000)
    assert position.net_volume == -1
    assert position.avg_entry_price == D("1.2")
    assert position.lots[0].opened_by == "2"


def test_a_short_position_gains_when_the_price_falls() -> None:
    position = a_position((Side.SELL, "1", "1.2"))
    assert position.gross_unrealized(bid=D("1.1"), ask=D("1.1")) == D(10_000)
    assert position.gross_unrealized(bid=D("1.3"), ask=D("1.3")) == D(-10_000)


def test_a_full_close_leaves_a_flat_position_whatever_the_digits_of_volumes() -> None:
    position = a_position((Side.BUY, "0.03", "1.1"), *[(Side.SELL, "0.010", "1.1")] * 3)
    assert position.is_flat
    assert position.net_volume == 0
    assert position.lots == ()


def test_lots_without_their_legs_are_refused() -> None:
    held = a_position((Side.BUY, "1", "1.1"))
    with pytest.raises(AssertionError):
        Position("EURUSD", D(100_000), held.lots)


def a_hedge() -> Position:
    """Return a position with ticket 7, long 0.3 lots in two fills, and ticket 9, short 0.2 lots."""
    position = Position("EURUSD", D(100_000))
    for number, (ticket, side, volume, price) in enumerate(
        ((7, Side.BUY, "0.1", "1.1"), (9, Side.SELL, "0.2", "1.3"), (7, Side.BUY, "0.2", "1.4")), 1
    ):
        position.apply(side=side, volume=D(volume), price=D(price), deal=str(number), time_ns=number, ticket=ticket)
    return position


def test_a_hedging_account_has_long_and_short_tickets_at_the_same_time() -> None:
    position = a_hedge()
    assert (position.net_volume, position.direction, position.volume, position.gross_volume) == (
        D("0.1"),
        1,
        D("0.1"),
        D("0.5"),
    )
    assert [(leg.ticket, leg.direction, leg.holding, leg.opened_ns) for leg in position.legs] == [
        (7, 1, CostBasis(volume=D("0.3"), cost=D("0.39")), 1),
        (9, -1, CostBasis(volume=D("-0.2"), cost=D("-0.26")), 2),
    ]
    assert position.avg_entry_price == D("1.3")
    # Long: (1.2 - 1.1) * 10,000 + (1.2 - 1.4) * 20,000 = -3,000; short at the ask: (1.3 - 1.25) * 20,000 = 1,000.
    assert position.gross_unrealized(bid=D("1.2"), ask=D("1.25")) == D(-2_000)
    assert sum(position.gross_of(leg, bid=D("1.2"), ask=D("1.25")) for leg in position.legs) == D(-2_000)


def test_a_close_of_a_ticket_closes_only_lots_of_this_ticket() -> None:
    position = a_hedge()
    closings = position.apply(side=Side.SELL, volume=D("0.2"), price=D("1.2"), deal="4", time_ns=4, ticket=7)
    assert [(one.opened_by, one.volume) for one in closings] == [("1", D("0.1")), ("3", D("0.1"))]
    assert [(lot.position, lot.opened_by, lot.volume) for lot in position.lots] == [
        (9, "2", D("0.2")),
        (7, "3", D("0.1")),
    ]
    # The remaining lots are those bought at 1.4. The venue's average price is unchanged.
    assert position.legs[0].holding == CostBasis(volume=D("0.1"), cost=D("0.13"))
    assert position.gross_of(position.legs[0], bid=D("1.2"), ask=D("1.2")) == D(-1_000)


def test_equal_long_and_short_legs_are_not_flat_and_have_no_direction() -> None:
    position = a_hedge()
    position.apply(side=Side.SELL, volume=D("0.1"), price=D("1.2"), deal="4", time_ns=4, ticket=7)
    assert (position.net_volume, position.direction, position.volume) == (D(0), 0, D(0))
    assert not position.is_flat
    assert position.label == "HEDGED(0.2)"
    assert position.avg_entry_price is None


def test_a_close_reported_before_its_opening_leaves_no_position_and_the_correct_profit() -> None:
    position = Position("EURUSD", D(100_000))
    position.apply(side=Side.SELL, volume=D(1), price=D("1.2"), deal="2", time_ns=2, ticket=7)
    [closing] = position.apply(side=Side.BUY, volume=D(1), price=D("1.1"), deal="1", time_ns=1, ticket=7)
    assert (position.is_flat, position.legs, closing.gross) == (True, (), D(10_000))


def test_after_a_reversal_the_leg_has_the_time_of_the_reversal() -> None:
    position = a_position((Side.BUY, "1", "1.1"), (Side.SELL, "3", "1.2"))
    [leg] = position.legs
    assert (leg.direction, leg.holding, leg.opened_ns) == (-1, CostBasis(volume=D(-2), cost=D("-2.4")), 2)


def test_a_fill_without_volume_is_refused() -> None:
    with pytest.raises(AssertionError):
        a_position((Side.BUY, "0", "1.1"))


def test_an_average_entry_price_is_rounded_to_twelve_decimals() -> None:
    position = Position("EURUSD", D(100_000))
    for number, (volume, price) in enumerate([("0.01", "1.08440"), ("0.02", "1.08445")], 1):
        position.apply(side=Side.BUY, volume=D(volume), price=D(price), deal=str(number), time_ns=number)
    assert position.avg_entry_price == D("1.084433333333")
