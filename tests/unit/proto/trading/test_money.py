"""Profit, conversion, margin and commission, compared with numbers computed by hand."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from proto.trading.enums import CalculationMode
from proto.trading.instrument import CommissionTerms, Instrument
from proto.trading.money import (
    average_price,
    commission_of,
    commission_per_lot,
    conversion_rate,
    gross_profit,
)
from proto.trading.position_margin import account_margin, symbol_margin, volumes_by_side
from tests.support.builders import an_instrument
from tests.support.market import FixedQuotes, utc_ns

D = Decimal


def rate(sign: int, source: str, target: str, *symbols: str, **quotes: tuple[str, str]) -> Decimal | None:
    instruments = {symbol: an_instrument(symbol) for symbol in symbols}
    return conversion_rate(sign, source=source, target=target, instruments=instruments, quotes=FixedQuotes(**quotes))


@pytest.mark.parametrize(
    ("signed", "opened", "closed", "profit"),
    [("1", "1.1", "1.2", "10000"), ("-1", "1.1", "1.2", "-10000"), ("0.01", "1.10000", "1.10010", "0.1")],
)
def test_profit_is_price_difference_times_contract(signed: str, opened: str, closed: str, profit: str) -> None:
    gross = gross_profit(signed_volume=D(signed), open_price=D(opened), close_price=D(closed), multiplier=D(100_000))
    assert gross == D(profit)


def test_a_conversion_to_the_same_currency_needs_no_quote() -> None:
    assert rate(1, "USD", "USD") == 1


def test_a_gain_is_sold_at_the_bid_and_a_loss_bought_at_the_ask() -> None:
    quotes = {"GBPUSD": ("1.2500", "1.2600")}
    assert rate(1, "GBP", "USD", "GBPUSD", **quotes) == D("1.25")
    assert rate(-1, "GBP", "USD", "GBPUSD", **quotes) == D("1.26")


def test_an_inverse_pair_converts_a_gain_at_the_ask_and_a_loss_at_the_bid() -> None:
    quotes = {"USDJPY": ("150", "160")}
    assert rate(1, "JPY", "USD", "USDJPY", **quotes) == 1 / D(160)
    assert rate(-1, "JPY", "USD", "USDJPY", **quotes) == 1 / D(150)


def test_the_conversion_rate_of_a_loss_is_above_that_of_a_gain() -> None:
    for symbol, source, target in (("GBPUSD", "GBP", "USD"), ("USDJPY", "JPY", "USD")):
        gain, loss = (rate(sign, source, target, symbol, **{symbol: ("1.5", "1.6")}) for sign in (1, -1))
        assert gain is not None
        assert loss is not None
        assert loss > gain


def test_a_direct_pair_precedes_an_inverse_one_in_any_order() -> None:
    quotes = {"USDEUR": ("0.9", "0.91"), "EURUSD": ("1.1", "1.2")}
    assert rate(1, "EUR", "USD", "USDEUR", "EURUSD", **quotes) == D("1.1")


def test_the_first_pair_that_is_quoted_counts() -> None:
    assert rate(1, "EUR", "USD", "EURUSD", "EURUSD.m", **{"EURUSD.m": ("1.3", "1.4")}) == D("1.3")
    assert rate(1, "JPY", "USD", "USDJPY", "USDJPY.m", **{"USDJPY.m": ("100", "125")}) == D("0.008")


def test_without_a_quoted_pair_there_is_no_rate() -> None:
    assert rate(1, "GBP", "USD", "GBPUSD") is None
    assert rate(1, "GBP", "USD", "EURUSD", "EURGBP", EURUSD=("1.1", "1.2"), EURGBP=("0.8", "0.9")) is None


# --------------------------------------------------------------------------------------------------------------- margin

MARKET = {
    "EURUSD": ("1.08500", "1.08520"),
    "USDJPY": ("150.000", "150.020"),
    "EURJPY": ("162.750", "162.780"),
    "XAUUSD": ("2400.00", "2400.30"),
}


def margin(symbol: str, lots: str, currency: str, *quoted: str, leverage: int = 100) -> Decimal | None:
    """Margin of an account that holds a symbol; conversion uses only the quoted symbols."""
    return symbol_margin(
        longs=max(D(lots), D(0)),
        shorts=max(-D(lots), D(0)),
        instrument=an_instrument(symbol),
        leverage=D(leverage),
        currency=currency,
        currency_digits=0 if currency == "JPY" else 2,
        instruments={name: an_instrument(name) for name in (symbol, *quoted)},
        quotes=FixedQuotes(**{name: MARKET[name] for name in quoted}),
    )


@pytest.mark.parametrize(
    ("symbol", "lots", "currency", "quoted", "expected"),
    [
        ("EURUSD", "1", "USD", "EURUSD", "1085.20"),  # 1,000 EUR bought at the ask
        ("EURUSD", "-1", "USD", "EURUSD", "1085.20"),
        ("EURUSD", "0.37", "USD", "EURUSD", "401.52"),  # 370 EUR: 401.524
        ("EURUSD", "1", "EUR", "", "1000.00"),  # needs no quote
        ("USDJPY", "1", "USD", "", "1000.00"),
        ("USDJPY", "1", "EUR", "EURUSD", "921.66"),  # 1,000 USD bought with EUR at 1/1.0850
        ("EURJPY", "1", "EUR", "", "1000.00"),
        ("EURJPY", "2.5", "USD", "EURJPY EURUSD", "2713.00"),
        ("EURJPY", "1", "USD", "EURJPY USDJPY", "1085.20"),  # no EURUSD: 162,780 JPY at 1/150
        ("EURJPY", "-1", "USD", "EURJPY USDJPY", "1085.00"),  # 162,750 JPY at 1/150
        ("EURJPY", "1", "JPY", "EURJPY", "162780"),
        ("XAUUSD", "1", "USD", "XAUUSD", "2400.30"),  # 100 ounces at the ask
        ("XAUUSD", "-1", "USD", "XAUUSD", "2400.00"),
        ("XAUUSD", "1", "EUR", "XAUUSD EURUSD", "2212.26"),  # 2,400.30 USD at 1/1.0850: 2,212.258
        ("XAUUSD", "-0.01", "EUR", "XAUUSD EURUSD", "22.12"),
    ],
)
def test_margin_to_the_cent(symbol: str, lots: str, currency: str, quoted: str, expected: str) -> None:
    assert margin(symbol, lots, currency, *quoted.split()) == D(expected)


def test_margin_falls_with_leverage_and_is_0_at_leverage_0() -> None:
    assert margin("EURUSD", "0.01", "USD", "EURUSD", leverage=30) == D("36.17")
    assert margin("EURUSD", "1", "USD", leverage=0) == 0


def test_margin_without_a_rate_is_not_known() -> None:
    assert margin("EURUSD", "1", "USD") is None
    assert margin("EURJPY", "1", "USD", "EURJPY") is None
    assert margin("XAUUSD", "1", "EUR", "EURUSD") is None
    assert margin("XAUUSD", "1", "EUR", "XAUUSD") is None


def test_a_margin_currency_other_than_the_base_is_not_valued_by_the_symbols_price() -> None:
    odd = structs.replace(an_instrument("EURUSD"), margin_currency="GBP")
    quotes = FixedQuotes(EURUSD=("1.1", "1.2"))
    found = symbol_margin(
        longs=D(1), shorts=D(0), instrument=odd, leverage=100, currency="USD", currency_digits=2,
        instruments={"EURUSD": odd}, quotes=quotes,
    )  # fmt: skip
    assert found is None


def test_an_instrument_that_names_no_margin_currency_has_its_base_currency() -> None:
    plain = structs.replace(an_instrument("EURUSD"), margin_currency="")
    found = symbol_margin(
        longs=D(1), shorts=D(0), instrument=plain, leverage=100, currency="EUR", currency_digits=2,
        instruments={"EURUSD": plain}, quotes=FixedQuotes(),
    )  # fmt: skip
    assert found == D(1_000)


def test_lots_are_added_up_by_symbol_and_side() -> None:
    held = [("EURUSD", D("1")), ("EURUSD", D("-1.5")), ("EURUSD", D("0.25")), ("GBPUSD", D("-2")), ("USDJPY", D("1"))]
    assert volumes_by_side(held) == {"EURUSD": (D("1.25"), D("1.5")), "GBPUSD": (0, D(2)), "USDJPY": (D(1), 0)}
    assert volumes_by_side([]) == {}


def total(*held: tuple[str, str], quoted: str = "EURUSD XAUUSD") -> Decimal | None:
    return account_margin(
        [(symbol, D(lots)) for symbol, lots in held],
        leverage=100,
        currency="USD",
        currency_digits=2,
        instruments={name: an_instrument(name) for name in MARKET},
        quotes=FixedQuotes(**{name: MARKET[name] for name in quoted.split()}),
    )


def test_an_accounts_margin_is_the_sum_of_its_symbols() -> None:
    assert total(("EURUSD", "1"), ("XAUUSD", "-1")) == D("3485.20")
    assert total(("EURUSD", "1"), ("EURUSD", "-0.6"), ("XAUUSD", "0.1")) == D("1325.23")
    assert total() == 0


def test_an_accounts_margin_is_unknown_while_one_symbols_margin_is_unknown() -> None:
    assert total(("EURUSD", "1"), ("XAUUSD", "1"), quoted="EURUSD") is None


@given(st.lists(st.integers(-500, 500).filter(bool), min_size=1, max_size=8))
def test_hedged_margin_lies_between_the_margins_of_net_and_gross_volume(hundredths: list[int]) -> None:
    held = [("EURUSD", str(D(one) / 100)) for one in hundredths]
    found = total(*held)
    net, gross = (
        total(("EURUSD", str(D(sum(hundredths)) / 100))),
        total(("EURUSD", str(D(sum(map(abs, hundredths))) / 100))),
    )
    assert found is not None
    assert net is not None
    assert gross is not None
    assert net <= found <= gross


# ---------------------------------------------------------------------------------------------- modes, rates and hedges

DE40 = Instrument(
    symbol="DE40", base_currency="EUR", profit_currency="EUR", digits=1, contract_size=D(25), tick_size=D("0.5"),
    volume_min=D("0.1"), volume_max=D(100), volume_step=D("0.1"), calculation_mode=CalculationMode.CFD,
    margin_currency="EUR",
)  # fmt: skip
INDEX = {"DE40": ("18000.0", "18002.0"), "EURUSD": ("1.0800", "1.0802")}


def index_margin(longs: str, shorts: str, currency: str = "EUR", **changed: Any) -> Decimal | None:
    """Margin of an index at 18,000.0 / 18,002.0 with 25 EUR a point, leverage 50."""
    is_opening = changed.pop("is_opening", False)
    terms = structs.replace(DE40, **changed)
    return symbol_margin(
        longs=D(longs), shorts=D(shorts), instrument=terms, leverage=50, currency=currency,
        currency_digits=0 if currency == "JPY" else 3 if currency == "KWD" else 2,
        instruments={"DE40": terms, "EURUSD": an_instrument()}, quotes=FixedQuotes(**INDEX), is_opening=is_opening,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("mode", "changed", "expected"),
    [
        (CalculationMode.CFD, {}, "225025.00"),  # 0.5 x 25 x 18,002
        (CalculationMode.CFD_LEVERAGE, {}, "4500.50"),  # ... / 50
        (CalculationMode.CFD_INDEX, {"tick_price": D("0.1")}, "45005.00"),  # ... x 0.1 / 0.5
        (CalculationMode.FUTURES, {"tick_price": D("12.5"), "margin_initial": D(9_000)}, "4500.00"),  # 0.5 x 9,000
        (CalculationMode.CFD, {"margin_initial": D(900)}, "450.00"),  # an amount per lot replaces the formula
        (CalculationMode.CFD, {"margin_rates_long": (D("0.1"), D("0.05"))}, "11251.25"),
    ],
)
def test_each_mode_has_its_formula_of_margin(mode: CalculationMode, changed: dict[str, Any], expected: str) -> None:
    assert index_margin("0.5", "0", calculation_mode=mode, **changed) == D(expected)


def test_forex_without_leverage_needs_the_full_base_currency() -> None:
    plain = structs.replace(an_instrument(), calculation_mode=CalculationMode.FOREX_NO_LEVERAGE)
    found = symbol_margin(
        longs=D("0.1"), shorts=D(0), instrument=plain, leverage=50, currency="USD", currency_digits=2,
        instruments={"EURUSD": plain}, quotes=FixedQuotes(**INDEX),
    )  # fmt: skip
    assert found == D("10802.00")


def test_a_short_is_valued_at_the_bid_by_its_own_rates_and_converted_at_the_worse_side() -> None:
    """The margin is 0.5 x 25 x 18,000 x 0.02 = 4,500 EUR, converted at 1.0802 USD for 1 EUR."""
    rates: dict[str, Any] = {"margin_rates_short": (D(1), D("0.02"))}
    assert index_margin("0", "0.5", "EUR", **rates) == D(4_500)
    assert index_margin("0", "0.5", "USD", **rates) == D("4860.90")
    assert index_margin("0", "0.5", "KWD", **rates) is None


def test_an_order_needs_initial_margin_and_a_position_maintenance_margin() -> None:
    rates: dict[str, Any] = {"margin_rates_long": (D("0.1"), D("0.05"))}
    assert index_margin("1", "0", is_opening=True, **rates) == D("45005.00")
    assert index_margin("1", "0", **rates) == D("22502.50")
    money: dict[str, Any] = {"margin_initial": D(900), "margin_maintenance": D(700)}
    assert [index_margin("1", "0", is_opening=True, **money), index_margin("1", "0", **money)] == [900, 700]


def test_without_hedged_margin_the_side_with_the_larger_margin_is_charged() -> None:
    """1 long is 450,050 x 0.05, 2 short are 900,000 x 0.02: the shorts' 18,000 are less than the longs' 22,502.50."""
    rates: dict[str, Any] = {"margin_rates_long": (D(1), D("0.05")), "margin_rates_short": (D(1), D("0.02"))}
    assert index_margin("1", "2", **rates) == D("22502.50")


@pytest.mark.parametrize(
    ("hedged", "expected"),
    [
        ("0", "450000.00"),  # covered lots are free: 1 x 25 x 18,000
        ("25", "900025.00"),  # plus 1 x 25 x 18,001 for the covered lot, at the mid price
        ("12.5", "675012.50"),
    ],
)
def test_hedged_margin_charges_uncovered_lots_in_full_and_covered_lots_at_the_hedged_size(
    hedged: str, expected: str
) -> None:
    assert index_margin("1", "2", margin_hedged=D(hedged)) == D(expected)


def test_hedged_margin_takes_the_means_of_both_sides_rates() -> None:
    """The excess lots need 2 x 25 x 18,002 x 0.05 = 45,005, the hedged lot 1 x 10 x 18,001 x 0.035 = 6,300.35."""
    rates: dict[str, Any] = {"margin_rates_long": (D(1), D("0.05")), "margin_rates_short": (D(1), D("0.02"))}
    assert index_margin("3", "1", margin_hedged=D(10), **rates) == D("51305.35")


def test_hedged_margin_is_an_amount_per_lot_if_initial_margin_is_an_amount() -> None:
    assert index_margin("3", "1", margin_initial=D(900), margin_hedged=D(300)) == 2 * 900 + 300


def test_profit_of_futures_is_counted_in_ticks() -> None:
    """Seven ticks of 0.5 with 2 lots at 12.50 EUR a tick are 175 EUR; a CFD with the same contract: 3.5 x 25 x 2."""
    future = structs.replace(DE40, calculation_mode=CalculationMode.FUTURES, tick_price=D("12.5"), contract_size=D(1))
    for terms in (future, DE40):
        assert gross_profit(
            signed_volume=D(2), open_price=D("18000.0"), close_price=D("18003.5"), multiplier=terms.multiplier
        ) == D(175)


# ----------------------------------------------------------------------------------------------------------- commission


@pytest.mark.parametrize(
    ("lots", "digits", "cash"),
    [("1", 2, "-3.5"), ("0.01", 2, "-0.04"), ("0.5", 0, "-2"), ("0.03", 3, "-0.105"), ("0.001", 3, "-0.004")],
)
def test_a_charged_commission_is_negative_cash(lots: str, digits: int, cash: str) -> None:
    assert commission_of(volume=D(lots), per_lot=D("3.5"), currency_digits=digits) == D(cash)


def per_lot(terms: Instrument, time: str, currency: str, **quotes: tuple[str, str]) -> Decimal | None:
    return commission_per_lot(
        terms, utc_ns(time), currency=currency, instruments={name: an_instrument(name) for name in MARKET},
        quotes=FixedQuotes(**quotes),
    )  # fmt: skip


def test_a_commission_in_another_currency_is_converted_as_a_loss() -> None:
    """7 USD are 7 x 1/1.0850 EUR and 7 x 150.020 JPY; without a currency the amount is in account currency."""
    dear = structs.replace(an_instrument("XAUUSD"), commissions=(CommissionTerms(None, D(7), "USD"),))
    time = "2026-01-05 12:00"
    assert per_lot(dear, time, "USD") == 7
    assert per_lot(dear, time, "EUR", EURUSD=MARKET["EURUSD"]) == 7 / D("1.08500")
    assert per_lot(dear, time, "JPY", USDJPY=MARKET["USDJPY"]) == D("1050.140")
    assert per_lot(dear, time, "EUR") is None
    assert per_lot(an_instrument("XAUUSD"), time, "JPY") == D("3.5")
    assert per_lot(structs.replace(dear, commissions=()), time, "EUR") == 0


def test_a_dated_commission_begins_at_the_midnight_of_the_symbols_clock() -> None:
    """2026-02-01 begins at 22:00 UTC of January 31 by New York's close, and at 00:00 UTC by a clock of UTC."""
    rows = (
        CommissionTerms(None, D(3)),
        CommissionTerms(date(2026, 2, 1), D(4)),
        CommissionTerms(date(2026, 3, 1), D(5)),
    )
    dated = structs.replace(an_instrument(), commissions=rows)
    times = {"2026-01-31 21:59": 3, "2026-01-31 22:00": 4, "2026-02-27 12:00": 4, "2026-03-02 12:00": 5}
    assert {time: per_lot(dated, time, "USD") for time in times} == times
    in_utc = structs.replace(dated, clock="UTC")
    assert [per_lot(in_utc, time, "USD") for time in ("2026-01-31 23:59", "2026-02-01 00:00")] == [3, 4]


def test_an_average_price_is_rounded_to_12_places_after_each_fill() -> None:
    """The average of these three fills is a periodic decimal."""
    price, volume = Decimal(0), Decimal(0)
    for further in ("1.2", "1.3", "1.2"):
        price = average_price(
            price=price, volume=volume, further_price=Decimal(further), further_volume=Decimal("0.01")
        )
        volume += Decimal("0.01")
    assert price == Decimal("1.233333333333")


def test_an_average_of_one_price_is_that_price_with_its_own_decimals() -> None:
    price = average_price(
        price=Decimal("1.20"), volume=Decimal(1), further_price=Decimal("1.20"), further_volume=Decimal(2)
    )
    assert str(price) == "1.20"
