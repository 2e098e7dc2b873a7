"""Changes of a symbol's terms: each is named with both values, and those that break the desk's numbers are told apart."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from msgspec import structs

from proto.trading.enums import TradeMode
from proto.trading.instrument import Instrument
from services.portfolio.core.gateway_client.instrument_changes import (
    BREAKING_FIELDS,
    VOLATILE_FIELDS,
    breaking_changes,
    instrument_changes,
)
from tests.support.builders import an_instrument

D = Decimal

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
    "swap_long_points": (D("-7.25"), "is -7.25"),
    "swap_short_points": (D("1.75"), "is 1.75"),
    "swap_triple_weekday": (4, "is 4"),
    "sessions": (((0, 60),), "is ((0, 60),)"),
    "filling": (("FOK",), "is ('FOK',)"),
    "commission_per_lot": (D("9.5"), "is 9.5"),
    "trade_mode": (TradeMode.DISABLED, "trade_mode of EURUSD was FULL, is DISABLED"),
}


def test_every_term_but_the_name_has_a_case_here() -> None:
    assert set(CHANGES) == set(Instrument.__struct_fields__) - {"symbol"}
    assert set(CHANGES) >= BREAKING_FIELDS | VOLATILE_FIELDS


@pytest.mark.parametrize("field", CHANGES)
def test_a_change_is_told_with_both_values_and_its_gravity(field: str) -> None:
    before = an_instrument()
    value, words = CHANGES[field]
    after = structs.replace(before, **{field: value})
    told = instrument_changes(before, after)
    if field in VOLATILE_FIELDS:
        assert told == []
        return
    [line] = told
    assert line.startswith(f"{field} of EURUSD was ")
    assert words in line
    assert breaking_changes(before, after) == ([line] if field in BREAKING_FIELDS else [])


def test_the_same_terms_written_otherwise_are_no_change() -> None:
    before = an_instrument()
    after = structs.replace(before, contract_size=D("1E+5"), volume_step=D("0.010"))
    assert instrument_changes(before, after) == []


def test_several_changes_are_told_in_the_order_of_the_terms() -> None:
    before = an_instrument()
    after = structs.replace(before, trade_mode=TradeMode.CLOSE_ONLY, digits=4, volume_max=D(1))
    assert [line.partition(" ")[0] for line in instrument_changes(before, after)] == [
        "digits",
        "volume_max",
        "trade_mode",
    ]
    assert [line.partition(" ")[0] for line in breaking_changes(before, after)] == ["digits"]
