"""Trading sessions: currencies trade from the server's Monday to its Friday, metals with a break each night."""

from __future__ import annotations

import pytest
from msgspec import structs

from proto.time import MINUTE_NS
from services.mt5.core.simulated.sessions import session_age_ns
from tests.support.builders import an_instrument
from tests.support.market import utc_ns


@pytest.mark.parametrize(
    ("time", "fx", "metals"),
    [
        ("2026-01-04 21:59:59", False, False),
        ("2026-01-04 22:00:00", True, False),
        ("2026-01-04 22:59:59", True, False),
        ("2026-01-04 23:00:00", True, True),
        ("2026-01-06 21:59:59", True, True),
        ("2026-01-06 22:30:00", True, False),
        ("2026-01-09 21:59:59", True, True),
        ("2026-01-09 22:00:00", False, False),
        ("2026-01-10 12:00:00", False, False),
        ("2026-07-10 20:59:59", True, True),
        ("2026-07-10 21:00:00", False, False),
        ("2026-07-12 21:00:00", True, False),
    ],
)
def test_sessions_follow_new_yorks_clock(time: str, fx: bool, metals: bool) -> None:
    assert an_instrument("EURUSD").is_traded(utc_ns(time)) is fx
    assert an_instrument("XAUUSD").is_traded(utc_ns(time)) is metals


def test_an_instrument_without_sessions_is_always_open() -> None:
    assert structs.replace(an_instrument(), sessions=()).is_traded(utc_ns("2026-01-10 12:00"))


def test_the_age_of_a_session_counts_from_its_start_or_the_end_of_a_holiday_within_it() -> None:
    """Gold's session of the server's Tuesday begins on Monday at 23:00 UTC."""
    gold = an_instrument("XAUUSD")
    half_past = utc_ns("2026-01-05 23:30")
    assert session_age_ns(gold, half_past) == 30 * MINUTE_NS
    assert session_age_ns(gold, utc_ns("2026-01-05 22:30")) is None
    holiday = (utc_ns("2026-01-05 00:00"), utc_ns("2026-01-05 23:20"))
    rested = structs.replace(gold, holidays=(holiday,))
    assert session_age_ns(rested, half_past) == 10 * MINUTE_NS
    assert session_age_ns(rested, utc_ns("2026-01-05 23:10")) is None
    assert session_age_ns(structs.replace(gold, sessions=()), half_past) == half_past


def test_the_age_of_a_session_uses_the_symbols_own_clock() -> None:
    berlin = structs.replace(an_instrument(), clock="Europe/Berlin", sessions=((540, 1050),))
    assert session_age_ns(berlin, utc_ns("2026-01-05 08:15")) == 15 * MINUTE_NS
