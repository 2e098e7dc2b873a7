"""Swap: the number of charged nights, the formula of each mode, conversion and rounding."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from proto.time import DAY_NS
from proto.trading.enums import CalculationMode, SwapMode
from proto.trading.instrument import Instrument, SwapTerms, weekdays_of_triple
from services.mt5.core.simulated.swap import Holding, SwapCharge, nights_by_terms, swap_of
from tests.support.builders import an_instrument
from tests.support.market import FixedQuotes, utc_ns

D = Decimal
WEDNESDAY = 2
EVERY_NIGHT = (D(1),) * 7
MONDAY_NOON = utc_ns("2026-01-05 12:00")
SOME_TIMES = st.integers(1_300_000_000_000_000_000, 1_800_000_000_000_000_000)


def nights_charged(from_ns: int, to_ns: int, triple_weekday: int) -> Decimal:
    terms = structs.replace(an_instrument(), swap_weekdays=weekdays_of_triple(triple_weekday))
    return sum(nights_by_terms(terms, from_ns, to_ns).values(), D(0))


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
def test_the_nights_of_a_position_are_counted(opened: str, closed: str, nights: int) -> None:
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


def test_another_triple_day_charges_the_weekend_on_that_day() -> None:
    thursday = utc_ns("2026-01-08 10:00")
    assert nights_charged(thursday, thursday + DAY_NS, 3) == 3
    assert nights_charged(thursday - DAY_NS, thursday, 3) == 1
    assert nights_charged(utc_ns("2026-01-10 10:00"), utc_ns("2026-01-11 10:00"), 5) == 3, (
        "a Saturday may be the triple day"
    )


@given(SOME_TIMES, st.integers(0, 400 * DAY_NS), st.integers(0, 400 * DAY_NS))
def test_the_nights_of_two_parts_of_a_holding_add_up_to_those_of_the_whole(
    start_ns: int, first_ns: int, second_ns: int
) -> None:
    middle_ns, end_ns = start_ns + first_ns, start_ns + first_ns + second_ns
    parts = nights_charged(start_ns, middle_ns, WEDNESDAY) + nights_charged(middle_ns, end_ns, WEDNESDAY)
    assert parts == nights_charged(start_ns, end_ns, WEDNESDAY)


@given(st.integers(-4_000, 4_000), st.integers(0, 6))
def test_any_week_has_seven_nights_unless_the_triple_day_is_of_the_weekend(day: int, triple: int) -> None:
    """The night after a Saturday or Sunday counts only if that day is the triple day. The week then has 8 nights."""
    noon_ns = utc_ns("2026-01-05 12:00") + day * DAY_NS
    assert nights_charged(noon_ns, noon_ns + 7 * DAY_NS, triple) == (7 if triple < 5 else 8)


# -------------------------------------------------------------------------------------------------------------- amounts


def swap(
    instrument: Instrument,
    lots: str,
    nights: int,
    currency: str = "USD",
    *others: str,
    opened: str = "0",
    **quotes: tuple[str, str],
) -> Decimal | None:
    """The swap from a Monday noon over `nights`, each of which counts once."""
    terms = structs.replace(instrument, swap_weekdays=EVERY_NIGHT)
    charge = swap_of(
        holding=Holding(D(lots), D(lots) * D(opened)),
        from_ns=MONDAY_NOON,
        to_ns=MONDAY_NOON + nights * DAY_NS,
        instrument=terms,
        currency=currency,
        currency_digits={"JPY": 0, "KWD": 3}.get(currency, 2),
        instruments={instrument.symbol: terms} | {symbol: an_instrument(symbol) for symbol in others},
        quotes=FixedQuotes(**quotes),
    )
    assert charge.nights == nights
    return charge.amount


def with_points(symbol: str, long: str, short: str) -> Instrument:
    return structs.replace(an_instrument(symbol), swap_long_points=D(long), swap_short_points=D(short))


def test_long_and_short_positions_have_their_own_swap_points() -> None:
    """A point is 1 USD a lot and night."""
    eurusd = with_points("EURUSD", "-7.43", "1.49")
    assert swap(eurusd, "1", 1) == D("-7.43")
    assert swap(eurusd, "-0.5", 3) == D("2.24"), "1.49 x 0.5 x 3 = 2.235; a half is rounded away from zero"
    assert swap(eurusd, "0.01", 1) == D("-0.07")
    assert swap(eurusd, "1", 0) == 0


def test_a_swap_is_converted_at_the_side_against_the_holder() -> None:
    """10 points of USDJPY are 1,000 JPY a lot: an earned swap is converted at 1/ask, a paid one at 1/bid."""
    usdjpy = with_points("USDJPY", "10", "-10")
    quotes: dict[str, Any] = {"USDJPY": ("150.000", "160.000")}
    assert swap(usdjpy, "1", 1, "USD", **quotes) == D("6.25")
    assert swap(usdjpy, "-1", 1, "USD", **quotes) == D("-6.67")
    assert swap(usdjpy, "1", 3, "JPY") == D(3_000)


def test_the_swap_of_gold_is_converted_for_an_account_in_eur() -> None:
    """41.10 points of 1 USD a lot are paid for three nights, converted at 1/1.0850."""
    gold = with_points("XAUUSD", "-41.10", "0")
    assert swap(gold, "1", 3, "EUR", "EURUSD", EURUSD=("1.0850", "1.0852")) == D("-113.64")


def test_the_amount_is_unknown_without_a_conversion_rate() -> None:
    assert swap(with_points("USDJPY", "10", "-10"), "1", 1, "EUR") is None


# ---------------------------------------------------------------------------------------------------------------- modes

DE40 = Instrument(
    symbol="DE40", base_currency="EUR", profit_currency="EUR", digits=1, contract_size=D(25), tick_size=D("0.5"),
    volume_min=D("0.1"), volume_max=D(100), volume_step=D("0.1"), calculation_mode=CalculationMode.CFD,
    margin_currency="EUR",
)  # fmt: skip
QUOTES: dict[str, Any] = {"DE40": ("18000.0", "18002.0"), "EURUSD": ("1.0800", "1.0802")}


def in_mode(mode: SwapMode, long: str, short: str, **changed: Any) -> Instrument:
    return structs.replace(DE40, swaps=(SwapTerms(None, mode, D(long), D(short)),), **changed)


@pytest.mark.parametrize(
    ("mode", "long", "short", "of_long", "of_short"),
    [
        (SwapMode.DISABLED, "-5", "3", "0", "0"),
        (SwapMode.POINTS, "-5.5", "3", "-41.25", "22.50"),  # 5.5 x 0.1 x 25 x 1.5 lots x 2 nights = 41.25
        (SwapMode.CURRENCY_SYMBOL, "-5", "3", "-15.00", "9.00"),  # 5 EUR x 1.5 x 2
        (SwapMode.CURRENCY_MARGIN, "-5", "3", "-15.00", "9.00"),
        (SwapMode.CURRENCY_PROFIT, "-5", "3", "-15.00", "9.00"),
        (SwapMode.CURRENCY_DEPOSIT, "-5", "3", "-15.00", "9.00"),
        # 18,000 x 25 x 1.5 x 6.2 % / 360 x 2 = 232.50; 18,002 x 37.5 x 1.1 % / 360 x 2 = 41.2545833
        (SwapMode.INTEREST_CURRENT, "-6.2", "1.1", "-232.50", "41.25"),
        # 17,500 x 37.5 x 6.2 % / 360 x 2 = 226.041666; x 1.1 % = 40.1041666
        (SwapMode.INTEREST_OPEN, "-6.2", "1.1", "-226.04", "40.10"),
    ],
)
def test_each_mode_has_its_formula(mode: SwapMode, long: str, short: str, of_long: str, of_short: str) -> None:
    terms = in_mode(mode, long, short)
    assert swap(terms, "1.5", 2, "EUR", opened="17500", **QUOTES) == D(of_long)
    assert swap(terms, "-1.5", 2, "EUR", opened="17500", **QUOTES) == D(of_short)


def test_a_swap_in_another_currency_is_converted_and_one_in_account_currency_is_not() -> None:
    """A paid swap of 5 EUR a lot costs 5 x 1.0802 USD; an earned one gives 5 x 1.0800 USD."""
    assert swap(in_mode(SwapMode.CURRENCY_PROFIT, "-5", "5"), "1", 1, "USD", "EURUSD", **QUOTES) == D("-5.40")
    assert swap(in_mode(SwapMode.CURRENCY_SYMBOL, "-5", "5"), "-10", 1, "USD", "EURUSD", **QUOTES) == D("54.00")
    assert swap(in_mode(SwapMode.CURRENCY_DEPOSIT, "-5", "5"), "1", 1, "USD", "EURUSD", **QUOTES) == D("-5.00")
    of_dollars = in_mode(SwapMode.CURRENCY_MARGIN, "-5.4", "5", margin_currency="USD")
    assert swap(of_dollars, "1", 1, "EUR", "EURUSD", **QUOTES) == D("-5.00")


def test_a_swap_is_rounded_to_the_digits_of_the_account() -> None:
    """The swap of 0.525 is kept with 3 decimals, and rounded to 0.53 with 2 and to 1 with none."""
    terms = in_mode(SwapMode.CURRENCY_DEPOSIT, "-5.25", "0")
    found = [swap(terms, "0.1", 1, currency, **QUOTES) for currency in ("KWD", "USD", "JPY")]
    assert found == [D("-0.525"), D("-0.53"), D("-1")]


def test_swap_points_of_a_future_are_valued_by_its_tick_value() -> None:
    """4 points of 0.1 are 0.8 of a tick of 0.5 at 12.50 EUR: 10 EUR a lot."""
    future = in_mode(SwapMode.POINTS, "-4", "0", calculation_mode=CalculationMode.FUTURES, tick_price=D("12.5"))
    assert swap(future, "2", 1, "EUR") == D(-20)


def test_without_a_quote_only_interest_on_the_open_price_is_known() -> None:
    assert swap(in_mode(SwapMode.INTEREST_CURRENT, "-6", "0"), "1", 1, "EUR") is None
    assert swap(in_mode(SwapMode.INTEREST_OPEN, "-6", "0"), "1", 1, "EUR", opened="18000") == D("-75.00")


# ------------------------------------------------------------------------------------------- weekdays and dated tables


def charged(instrument: Instrument, opened: str, closed: str) -> SwapCharge:
    return swap_of(
        holding=Holding(D(1), D(18_000)), from_ns=utc_ns(opened), to_ns=utc_ns(closed), instrument=instrument,
        currency="EUR", currency_digits=2, instruments={}, quotes=FixedQuotes(),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("weekdays", "nights"),
    [
        ("1 1 3 1 1 0 0", "1 1 3 1 1 0 0"),
        ("1 1 1 1 3 0 0", "1 1 1 1 3 0 0"),  # as indices are charged, whose triple day is Friday
        ("1 1 1 1 1 1 1", "1 1 1 1 1 1 1"),  # as crypto currencies are
        ("1 1 1 1 1 0.5 0", "1 1 1 1 1 0.5 0"),
    ],
)
def test_each_night_of_a_week_counts_by_the_coefficient_of_the_day_before_it(weekdays: str, nights: str) -> None:
    """2026-01-05 is a Monday; the server's midnight is 22:00 UTC, and the seventh night follows Sunday."""
    coefficients = tuple(map(D, weekdays.split()))
    terms = in_mode(SwapMode.CURRENCY_DEPOSIT, "-2", "0", swap_weekdays=coefficients)
    for day, count in enumerate(nights.split()):
        found = charged(terms, f"2026-01-{5 + day:02d} 21:59", f"2026-01-{5 + day:02d} 22:00")
        assert found == SwapCharge(D(count), -2 * D(count))
    assert charged(terms, "2026-01-05 12:00", "2026-01-12 12:00").amount == -2 * sum(coefficients)


