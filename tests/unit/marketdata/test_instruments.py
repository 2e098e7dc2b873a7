"""The built-in terms of the simulated broker: margin currency, swap, commission, filling and sessions."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import polars as pl

from marketdata.instruments import CURRENCIES, find_instrument, swap_points
from proto.trading.instrument import TRIPLE_WEDNESDAY, CommissionTerms
from services.mt5.core.simulated.fill_model import IDEAL
from tests.support.builders import an_instrument

D = Decimal


def all_instruments() -> Iterator[str]:
    yield from ("XAUUSD", "XAGUSD")
    yield from (base + profit for base in sorted(CURRENCIES) for profit in sorted(CURRENCIES) if base != profit)


def test_margin_of_currencies_is_in_the_base_currency_and_that_of_metals_in_dollars() -> None:
    assert an_instrument("EURJPY.m").margin_currency == "EUR"
    assert an_instrument("XAUUSD").margin_currency == "USD"


def test_swaps_follow_the_rates_less_the_brokers_markup() -> None:
    """Long EURUSD earns 3.75 - 5.25 - 1 = -2.5 % of 1.085 a year, short EURUSD 0.5 %; gold has no interest."""
    assert swap_points("EUR", "USD", 5) == (D("-7.43"), D("1.49"))
    assert swap_points("USD", "JPY", 3) == (D("17.05"), D("-25.27"))
    assert swap_points("XAU", "USD", 2) == (D("-41.10"), D("27.95"))


def test_with_an_unknown_rate_both_sides_pay_the_brokers_markup() -> None:
    long, short = swap_points("USD", "MXN", 5)
    assert long == short
    assert long < 0


def test_no_pair_earns_swap_on_both_sides_and_no_stops_level_is_below_the_freeze_level() -> None:
    for symbol in all_instruments():
        terms = find_instrument(symbol)
        assert terms is not None, symbol
        assert all(swap.long + swap.short <= 0 for swap in terms.swaps), symbol
        assert terms.stops_level_points >= terms.freeze_level_points > 0, symbol


def test_the_triple_night_is_wednesdays_and_every_filling_is_accepted() -> None:
    terms = an_instrument()
    assert terms.swap_weekdays == TRIPLE_WEDNESDAY
    assert set(terms.filling) == {"FOK", "IOC", "RETURN"}
    assert terms.commissions == (CommissionTerms(None, D("3.5"), ""),)


def test_recorded_ticks_are_always_tradable_with_the_ideal_fill_profile(shared_parquet: Path) -> None:
    """The recordings have ticks on Sundays outside the catalogue's sessions; a quote shows that the market is open."""
    times = pl.read_parquet(shared_parquet)["ts_ns"].to_list()[::97]
    terms = an_instrument()
    assert not all(terms.is_traded(time_ns) for time_ns in times)
    assert all(IDEAL.terms_of(terms).is_traded(time_ns) for time_ns in times)
