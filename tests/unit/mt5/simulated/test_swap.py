"""Nights are counted by the server's days, and a week has seven of them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from proto.trading.instrument import Instrument
from proto.trading.server_time import DAY_NS
from services.mt5.core.simulated.swap import nights_charged, swap_of
from tests.support.builders import an_instrument
from tests.support.market import FixedQuotes, utc_ns

D = Decimal
WEDNESDAY = 2
SOME_TIMES = st.integers(1_300_000_000_000_000_000, 1_800_000_000_000_000_000)


@pytest.mark.parametrize(
    ("opened", "closed", "nights"),
    [
        ("2026-01-05 10:00", "2026-01-05 21:59", 0),
        ("2026-01-05 10:00", "2026-01-05 22:00", 1),
        ("2026-01-05 22:00", "2026-01-06 21:59", 0),
        ("2026-01-07 10:00", "2026-01-08 10:00", 3),
        ("2026-01-07 21:59", "2026-01-07 22:01", 3),
        ("2026-01-08 10:00", "2026-01-09 10:00", 1),
        ("2026-01-09 10:00", "2026-01-12 10:00", 1),
        ("2026-01-09 22:00", "2026-01-12 10:00", 0),
        ("2026-01-10 10:00", "2026-01-12 21:59", 0),
        ("2026-01-05 10:00", "2026-01-12 10:00", 7),
        ("2026-01-01 00:00", "2026-12-31 00:00", 364),
    ],
    ids=lambda text: str(text),
)
def test_nights_of_a_position_in_winter(opened: str, closed: str, nights: int) -> None:
    assert nights_charged(utc_ns(opened), utc_ns(closed), WEDNESDAY) == nights


@pytest.mark.parametrize(
    ("opened", "closed", "nights"),
    [
        ("2026-03-06 21:59", "2026-03-06 22:00", 1),  # Friday: winter, the server's midnight is 22:00 UTC
        ("2026-03-09 20:59", "2026-03-09 21:00", 1),  # Monday: summer began in New York on Sunday
        ("2026-03-09 21:00", "2026-03-09 22:00", 0),
        ("2026-03-25 20:59", "2026-03-25 21:00", 3),  # before Europe changes its clocks, too
        ("2026-10-30 20:59", "2026-10-30 21:00", 1),
        ("2026-11-02 20:59", "2026-11-02 21:59", 0),  # winter again since Sunday
        ("2026-11-02 20:59", "2026-11-02 22:00", 1),
    ],
)
def test_the_midnight_follows_new_yorks_daylight_saving(opened: str, closed: str, nights: int) -> None:
    assert nights_charged(utc_ns(opened), utc_ns(closed), WEDNESDAY) == nights


def test_another_triple_day_moves_the_weekend_there() -> None:
    thursday = utc_ns("2026-01-08 10:00")
    assert nights_charged(thursday, thursday + DAY_NS, 3) == 3
    assert nights_charged(thursday - DAY_NS, thursday, 3) == 1
    assert nights_charged(utc_ns("2026-01-10 10:00"), utc_ns("2026-01-11 10:00"), 5) == 3, "even on a Saturday"


@given(SOME_TIMES, st.integers(0, 400 * DAY_NS), st.integers(0, 400 * DAY_NS))
def test_nights_add_up_however_a_holding_is_cut(start_ns: int, first_ns: int, second_ns: int) -> None:
    middle_ns, end_ns = start_ns + first_ns, start_ns + first_ns + second_ns
    parts = nights_charged(start_ns, middle_ns, WEDNESDAY) + nights_charged(middle_ns, end_ns, WEDNESDAY)
    assert parts == nights_charged(start_ns, end_ns, WEDNESDAY)


@given(st.integers(-4_000, 4_000), st.integers(0, 6))
def test_any_week_has_seven_nights_unless_the_triple_day_is_of_the_weekend(day: int, triple: int) -> None:
    """From a day's noon to the same day's of the next week; a triple Saturday takes the place of a night without a charge."""
    noon_ns = utc_ns("2026-01-05 12:00") + day * DAY_NS
    assert nights_charged(noon_ns, noon_ns + 7 * DAY_NS, triple) == (7 if triple < 5 else 8)


# -------------------------------------------------------------------------------------------------------------- amounts


def swap(
    instrument: Instrument, lots: str, nights: int, currency: str = "USD", *others: str, **quotes: tuple[str, str]
) -> Decimal | None:
    instruments = {symbol: an_instrument(symbol) for symbol in (instrument.symbol, *others)}
    return swap_of(
        signed_volume=D(lots),
        nights=nights,
        instrument=instrument,
        currency=currency,
        currency_digits=0 if currency == "JPY" else 2,
        instruments=instruments,
        quotes=FixedQuotes(**quotes),
    )


def with_points(symbol: str, long: str, short: str) -> Instrument:
    return structs.replace(an_instrument(symbol), swap_long_points=D(long), swap_short_points=D(short))


def test_a_long_pays_its_points_and_a_short_earns_its_own() -> None:
    """7.43 points of 1 USD a lot and night."""
    eurusd = with_points("EURUSD", "-7.43", "1.49")
    assert swap(eurusd, "1", 1) == D("-7.43")
    assert swap(eurusd, "-0.5", 3) == D("2.24"), "1.49 x 0.5 x 3 = 2.235, halves away from zero"
    assert swap(eurusd, "0.01", 1) == D("-0.07")
    assert swap(eurusd, "1", 0) == 0


def test_a_swap_is_converted_at_the_side_against_the_holder() -> None:
    """10 points of USDJPY are 1,000 JPY a lot: earned they are sold at 1/ask, owed they are bought at 1/bid."""
    usdjpy = with_points("USDJPY", "10", "-10")
    quotes = {"USDJPY": ("150.000", "160.000")}
    assert swap(usdjpy, "1", 1, "USD", **quotes) == D("6.25")
    assert swap(usdjpy, "-1", 1, "USD", **quotes) == D("-6.67")
    assert swap(usdjpy, "1", 3, "JPY") == D(3_000)


def test_gold_on_an_account_in_euros() -> None:
    """-41.10 points of 1 USD a lot of 100 ounces, three nights, at 1/1.0850."""
    gold = with_points("XAUUSD", "-41.10", "0")
    assert swap(gold, "1", 3, "EUR", "EURUSD", EURUSD=("1.0850", "1.0852")) == D("-113.64")


def test_without_a_rate_there_is_no_amount() -> None:
    assert swap(with_points("USDJPY", "10", "-10"), "1", 1, "EUR") is None
