"""Terms of a symbol: fields of earlier versions, dated tables, and trading times."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import msgspec
import pytest
from msgspec import structs

from proto.trading.enums import CalculationMode, SwapMode
from proto.trading.instrument import CommissionTerms, Instrument, SwapTerms
from tests.support.builders import an_instrument
from tests.support.market import utc_ns

D = Decimal

EARLIER = (
    '{"symbol":"XAUUSD","base_currency":"XAU","profit_currency":"USD","digits":2,"contract_size":"100",'
    '"tick_size":"0.01","volume_min":"0.01","volume_max":"100","volume_step":"0.01","tick_value":"1",'
    '"stops_level_points":10,"freeze_level_points":5,"margin_currency":"USD","swap_long_points":"-41.10",'
    '"swap_short_points":"27.95","swap_triple_weekday":4,"sessions":[[60,1440]],"filling":["FOK"],'
    '"commission_per_lot":"3.5","trade_mode":"FULL"}'
)


def test_terms_of_earlier_versions_are_read_and_written_as_current_ones() -> None:
    terms = msgspec.json.decode(EARLIER, type=Instrument)
    assert terms.swaps == (SwapTerms(None, SwapMode.POINTS, D("-41.10"), D("27.95")),)
    assert list(terms.swap_weekdays) == [1, 1, 1, 1, 3, 0, 0]
    assert terms.commissions == (CommissionTerms(None, D("3.5"), ""),)
    assert terms.calculation_mode is CalculationMode.CFD_LEVERAGE, "the margin currency is the profit currency"
    written = msgspec.json.encode(terms)
    assert b'points":"' not in written.replace(b"level_points", b"")
    assert msgspec.json.decode(written, type=Instrument) == terms


def test_terms_without_swaps_or_commission_have_no_rows() -> None:
    none = EARLIER.replace("-41.10", "0").replace("27.95", "0").replace('"3.5"', '"0"')
    terms = msgspec.json.decode(none, type=Instrument)
    assert (terms.swaps, terms.commissions) == ((), ())


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"volume_limit": D(-1)}, "volume_limit of EURUSD is -1, expected 0 or more"),
        ({"swap_weekdays": (D(1),) * 6 + (D(-1),)}, "swap_weekdays of EURUSD is -1, expected 0 or more"),
        ({"calculation_mode": CalculationMode.FUTURES}, "tick_price of EURUSD is 0, .* in calculation mode FUTURES"),
        ({"calculation_mode": CalculationMode.CFD_INDEX}, "tick_price of EURUSD is 0, .* mode CFD_INDEX"),
        ({"clock": "Europe/Atlantis"}, "clock of EURUSD is Europe/Atlantis, expected new_york_close, UTC or a zone"),
        (
            {"swaps": (SwapTerms(date(2026, 1, 1)),)},
            "row 1 of a table of EURUSD begins at 2026-01-01, expected none: the first row has no date",
        ),
        (
            {"commissions": (CommissionTerms(), CommissionTerms())},
            "row 2 of a table of EURUSD begins at none, expected a date",
        ),
        (
            {"swaps": (SwapTerms(), SwapTerms(date(2026, 1, 2)), SwapTerms(date(2026, 1, 2)))},
            "row 3 of a table of EURUSD begins at 2026-01-02, expected a later date",
        ),
    ],
)
def test_terms_that_contradict_themselves_are_refused(changed: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        structs.replace(an_instrument(), **changed)


def traded(terms: Instrument, *times: str) -> list[bool]:
    return [terms.is_traded(utc_ns(time)) for time in times]


def test_a_symbol_without_sessions_is_always_traded_except_on_holidays_and_after_its_expiry() -> None:
    """The beginning of a holiday is included and its end is excluded; trading ends at the time of the expiry."""
    holidays = (
        (utc_ns("2025-12-25 00:00"), utc_ns("2025-12-26 00:00")),
        (utc_ns("2026-01-01 00:00"), utc_ns("2026-01-01 22:00")),
    )
    terms = structs.replace(an_instrument(), sessions=(), holidays=holidays, expires_ns=utc_ns("2026-03-20 21:00"))
    assert traded(terms, "2025-12-24 23:59", "2025-12-25 00:00", "2025-12-25 23:59") == [True, False, False]
    assert traded(terms, "2025-12-26 00:00", "2026-01-01 21:59", "2026-01-01 22:00") == [True, False, True]
    assert traded(terms, "2026-03-20 20:59", "2026-03-20 21:00") == [True, False]


def test_sessions_are_times_of_the_symbols_clock() -> None:
    """Monday 09:00 to 17:30 in Berlin, which is an hour ahead of UTC in winter and two in summer."""
    terms = structs.replace(an_instrument(), clock="Europe/Berlin", sessions=((540, 1050),))
    assert traded(terms, "2026-01-05 07:59", "2026-01-05 08:00", "2026-01-05 16:29", "2026-01-05 16:30") == [
        False,
        True,
        True,
        False,
    ]
    assert traded(terms, "2026-07-06 06:59", "2026-07-06 07:00", "2026-07-06 15:30") == [False, True, False]
