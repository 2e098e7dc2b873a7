"""Changes of a symbol's terms are reported with both values, but not those of volatile fields."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from msgspec import structs

from proto.trading.enums import CalculationMode, GtcMode, SwapMode, TradeMode
from proto.trading.instrument import CommissionTerms, Instrument, SwapTerms
from services.portfolio.core.gateway_client.instrument_changes import (
    BREAKING_FIELDS,
    VOLATILE_FIELDS,
    breaking_changes,
    instrument_changes,
)
from tests.support.builders import an_instrument

D = Decimal

EARLIER = {"swap_long_points", "swap_short_points", "swap_triple_weekday", "commission_per_lot"}
"""Fields of earlier versions, whose values are converted to other fields."""

CHANGES: dict[str, tuple[Any, str]] = {
    "base_currency": ("GBP", "base_currency of EURUSD was EUR, is GBP"),
    "profit_currency": ("JPY", "profit_currency of EURUSD was USD, is JPY"),
    "margin_currency": ("CHF", "is CHF"),
    "digits": (4, "digits of EURUSD was 5, is 4"),
    "contract_size": (D(10_000), "contract_size of EURUSD was 100000, is 10000"),
    "tick_size": (D("0.00005"), "tick_size of EURUSD was 0.00001, is 0.00005"),
    "tick_value": (D("0.9"), ""),
    "volume_min": (D("0.1"), "volume_min of EURUSD was 0.01, is 0.1"),
    "volume_max": (D(50), "volume_max of EURUSD was 100, is 50"),
    "volume_step": (D("0.1"), "volume_step of EURUSD was 0.01, is 0.1"),
    "stops_level_points": (77, "is 77"),
    "freeze_level_points": (33, "is 33"),
    "volume_limit": (D(20), "volume_limit of EURUSD was 0, is 20"),
    "tick_price": (D(5), "tick_price of EURUSD was 0, is 5"),
    "calculation_mode": (CalculationMode.CFD, "calculation_mode of EURUSD was FOREX, is CFD"),
    "margin_initial": (D(1_000), "was 0, is 1000"),
    "margin_maintenance": (D(500), "was 0, is 500"),
    "margin_rates_long": ((D(1), D("0.5")), "was (1, 1), is (1, 0.5)"),
    "margin_rates_short": ((D(2), D(1)), "is (2, 1)"),
    "margin_hedged": (D(50_000), "was none, is 50000"),
    "swaps": (
        (SwapTerms(None, SwapMode.POINTS, D("-7.25"), D("1.75")),),
        "was (POINTS -7.43 1.49), is (POINTS -7.25 1.75)",
    ),
    "swap_weekdays": ((D(1),) * 7, "was (1, 1, 3, 1, 1, 0, 0), is (1, 1, 1, 1, 1, 1, 1)"),
    "commissions": ((CommissionTerms(None, D("9.5"), "USD"),), "was (3.5), is (9.5 USD)"),
    "clock": ("Europe/Athens", "was new_york_close, is Europe/Athens"),
    "sessions": (((0, 60),), "is ((0, 60))"),
    "quote_sessions": (((0, 90),), "was none, is ((0, 90))"),
    "holidays": (((1, 2),), "was none, is ((1, 2))"),
    "expires_ns": (7, "was 0, is 7"),
    "filling": (("FOK",), "is (FOK)"),
    "gtc_mode": (GtcMode.DAILY_EXCLUDING_STOPS, "was GTC, is DAILY_EXCLUDING_STOPS"),
    "untold": (("sessions",), ""),
    "trade_mode": (TradeMode.DISABLED, "trade_mode of EURUSD was FULL, is DISABLED"),
}


def test_every_term_except_the_symbol_has_a_test_case() -> None:
    assert set(CHANGES) == set(Instrument.__struct_fields__) - {"symbol"} - EARLIER
    assert set(CHANGES) >= BREAKING_FIELDS | VOLATILE_FIELDS


@pytest.mark.parametrize("field", CHANGES)
def test_a_change_is_reported_with_both_values_and_selected_if_it_is_breaking(field: str) -> None:
    before = an_instrument()
    value, message = CHANGES[field]
    after = structs.replace(before, **{field: value})
    changes = instrument_changes(before, after)
    if field in VOLATILE_FIELDS:
        assert changes == []
        return
    [line] = changes
    assert line.startswith(f"{field} of EURUSD was ")
    assert message in line
    assert breaking_changes(before, after) == ([line] if field in BREAKING_FIELDS else [])


def test_the_same_terms_in_another_notation_are_no_change() -> None:
    before = an_instrument()
    after = structs.replace(before, contract_size=D("1E+5"), volume_step=D("0.010"))
    assert instrument_changes(before, after) == []


def test_several_changes_are_reported_in_the_sequence_of_the_fields() -> None:
    before = an_instrument()
    after = structs.replace(before, trade_mode=TradeMode.CLOSE_ONLY, digits=4, volume_max=D(1))
    assert [line.partition(" ")[0] for line in instrument_changes(before, after)] == [
        "digits",
        "volume_max",
        "trade_mode",
    ]
    assert [line.partition(" ")[0] for line in breaking_changes(before, after)] == ["digits"]
