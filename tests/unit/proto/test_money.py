"""Profit and conversion: always at the side of the spread that is against the holder, never a guess."""

from __future__ import annotations

from decimal import Decimal

import pytest

from proto.money import Quote, conversion_rate, gross_profit
from tests.support.builders import an_instrument

D = Decimal


class FixedQuotes:
    """Quotes that are what they were told to be."""

    def __init__(self, **quotes: tuple[str, str]) -> None:
        self._quotes = {symbol: Quote(D(bid), D(ask)) for symbol, (bid, ask) in quotes.items()}

    def quote(self, symbol: str) -> Quote | None:
        return self._quotes.get(symbol)


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
