"""When a market is open, closes and opens, and its next rollover."""

from __future__ import annotations

from decimal import Decimal

from msgspec import structs

from proto.time import HOUR_NS, SECOND_NS
from proto.trading.instrument import Instrument
from services.web.desk.market_clock import market_times, utc_offset_s
from tests.support.builders import an_instrument
from tests.support.market import utc_ns

DAY_MINUTES = 24 * 60
WEEKDAYS = tuple((day * DAY_MINUTES + 5, day * DAY_MINUTES + DAY_MINUTES - 5) for day in range(5))
"""From five past midnight to five to midnight, Monday to Friday."""


def a_symbol(**changed: object) -> Instrument:
    return structs.replace(an_instrument(), **{"sessions": WEEKDAYS, "holidays": (), "expires_ns": 0, **changed})


def test_an_open_market_closes_and_opens_again() -> None:
    # In January the server is at UTC+2.
    times = market_times(a_symbol(), utc_ns("2026-01-07 12:00"))
    assert times.is_open
    assert times.closes_ns == utc_ns("2026-01-07 21:55")
    assert times.opens_ns == utc_ns("2026-01-07 22:05")
    assert times.rollover_ns == utc_ns("2026-01-07 22:00")
    assert times.session_text == "00:05-23:55"


def test_a_closed_market_opens_after_the_weekend() -> None:
    times = market_times(a_symbol(), utc_ns("2026-01-10 12:00"))
    assert not times.is_open
    assert times.closes_ns == 0
    assert times.opens_ns == utc_ns("2026-01-11 22:05")
    assert times.session_text == "closed today"


def test_the_weekend_has_no_rollover() -> None:
    friday_evening = utc_ns("2026-01-09 22:30")  # Saturday on the server's clock
    assert market_times(a_symbol(), friday_evening).rollover_ns == utc_ns("2026-01-12 22:00")


def test_touching_sessions_have_no_close_between_them() -> None:
    whole_days = tuple((day * DAY_MINUTES, (day + 1) * DAY_MINUTES) for day in range(5))
    times = market_times(a_symbol(sessions=whole_days), utc_ns("2026-01-07 12:00"))
    assert times.closes_ns == utc_ns("2026-01-09 22:00")
    assert times.opens_ns == utc_ns("2026-01-11 22:00")


def test_a_market_without_sessions_never_closes() -> None:
    times = market_times(a_symbol(sessions=()), utc_ns("2026-01-10 12:00"))
    assert (times.is_open, times.closes_ns, times.opens_ns) == (True, 0, 0)
    assert times.session_text == "open at all times"


def test_a_holiday_closes_a_market() -> None:
    symbol = a_symbol(holidays=((utc_ns("2026-01-07 10:00"), utc_ns("2026-01-08 10:00")),))
    before = market_times(symbol, utc_ns("2026-01-07 09:00"))
    assert (before.closes_ns, before.opens_ns) == (utc_ns("2026-01-07 10:00"), utc_ns("2026-01-08 10:00"))
    during = market_times(symbol, utc_ns("2026-01-07 12:00"))
    assert (during.is_open, during.opens_ns) == (False, utc_ns("2026-01-08 10:00"))
    assert during.session_text == "holiday"


def test_an_expired_symbol_never_opens() -> None:
    symbol = a_symbol(expires_ns=utc_ns("2026-01-07 15:00"))
    assert market_times(symbol, utc_ns("2026-01-07 12:00")).closes_ns == utc_ns("2026-01-07 15:00")
    expired = market_times(symbol, utc_ns("2026-01-07 16:00"))
    assert (expired.is_open, expired.opens_ns, expired.session_text) == (False, 0, "expired")


def test_a_change_of_the_clock_moves_the_close() -> None:
    # New York changes on 8 March 2026, so the server's midnight moves from 22:00 to 21:00 UTC.
    assert market_times(a_symbol(), utc_ns("2026-03-06 12:00")).closes_ns == utc_ns("2026-03-06 21:55")
    assert market_times(a_symbol(), utc_ns("2026-03-07 12:00")).opens_ns == utc_ns("2026-03-08 21:05")
    assert utc_offset_s(utc_ns("2026-03-06 12:00")) * SECOND_NS == 2 * HOUR_NS
    assert utc_offset_s(utc_ns("2026-03-09 12:00")) * SECOND_NS == 3 * HOUR_NS


def test_another_clock_has_its_own_rollover() -> None:
    symbol = a_symbol(clock="UTC", swap_weekdays=(Decimal(1),) * 7)
    assert market_times(symbol, utc_ns("2026-01-10 12:00")).rollover_ns == utc_ns("2026-01-11 00:00")