def test_a_night_is_charged_by_the_swap_terms_of_the_day_before_it() -> None:
    """New terms begin on Tuesday, 2026-02-03: the night before it has the old terms, the night after it the new."""
    rows = (
        SwapTerms(None, SwapMode.CURRENCY_DEPOSIT, D(-2), D(0)),
        SwapTerms(date(2026, 2, 3), SwapMode.CURRENCY_DEPOSIT, D(-3), D(0)),
        SwapTerms(date(2026, 2, 4), SwapMode.INTEREST_OPEN, D("-7.2"), D(0)),  # 18,000 x 25 x 7.2 % / 360 = 90
    )
    terms = structs.replace(DE40, swaps=rows)
    assert charged(terms, "2026-02-02 12:00", "2026-02-03 12:00") == SwapCharge(D(1), D(-2))
    assert charged(terms, "2026-02-03 12:00", "2026-02-04 12:00") == SwapCharge(D(1), D(-3))
    assert charged(terms, "2026-02-04 12:00", "2026-02-05 12:00") == SwapCharge(D(3), D(-270))
    assert charged(terms, "2026-02-02 12:00", "2026-02-05 12:00") == SwapCharge(D(5), D(-275))


def test_the_nights_of_a_symbol_with_another_clock_end_at_that_clocks_midnight() -> None:
    """On 2026-03-10 only New York has summer time: the server's midnight is 21:00 UTC, that of Athens 22:00 UTC."""
    terms = in_mode(SwapMode.CURRENCY_DEPOSIT, "-2", "0")
    assert charged(terms, "2026-03-10 20:59", "2026-03-10 21:00").nights == 1
    athens = structs.replace(terms, clock="Europe/Athens")
    assert charged(athens, "2026-03-10 20:59", "2026-03-10 21:59").nights == 0
    assert charged(athens, "2026-03-10 20:59", "2026-03-10 22:00").nights == 1
