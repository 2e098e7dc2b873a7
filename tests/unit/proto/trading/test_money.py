"""Profit, conversion, margin: always at the side of the spread that is against the holder, never a guess."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from proto.trading.money import (
    account_margin,
    average_price,
    charged_volumes,
    commission_of,
    conversion_rate,
    gross_profit,
    margin_required,
)
from tests.support.builders import an_instrument
from tests.support.market import FixedQuotes

D = Decimal


def rate(sign: int, source: str, target: str, *symbols: str, **quotes: tuple[str, str]) -> Decimal | None:
    instruments = {symbol: an_instrument(symbol) for symbol in symbols}
    return conversion_rate(sign, source=source, target=target, instruments=instruments, quotes=FixedQuotes(**quotes))


@pytest.mark.parametrize(
    ("signed", "opened", "closed", "profit"),
    [("1", "1.1", "1.2", "10000"), ("-1", "1.1", "1.2", "-10000"), ("0.01", "1.10000", "1.10010", "0.1")],
)
def test_profit_is_price_difference_times_contract(signed: str, opened: str, closed: str, profit: str) -> None:
    gross = gross_profit(signed_volume=D(signed), open_price=D(opened), close_price=D(closed), contract_size=D(100_000))
    assert gross == D(profit)


def test_one_currency_needs_no_quote() -> None:
    assert rate(1, "USD", "USD") == 1


def test_a_gain_is_sold_at_the_bid_and_a_loss_bought_at_the_ask() -> None:
    quotes = {"GBPUSD": ("1.2500", "1.2600")}
    assert rate(1, "GBP", "USD", "GBPUSD", **quotes) == D("1.25")
    assert rate(-1, "GBP", "USD", "GBPUSD", **quotes) == D("1.26")


def test_an_inverse_pair_is_taken_from_the_other_side() -> None:
    quotes = {"USDJPY": ("150", "160")}
    assert rate(1, "JPY", "USD", "USDJPY", **quotes) == 1 / D(160)
    assert rate(-1, "JPY", "USD", "USDJPY", **quotes) == 1 / D(150)


def test_a_loss_never_costs_less_than_a_gain_brings() -> None:
    for symbol, source, target in (("GBPUSD", "GBP", "USD"), ("USDJPY", "JPY", "USD")):
        gain, loss = (rate(sign, source, target, symbol, **{symbol: ("1.5", "1.6")}) for sign in (1, -1))
        assert gain is not None
        assert loss is not None
        assert loss > gain


def test_a_direct_pair_goes_before_an_inverse_one_wherever_it_stands() -> None:
    quotes = {"USDEUR": ("0.9", "0.91"), "EURUSD": ("1.1", "1.2")}
    assert rate(1, "EUR", "USD", "USDEUR", "EURUSD", **quotes) == D("1.1")


def test_the_first_pair_that_is_quoted_counts() -> None:
    assert rate(1, "EUR", "USD", "EURUSD", "EURUSD.m", **{"EURUSD.m": ("1.3", "1.4")}) == D("1.3")
    assert rate(1, "JPY", "USD", "USDJPY", "USDJPY.m", **{"USDJPY.m": ("100", "125")}) == D("0.008")


def test_without_a_quoted_pair_there_is_no_rate() -> None:
    assert rate(1, "GBP", "USD", "GBPUSD") is None
    assert rate(1, "GBP", "USD", "EURUSD", "EURGBP", EURUSD=("1.1", "1.2"), EURGBP=("0.8", "0.9")) is None


# ----------------------------------------------------------------------------------------------------------- margin

MARKET = {
    "EURUSD": ("1.08500", "1.08520"),
    "USDJPY": ("150.000", "150.020"),
    "EURJPY": ("162.750", "162.780"),
    "XAUUSD": ("2400.00", "2400.30"),
}


def margin(symbol: str, lots: str, currency: str, *quoted: str, leverage: int = 100) -> Decimal | None:
    """On an account that trades what is quoted, and the symbol."""
    return margin_required(
        signed_volume=D(lots),
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


def test_margin_falls_with_leverage_and_none_is_asked_without() -> None:
    assert margin("EURUSD", "0.01", "USD", "EURUSD", leverage=30) == D("36.17")
    assert margin("EURUSD", "1", "USD", leverage=0) == 0


def test_margin_without_a_rate_is_not_known() -> None:
    assert margin("EURUSD", "1", "USD") is None
    assert margin("EURJPY", "1", "USD", "EURJPY") is None
    assert margin("XAUUSD", "1", "EUR", "EURUSD") is None
    assert margin("XAUUSD", "1", "EUR", "XAUUSD") is None


def test_a_margin_currency_of_its_own_is_never_valued_by_the_symbols_price() -> None:
    odd = structs.replace(an_instrument("EURUSD"), margin_currency="GBP")
    quotes = FixedQuotes(EURUSD=("1.1", "1.2"))
    found = margin_required(
        signed_volume=D(1), instrument=odd, leverage=100, currency="USD", currency_digits=2,
        instruments={"EURUSD": odd}, quotes=quotes,
    )  # fmt: skip
    assert found is None


def test_an_instrument_that_names_no_margin_currency_has_its_base_currency() -> None:
    plain = structs.replace(an_instrument("EURUSD"), margin_currency="")
    found = margin_required(
        signed_volume=D(1), instrument=plain, leverage=100, currency="EUR", currency_digits=2,
        instruments={"EURUSD": plain}, quotes=FixedQuotes(),
    )  # fmt: skip
    assert found == D(1_000)


def test_of_a_symbol_held_both_ways_the_larger_leg_is_charged() -> None:
    held = [("EURUSD", D("1")), ("EURUSD", D("-1.5")), ("EURUSD", D("0.25")), ("GBPUSD", D("-2")), ("USDJPY", D("1"))]
    assert charged_volumes(held) == {"EURUSD": D("-1.5"), "GBPUSD": D(-2), "USDJPY": D(1)}
    assert charged_volumes([]) == {}


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


def test_an_accounts_margin_is_not_known_while_one_is_not() -> None:
    assert total(("EURUSD", "1"), ("XAUUSD", "1"), quoted="EURUSD") is None


@given(st.lists(st.integers(-500, 500).filter(bool), min_size=1, max_size=8))
def test_hedged_margin_lies_between_the_nets_and_the_sums(hundredths: list[int]) -> None:
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


# ------------------------------------------------------------------------------------------------------- commission


@pytest.mark.parametrize(("lots", "digits", "cash"), [("1", 2, "-3.5"), ("0.01", 2, "-0.04"), ("0.5", 0, "-2")])
def test_commission_is_cash_that_leaves_the_account(lots: str, digits: int, cash: str) -> None:
    assert commission_of(volume=D(lots), instrument=an_instrument(), currency_digits=digits) == D(cash)


def test_an_average_price_is_rounded_alike_by_whoever_keeps_it() -> None:
    """Three fills of a third each: an endless decimal, kept to twelve places after each fill."""
    price, volume = Decimal(0), Decimal(0)
    for further in ("1.2", "1.3", "1.2"):
        price = average_price(
            price=price, volume=volume, further_price=Decimal(further), further_volume=Decimal("0.01")
        )
        volume += Decimal("0.01")
    assert price == Decimal("1.233333333333")


def test_an_average_of_one_price_is_that_price_as_it_was_written() -> None:
    price = average_price(
        price=Decimal("1.20"), volume=Decimal(1), further_price=Decimal("1.20"), further_volume=Decimal(2)
    )
    assert str(price) == "1.20"
