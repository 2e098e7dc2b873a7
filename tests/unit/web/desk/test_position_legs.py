"""Tickets of positions: their stops in points and in money, by the formulas of the venue."""

from __future__ import annotations

from decimal import Decimal

from proto.control.views import LotRow, PositionRow, ProtectionRow
from services.web.desk.position_legs import LegCharges, Valuation, position_view
from tests.support.builders import plain_terms
from tests.support.market import FixedQuotes

D = Decimal
VALUATION = Valuation(
    {"EURUSD": plain_terms(), "USDJPY": plain_terms("USDJPY")},
    FixedQuotes(EURUSD=("1.10000", "1.10010"), USDJPY=("150.000", "150.010")),
    "USD",
    2,
)


def a_lot(
    side: str = "BUY", price: str = "1.09000", position: int = 0, volume: str = "0.10", time_ns: int = 5
) -> LotRow:
    return LotRow(side=side, position=position, volume=D(volume), price=D(price), deal=1, time_ns=time_ns)


def a_row(*lots: LotRow, symbol: str = "EURUSD", guards: tuple[ProtectionRow, ...] = ()) -> PositionRow:
    volume = sum((lot.volume * (1 if lot.side == "BUY" else -1) for lot in lots), D(0))
    return PositionRow(
        symbol=symbol,
        direction="LONG" if volume > 0 else "SHORT",
        net_volume=volume,
        avg_entry_price=D("1.09100"),
        close_price=None,
        unrealized_pnl=D("12.34"),
        lots_count=len(lots),
        lots=list(lots),
        guards=list(guards),
    )


def a_guard(position: int = 0, stop_loss: str | None = None, take_profit: str | None = None) -> ProtectionRow:
    return ProtectionRow(
        position=position,
        stop_loss=None if stop_loss is None else D(stop_loss),
        take_profit=None if take_profit is None else D(take_profit),
        trailing_stop_points=30,
        exit_ns=99,
    )


def test_a_netting_position_is_one_leg_at_its_average_price() -> None:
    row = a_row(a_lot(), a_lot(time_ns=3), guards=(a_guard(stop_loss="1.08100", take_profit="1.12000"),))
    [leg] = position_view(row, VALUATION, {0: LegCharges(D("-1.20"), D("-0.70"))}).legs
    assert (leg.side, leg.volume, leg.open_price, leg.open_time_ns) == ("BUY", D("0.20"), D("1.09100"), 3)
    assert (leg.unrealized_pnl, leg.swap, leg.commission) == (D("12.34"), D("-1.20"), D("-0.70"))
    assert (leg.trailing_stop_points, leg.exit_ns) == (30, 99)
    # 0.20 lots are 20,000 EUR, so a point of 0.00001 is 0.20 USD.
    assert (leg.stop_points, leg.stop_money) == (1900.0, D("-200.00"))
    assert (leg.target_points, leg.target_money) == (2000.0, D("580.00"))


def test_each_ticket_of_a_hedging_account_is_a_leg() -> None:
    row = a_row(
        a_lot(position=7, price="1.09000"),
        a_lot(position=7, price="1.09500"),
        a_lot("SELL", position=9, price="1.11000", volume="0.05"),
        guards=(a_guard(9, stop_loss="1.12000"),),
    )
    long, short = position_view(row, VALUATION).legs
    assert (long.position, long.side, long.volume, long.open_price) == (7, "BUY", D("0.20"), D("1.0925"))
    assert long.unrealized_pnl == D("150.00"), "0.20 lots from 1.09250 to the bid 1.10000"
    assert (long.stop_points, long.stop_money, long.swap) == (None, None, None)
    assert (short.position, short.unrealized_pnl) == (9, D("49.50")), "0.05 lots from 1.11000 to the ask 1.10010"
    assert (short.stop_points, short.stop_money) == (1990.0, D("-50.00"))


def test_a_loss_in_another_currency_is_converted_at_its_own_rate() -> None:
    lot = a_lot(position=7, price="150.000", volume="1")
    [leg] = position_view(a_row(lot, symbol="USDJPY", guards=(a_guard(7, "149.000", "151.000"),)), VALUATION).legs
    assert leg.stop_money == D("-666.67"), "100,000 JPY bought at the bid 150.000"
    assert leg.target_money == D("666.62"), "100,000 JPY sold at the ask 150.010"


def test_without_terms_or_quotes_the_distances_are_unknown() -> None:
    row = a_row(a_lot(), guards=(a_guard(stop_loss="1.08100"),))
    [leg] = position_view(row, None).legs
    assert (leg.stop_loss, leg.stop_points, leg.stop_money) == (D("1.08100"), None, None)
    no_quotes = VALUATION._replace(quotes=FixedQuotes())
    [leg] = position_view(row, no_quotes).legs
    assert (leg.stop_points, leg.stop_money) == (None, D("-100.00"))
